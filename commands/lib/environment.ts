import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { PulumiCommand } from '@pulumi/pulumi/automation/index.js';
import { execa } from 'execa';
import {
  backendUrl,
  holdsWrapper,
  installedCli,
  kept,
  passphraseFile,
  pulumiFolder,
  root,
  stateFolder,
} from './paths.ts';
import { overSsh } from './overSsh.ts';
import { Sentence, wordsOf } from './sentence.ts';

/** What `pulumi` and the engine need, beyond what the person's shell has. */
export interface Environment {
  /** Folders that go before PATH. */
  path: string[];
  variables: Record<string, string>;
  /** What is the rig's: the engine and the CLI, or with an engine elsewhere the CLI only. */
  rig: 'engine' | 'tools' | undefined;
  /** Programs of the stack that the rig only stands in for, as people call them. */
  standIns: string[];
}

/** What may be a stand-in and is seen by people. */
const titles: Readonly<Record<string, string>> = { grafana: 'Grafana', cloudbeaver: 'CloudBeaver' };

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * The variables that a person has not set already. Their own backend and passphrase are kept.
 *
 * @param host the engine that the stack's settings name
 */
export function ownVariables(set: Variables, host = set['DOCKER_HOST']): Record<string, string> {
  const wanted: Record<string, string> = {
    PULUMI_HOME: pulumiFolder,
    PULUMI_SKIP_UPDATE_CHECK: 'true',
    // A program that fails does not hold up the others.
    PULUMI_CONTINUE_ON_ERROR: 'true',
  };
  if (host?.startsWith('ssh:')) wanted['PULUMI_PARALLEL'] = overSsh;
  if (set['PULUMI_ACCESS_TOKEN'] === undefined) wanted['PULUMI_BACKEND_URL'] = backendUrl;
  if (set['PULUMI_CONFIG_PASSPHRASE'] === undefined) wanted['PULUMI_CONFIG_PASSPHRASE_FILE'] = passphraseFile;
  return Object.fromEntries(Object.entries(wanted).map(([name, value]) => [name, set[name] ?? value]));
}

/** What a command is going to use. */
export interface Needs {
  /** The engine that the stack's settings name. */
  host?: string | undefined;
  /** Whether `pulumi` will be run; the rig's is made ready at once, the official one by `addPulumi`. */
  pulumi: boolean;
}

/**
 * Makes ready what Taffrail keeps (folders, passphrase) and, where it is used, the rig. Sets it in this process as
 * well. Whether an engine of the person's answers is not looked at: the check of the host says that better.
 *
 * @param progress takes one short line about what is done
 */
export async function prepare(progress: (words: string) => void, needs: Needs): Promise<Environment> {
  process.env['PATH'] = realPath(process.env);
  makeFolders();
  const variables = ownVariables(process.env, needs.host);
  const path = [join(root, 'node_modules', 'node', 'bin')];
  const isFar = engineIsFar(needs.host, process.env);
  const made = isFar && !needs.pulumi ? undefined : await madeByRig(variables, progress, needs.host, isFar);
  if (made) {
    path.push(...made.path);
    Object.assign(variables, made.env);
  }
  adopt(path, variables);
  const standIns = (made?.parts ?? [])
    .filter(({ kind, name }) => kind === 'stand-in' && Object.hasOwn(titles, name))
    .map(({ name }) => titles[name] ?? name);
  return { path, variables, rig: made && (isFar ? 'tools' : 'engine'), standIns };
}

/**
 * Adds `pulumi` where nobody has it: installs it.
 *
 * @param first done before something is installed
 */
export async function addPulumi(
  progress: (words: string) => void,
  environment: Environment,
  first: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  if (environment.rig !== undefined) return;
  const folder = await installedPulumi(progress, first);
  if (folder === undefined) return;
  environment.path.push(folder);
  adopt([folder], {});
}

/**
 * PATH with the CLI itself where `env` has put the wrapper: that is for people at a terminal; commands signal the CLI
 * themselves.
 */
export function realPath({ PATH = '', TAFFRAIL_PULUMI: cli }: Variables): string {
  const real = cli !== undefined && existsSync(cli) ? [dirname(cli)] : [];
  return PATH.split(delimiter)
    .flatMap((folder) => (holdsWrapper(folder) ? real : [folder]))
    .join(delimiter);
}

/** Whether the engine is on another machine. TAFFRAIL_RIG=1 asks for the rig's whatever DOCKER_HOST says. */
export function engineIsFar(named: string | undefined, set: Variables): boolean {
  const host = named ?? (set['TAFFRAIL_RIG'] === '1' ? undefined : set['DOCKER_HOST']);
  return Boolean(host) && !host?.startsWith('unix:');
}

/** What the rig makes, where the official things cannot be had; else undefined. */
async function madeByRig(
  variables: Variables,
  progress: (words: string) => void,
  host: string | undefined,
  isFar: boolean,
) {
  // Loaded late: where Docker answers, nothing of the rig is needed but its decision.
  const rig = await import('../../test/rig/index.ts');
  try {
    const set = { ...process.env, ...variables, ...(host !== undefined && { DOCKER_HOST: host }) };
    const { use } = await rig.decideRig(set, { mustAnswer: false });
    if (!use) return undefined;
    const options: Parameters<typeof rig.ensureRig>[0] = {
      pulumiHome: variables['PULUMI_HOME'] ?? pulumiFolder,
      progress: ({ step, index, total, detail }) => {
        progress(
          `${step}${total > 1 ? ` (${index} of ${total})` : ''}${detail === undefined ? '' : ` ${detail}`}`,
        );
      },
    };
    return await (isFar ? rig.ensureTools(options) : rig.ensureRig(options));
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
async function installedPulumi(
  progress: (words: string) => void,
  first: () => Promise<void>,
): Promise<string | undefined> {
  const own = await execa('pulumi', ['version'], { reject: false, timeout: 20_000 });
  if (own.exitCode === 0) return undefined;
  const folder = installedCli;
  if (!existsSync(join(folder, 'pulumi'))) {
    await first();
    progress('installing the Pulumi CLI (about 150 MB)');
  }
  try {
    await PulumiCommand.install({ root: dirname(folder) });
  } catch (error) {
    throw new Sentence(
      `The Pulumi CLI is not on the PATH and cannot be installed: ${wordsOf(error).split('\n')[0] ?? ''}\n` +
        'Install it by hand (https://www.pulumi.com/docs/install/), then repeat.',
    );
  }
  return folder;
}

/** The first program of that name in those folders. */
export const programOn = (path: readonly string[], name: string): string | undefined =>
  path.map((folder) => join(folder, name)).find((file) => existsSync(file));

/** The folders of `path` that PATH does not have yet. */
export const missingFrom = (path: readonly string[], current: string): string[] => {
  const present = new Set(current.split(delimiter));
  return path.filter((folder) => !present.has(folder));
};
