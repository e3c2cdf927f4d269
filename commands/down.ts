/**
 * `npm run down [-- -s <stack>] [--yes]`: removes a stack: containers, networks, volumes, images that nobody uses, its
 * state. With the last stack also what Taffrail kept beside it. What another checkout made is left, and named.
 * It asks first; where nobody can be asked it wants `--yes`, but for `local`, the default.
 */
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import type { Stack } from '@pulumi/pulumi/automation/index.js';
import { imageKeys, imageTag } from '../configs/images.ts';
import { mustAnswer } from './lib/answer.ts';
import { readArguments } from './lib/arguments.ts';
import { connect, defaultAddress, type Engine } from './lib/engine.ts';
import { addPulumi, prepare } from './lib/environment.ts';
import { forgetHistory, forgetKept, forgetSettings, stacksIn } from './lib/forget.ts';
import { npmRun } from '../configs/whatToType.ts';
import { breakDeadLocks, holdStack } from './lib/locks.ts';
import { endOrphans, orphanWords } from './lib/orphanedProcesses.ts';
import {
  apart,
  isEmpty,
  leftWords,
  strays,
  type Thing,
  type Things,
  thingsOf,
  without,
} from './lib/owner.ts';
import { stackFile } from './lib/paths.ts';
import { type Progress, showProgress } from './lib/progress.ts';
import { exportState, isOwnBackend, openStack, operate } from './lib/pulumi.ts';
import { run, Sentence } from './lib/sentence.ts';
import { hostNamed } from './lib/stackSettings.ts';
import { mendStateFiles } from './lib/stateFiles.ts';
import {
  type Deployment,
  hostOf,
  imageNames,
  known,
  pendingOperations,
  protectedResources,
  resources,
} from './lib/state.ts';

/** The rig's images are part of its cache: whoever needs them again could not pull them. */
const madeByRig = new Set(imageKeys.map(imageTag));

await run(async () => {
  const { stack: name, yes } = readArguments(
    'down',
    'Removes a stack and its data; `local` when none is named.',
    true,
  );
  await confirm(name, yes);
  const progress = showProgress();
  try {
    await down(name, progress);
  } catch (error) {
    progress.end(undefined, true);
    throw error;
  }
});

