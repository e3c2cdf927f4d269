import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { PulumiCommand } from '@pulumi/pulumi/automation/index.js';
import { execa } from 'execa';
import { backendUrl, kept, passphraseFile, pulumiFolder, root, stateFolder } from './paths.ts';
import { Sentence, wordsOf } from './sentence.ts';

/** What `pulumi` and the engine need, beyond what the person's shell has. */
export interface Environment {
  /** Folders that go before PATH. */
  path: string[];
  variables: Record<string, string>;
  /** Whether the rig's engine is used. */
  rig: boolean;
  /** Programs of the stack that the rig only stands in for, as people call them. */
  standIns: string[];
}

/** What may be a stand-in and is seen by people. */
const titles: Readonly<Record<string, string>> = { grafana: 'Grafana', cloudbeaver: 'CloudBeaver' };

type Variables = Readonly<Record<string, string | undefined>>;

/** The variables that a person has not set already. Their own backend and passphrase are kept. */
export function ownVariables(set: Variables): Record<string, string> {
  const wanted: Record<string, string> = {
    PULUMI_HOME: pulumiFolder,
    PULUMI_SKIP_UPDATE_CHECK: 'true',
  };
  if (set['PULUMI_ACCESS_TOKEN'] === undefined) wanted['PULUMI_BACKEND_URL'] = backendUrl;
  if (set['PULUMI_CONFIG_PASSPHRASE'] === undefined) wanted['PULUMI_CONFIG_PASSPHRASE_FILE'] = passphraseFile;
  return Object.fromEntries(Object.entries(wanted).map(([name, value]) => [name, set[name] ?? value]));
}

/**
 * Makes ready what Taffrail keeps: folders, passphrase, and `pulumi` (installed, or the rig's). Sets it in this
 * process as well.
 *
 * @param progress takes one short line about what is done
 */
export async function prepare(progress: (words: string) => void): Promise<Environment> {
  makeFolders();
  const variables = ownVariables(process.env);
  const path = [join(root, 'node_modules', 'node', 'bin')];
  const made = await madeByRig(variables, progress);
  if (made) {
    path.push(...made.path);
    Object.assign(variables, made.env, { DOCKER_HOST: made.dockerHost });
  }
  adopt(path, variables);
  if (!made) {
    const folder = await installedPulumi(progress);
    if (folder !== undefined) {
      path.push(folder);
      adopt([folder], {});
    }
  }
  const standIns = (made?.parts ?? [])
    .filter(({ kind, name }) => kind === 'stand-in' && Object.hasOwn(titles, name))
    .map(({ name }) => titles[name] ?? name);
  return { path, variables, rig: made !== undefined, standIns };
}

/** What the rig makes, where the official things cannot be had; else undefined. */
async function madeByRig(variables: Variables, progress: (words: string) => void) {
  // Loaded late: where Docker answers, nothing of the rig is needed but its decision.
  const rig = await import('../../test/rig/index.ts');
  try {
    const { use } = await rig.decideRig({ ...process.env, ...variables });
    if (!use) return undefined;
    return await rig.ensureRig({
      pulumiHome: variables['PULUMI_HOME'] ?? pulumiFolder,
      progress: ({ step, index, total, detail }) => {
        progress(
          `${step}${total > 1 ? ` (${index} of ${total})` : ''}${detail === undefined ? '' : ` ${detail}`}`,
        );
      },
    });
  } catch (error) {
    if (error instanceof rig.RigError) throw new Sentence(error.message);
    throw error;
  }
}

function makeFolders(): void {
  try {
    mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
    mkdirSync(pulumiFolder, { recursive: true, mode: 0o700 });
    chmodSync(kept, 0o700);
    if (!existsSync(passphraseFile)) {
      // `wx`: of two commands that start together, one writes it and the other takes it.
      writeFileSync(passphraseFile, `${randomBytes(32).toString('base64url')}\n`, {
        mode: 0o600,
        flag: 'wx',
      });
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
    throw new Sentence(`Taffrail keeps its state in ${kept}, and cannot: ${wordsOf(error)}`);
  }
}

function adopt(path: readonly string[], variables: Readonly<Record<string, string>>): void {
  process.env['PATH'] = [...path, process.env['PATH'] ?? ''].join(delimiter);
  Object.assign(process.env, variables);
}

/** The folder of the CLI that Taffrail installed; undefined when the person's own is used. */
async function installedPulumi(progress: (words: string) => void): Promise<string | undefined> {
  const own = await execa('pulumi', ['version'], { reject: false, timeout: 20_000 });
  if (own.exitCode === 0) return undefined;
  const folder = join(pulumiFolder, 'cli');
  if (!existsSync(join(folder, 'bin', 'pulumi'))) progress('installing the Pulumi CLI (about 150 MB)');
  try {
    await PulumiCommand.install({ root: folder });
  } catch (error) {
    throw new Sentence(
      `The Pulumi CLI is not on the PATH and cannot be installed: ${wordsOf(error).split('\n')[0] ?? ''}\n` +
        'Install it by hand (https://www.pulumi.com/docs/install/), then repeat.',
    );
  }
  return join(folder, 'bin');
}

/** The first program of that name in those folders, but for one of them. */
export const programOn = (path: readonly string[], name: string, except: string): string | undefined =>
  path
    .filter((folder) => folder !== except)
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file));

/** The folders of `path` that PATH does not have yet. */
export const missingFrom = (path: readonly string[], current: string): string[] => {
  const present = new Set(current.split(delimiter));
  return path.filter((folder) => !present.has(folder));
};
