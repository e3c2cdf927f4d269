import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import type { ApplyTold } from '../../../components/jobs/apply.ts';
import type { DatabaseTold } from '../../../components/jobs/database.ts';
import type { FilesTold } from '../../../components/jobs/files.ts';
import { type ImageKey, imageKeys, imageTag } from '../../../configs/images.ts';
import { created, docker, gone } from './engine.ts';
import { jobStack, ownLabel, root } from './place.ts';

// The jobs themselves, started as the command plugin starts them (components/delivery.ts), told what a test chooses.

interface Told {
  files: FilesTold;
  apply: ApplyTold;
  database: DatabaseTold;
}

export interface Ended {
  code: number;
  /** What it says when it succeeds, and when it fails. */
  stdout: string;
  stderr: string;
}

export interface StartedJob {
  pid: number;
  ended: Promise<Ended>;
}

/** Starts a job; `dockerHost` where the engine is not the test's own. */
export function startJob<Script extends keyof Told>(
  script: Script,
  told: Told[Script],
  { dockerHost }: { dockerHost?: string } = {},
): StartedJob {
  const child = spawn('node', ['--require', './commands/preload.cjs', `components/jobs/${script}.ts`], {
    // Not in a copy, where `npm run up` ends jobs of which no Pulumi knows.
    cwd: root,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...(dockerHost !== undefined && { DOCKER_HOST: dockerHost }) },
  });
  child.stdin.on('error', () => undefined); // it was killed before it read
  child.stdin.end(JSON.stringify(told));
  const code = new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exit) => {
      resolve(exit ?? 128);
    });
  });
  return {
    pid: child.pid ?? 0,
    ended: Promise.all([code, text(child.stdout), text(child.stderr)]).then(([exit, stdout, stderr]) => ({
      code: exit,
      stdout,
      stderr,
    })),
  };
}

export const runJob = <Script extends keyof Told>(
  script: Script,
  told: Told[Script],
  options: { dockerHost?: string } = {},
): Promise<Ended> => startJob(script, told, options).ended;

/** A job of the test's own stack, which has no state: its helpers carry the labels of a stack all the same. */
export const jobNamed = (name: string) => ({
  project: `taffrail-${jobStack}`,
  stack: jobStack,
  owner: 'e2e',
  name,
});

/** A pinned image as jobs are told of it. */
export const pinned = (key: ImageKey) => ({ id: imageTag(key), reference: imageTag(key) });

/** The same for an image that was recorded (test/components): its id there is a made-up one. */
export function realImage({ id, reference }: { id: string; reference: string }) {
  const key = imageKeys.find((one) => id === `id-of-image-${one}`);
  return key === undefined ? { id, reference } : pinned(key);
}

/** The helpers of a job: whatever it is in the middle of, one at most. */
export const helpersOf = async (name: string, stack = jobStack): Promise<{ name: string; state: string }[]> =>
  (
    await docker.listContainers({
      all: true,
      filters: { label: [`dev.taffrail.job=${name}`, `dev.taffrail.stack=${stack}`] },
    })
  ).map(({ Names, State }) => ({ name: (Names[0] ?? '').slice(1), state: State }));

/** Makes an empty volume of the test's own. */
export async function emptyVolume(name: string, options: Record<string, string> = {}): Promise<void> {
  await docker.getVolume(name).remove({ force: true }).catch(gone);
  await docker.createVolume({ Name: name, Labels: { [ownLabel]: '1' }, DriverOpts: options });
}

/** What is in a volume: content by path, links as `-> target`. Read through a container that never starts. */
export async function filesIn(volume: string): Promise<Record<string, string>> {
  const { entriesOf } = await import('../../../components/jobs/lib/archive.ts');
  const { buffer } = await import('node:stream/consumers');
  const reader = await created({
    name: `e2e-files-of-${volume}`,
    command: ['true'],
    binds: [`${volume}:/v`],
  });
  try {
    const entries = await entriesOf(await buffer(await reader.getArchive({ path: '/v' })));
    return Object.fromEntries(
      [...entries.values()].flatMap(({ path, content, link }) =>
        content === undefined && link === undefined
          ? []
          : [[path.replace(/^v\//, ''), link === undefined ? (content ?? '') : `-> ${link}`]],
      ),
    );
  } finally {
    await reader.remove({ force: true, v: true });
  }
}

/** The files in force of a volume with revisions. */
export async function inForce(volume: string): Promise<Record<string, string>> {
  const files = await filesIn(volume);
  const revision = files['current']?.replace('-> ', '') ?? '';
  return Object.fromEntries(
    Object.entries(files).flatMap(([path, content]) =>
      path.startsWith(`${revision}/`) ? [[path.slice(revision.length + 1), content]] : [],
    ),
  );
}