async function confirm(name: string, yes: boolean): Promise<void> {
  if (yes) return;
  const what = `This deletes the stack ${name} with its logs and metrics.`;
  if (!process.stdin.isTTY) {
    if (name === 'local') return;
    throw new Sentence(`${what} If you mean it:\n  ${npmRun('down', name)} --yes`);
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(
    name === 'local' ? `${what} Go on? [y/N] ` : `${what} Type its name to go on: `,
  );
  terminal.close();
  const meant = name === 'local' ? /^y(es)?$/i.test(answer.trim()) : answer.trim() === name;
  if (!meant) throw new Sentence('Nothing was changed.');
}

async function down(name: string, progress: Progress): Promise<void> {
  progress.step('tools');
  const environment = await prepare(progress.now, { host: hostOrNone(name), pulumi: true });
  const { rig } = environment;
  // The state may name another engine; but nothing is installed to find that out where nobody answers.
  await addPulumi(progress.now, environment, () => lookAt(hostOrNone(name), name));
  const release = holdStack(name);
  const removed: string[] = [];
  const said: string[] = [];
  let engine: Engine | undefined;
  try {
    progress.step('state');
    if (isOwnBackend()) {
      breakDeadLocks(name);
      mendStateFiles(name); // or Pulumi could not read it
    }
    const isKnown = name === 'local' || existsSync(stackFile(name)) || stacksIn().includes(name);
    const stack = isKnown ? await openStack(name, false) : undefined;
    const state = stack && (await exportState(stack));
    // Where the state says that it is; a settings file may have been changed since, or be full of mistakes.
    const address =
      (state && hostOf(state)) ?? hostNamed(name) ?? process.env['DOCKER_HOST'] ?? defaultAddress;
    if (address.startsWith('tcp:') && address !== process.env['DOCKER_HOST'])
      throw new Sentence(`The stack ${name} lives on ${address}. Type:  export DOCKER_HOST=${address}`);
    engine = await connect(address);
    await mustAnswer(engine, name, rig === 'engine' && address === process.env['DOCKER_HOST']);
    if (state) refuseProtected(name, protectedResources(state));
    for (const orphan of endOrphans()) progress.line(orphanWords(orphan));
    // Sorted while there is a state to tell by.
    const found = apart(await thingsOf(engine, name), state);
    // First: the engine refuses to remove a volume or a network that a helper uses.
    const helpers = [
      ...found.own.containers.filter(({ id, helper }) => helper && !isKnownTo(state, id)),
      ...strays(found.foreign),
    ];
    removed.push(...(await removeHelpers(engine, helpers)));
    const before = { own: without(found.own, helpers), foreign: without(found.foreign, helpers) };
    const isTaken = before.foreign.volumes.some(({ id }) => state && known(state).volumes.includes(id));
    if (stack && state) removed.push(...(await removeStack(stack, state, isTaken, progress)));
    progress.step('leftovers');
    const images = state ? imageNames(state) : [];
    removed.push(
      ...(await removeThings(engine, before.own)),
      ...(await removeImages(
        engine,
        rig && engine.socket !== undefined ? images.filter((image) => !madeByRig.has(image)) : images,
      )),
    );
    if (!isEmpty(before.foreign)) said.push(leftWords(name, address, before));
    if (rig === 'engine') await stopRig(progress);
  } finally {
    engine?.close();
    release();
  }
  said.push(...forgetSettings(name, isOwnBackend()), ...forgetKept(isOwnBackend()));
  progress.end();
  console.log(
    removed.length === 0
      ? `\nThere was nothing of the stack ${name}.`
      : `\nRemoved of the stack ${name}: ${removed.join(', ')}.`,
  );
  for (const words of said) console.log(words);
  if (rig) console.log("Kept: the rig's build cache; `npm run rig:clean` removes it.");
}

/** The engine that the settings name; a mistake in them is told when nothing else names one. */
function hostOrNone(name: string): string | undefined {
  try {
    return hostNamed(name);
  } catch (error) {
    if (error instanceof Sentence) return undefined;
    throw error;
  }
}

async function lookAt(host: string | undefined, name: string): Promise<void> {
  const engine = await connect(host ?? process.env['DOCKER_HOST'] ?? defaultAddress);
  try {
    await mustAnswer(engine, name, false);
  } finally {
    engine.close();
  }
}

/**
 * Removes what the state has, and the state.
 *
 * @param isTaken its volumes' names are another's by now: Pulumi would delete those by name, so the state only is
 *   dropped, and what is our own is told by its label afterwards
 */
async function removeStack(
  stack: Stack,
  before: Deployment,
  isTaken: boolean,
  progress: Progress,
): Promise<string[]> {
  const { name } = stack;
  const again = npmRun('down', name);
  const removed: string[] = [];
  if (!isTaken) {
    if (pendingOperations(before).length > 0) {
      await operate(stack, progress, { verb: 'comparing', again, before }, (options) =>
        stack.refresh({ ...options, clearPendingCreates: true }),
      );
    }
    progress.step('destroy');
    if (resources(before).length > 0) {
      const count = await operate(stack, progress, { verb: 'removing', again, before }, (options) =>
        stack.destroy(options),
      );
      removed.push(`${count} resources`);
    }
  }
  await stack.workspace.removeStack(name, { preserveConfig: true, force: isTaken });
  if (isOwnBackend()) forgetHistory(name);
  return removed;
}

function refuseProtected(name: string, guarded: string[]): void {
  if (guarded.length === 0) return;
  throw new Sentence(
    `Nothing was changed: ${guarded.join(', ')} ${guarded.length === 1 ? 'is' : 'are'} protected, because the stack is marked as production.\n` +
      `To delete the data for good:\n  eval "$(npm run -s env)"\n  pulumi state unprotect --all --yes -s ${name}\n  ${npmRun('down', name)}`,
  );
}

function isKnownTo(state: Deployment | undefined, id: string): boolean {
  return state !== undefined && known(state).containers.includes(id);
}

/** Containers that interrupted jobs left. They are in no state. */
async function removeHelpers({ docker }: Engine, helpers: Thing[]): Promise<string[]> {
  const count = await removeEach(helpers, ({ id }) =>
    docker.getContainer(id).remove({ force: true, v: true }),
  );
  return count === 0 ? [] : [`${count} ${count === 1 ? 'helper' : 'helpers'} of interrupted jobs`];
}

/** What the stack made and its state no longer had. Volumes too: their stack is being removed. */
async function removeThings(engine: Engine, { containers, networks, volumes }: Things): Promise<string[]> {
  const { docker } = engine;
  const counted = {
    containers: await removeEach(containers, ({ id }) =>
      docker.getContainer(id).remove({ force: true, v: true }),
    ),
    networks: await removeEach(networks, ({ id }) => docker.getNetwork(id).remove()),
    volumes: await removeEach(volumes, ({ id }) => docker.getVolume(id).remove()),
  };
  return Object.entries(counted)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${String(count)} ${kind} that no state knew`);
}

/** Images that no container of anybody uses any more. */
async function removeImages(engine: Engine, names: string[]): Promise<string[]> {
  const count = await removeEach(names, (name) => engine.docker.getImage(name).remove(), [404, 409]);
  return count === 0 ? [] : [count === 1 ? '1 image' : `${count} images`];
}

/** @returns how many were there to be removed */
async function removeEach<T>(
  list: readonly T[],
  remove: (one: T) => Promise<unknown>,
  fine = [404],
): Promise<number> {
  let count = 0;
  for (const one of list) {
    try {
      await remove(one);
      count++;
    } catch (error) {
      const { statusCode = 0 } = error as { statusCode?: number };
      if (!fine.includes(statusCode)) throw error;
    }
  }
  return count;
}

/** The rig's engine is the machine's: it stops when nobody else counts on it. */
async function stopRig(progress: Progress): Promise<void> {
  progress.now("stopping the rig's engine");
  const rig = await import('../test/rig/index.ts');
  const why = await rig.stopRig();
  if (why !== undefined) progress.line(`The rig's engine stays: ${why}.`);
}
