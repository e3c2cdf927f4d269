/**
 * `npm run down [-- -s <stack>] [--yes]`: removes a stack: containers, networks, volumes, images that nobody uses, its
 * state. For `local` also what Taffrail kept beside it. Only the rig's build cache stays, and is named.
 */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { imageKeys, imageTag } from '../configs/images.ts';
import { readArguments } from './lib/arguments.ts';
import { connect, defaultAddress, type Engine, labelled, nameOf } from './lib/engine.ts';
import { prepare } from './lib/environment.ts';
import { breakDeadLocks, holdStack } from './lib/locks.ts';
import { kept, stackFile, stateFolder } from './lib/paths.ts';
import { type Progress, showProgress } from './lib/progress.ts';
import { exportState, isOwnBackend, openStack, operate } from './lib/pulumi.ts';
import { run, Sentence, wordsOf } from './lib/sentence.ts';
import { settingsOf } from './lib/stackSettings.ts';
import { imageNames, pendingOperations, protectedResources, resources } from './lib/state.ts';

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
  if (name === 'local' || yes) return;
  if (!process.stdin.isTTY) {
    throw new Sentence(
      `This deletes the stack ${name} with its logs and metrics. If you mean it:\n  npm run down -- -s ${name} --yes`,
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(
    `This deletes the stack ${name} with its logs and metrics. Type its name to go on: `,
  );
  terminal.close();
  if (answer.trim() !== name) throw new Sentence('Nothing was changed.');
}

async function down(name: string, progress: Progress): Promise<void> {
  progress.step('tools');
  const { rig } = await prepare(progress.now);
  const release = holdStack(name);
  const engine = await connect(dockerHostOf(name) ?? process.env['DOCKER_HOST'] ?? defaultAddress);
  const removed: string[] = [];
  try {
    await engine.docker.ping().catch((error: unknown) => {
      throw new Sentence(
        `The Docker engine at ${engine.address} does not answer: ${wordsOf(error)}\nSee why:  npm run doctor`,
      );
    });
    progress.step('state');
    if (isOwnBackend()) breakDeadLocks(name);
    const stack = existsSync(stackFile(name)) || name === 'local' ? await openStack(name, false) : undefined;
    let images: string[] = [];
    const known = stack ? resources(await exportState(stack)).length > 0 : false;
    if (!known && name !== 'local') await refuseUnknown(engine, name);
    if (stack) {
      const before = await exportState(stack);
      refuseProtected(name, protectedResources(before));
      images = imageNames(before);
      const again = name === 'local' ? 'npm run down' : `npm run down -- -s ${name}`;
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
      await stack.workspace.removeStack(name, { preserveConfig: true });
      if (isOwnBackend()) forget(name);
    }
    progress.step('leftovers');
    removed.push(
      ...(await removeLabelled(engine, name)),
      ...(await removeImages(engine, rig ? images.filter((image) => !madeByRig.has(image)) : images)),
    );
    if (rig) await stopRig(engine, progress);
  } finally {
    engine.close();
    release();
  }
  const others = otherStacks(name);
  if (name === 'local') {
    rmSync(stackFile(name), { force: true });
    if (others.length === 0) rmSync(kept, { recursive: true, force: true });
  }
  progress.end();
  console.log(
    removed.length === 0
      ? `\nThere was nothing of the stack ${name}.`
      : `\nRemoved of the stack ${name}: ${removed.join(', ')}.`,
  );
  if (others.length > 0) console.log(`Kept: ${kept}, because it holds the state of ${others.join(', ')}.`);
  if (rig) console.log("Kept: the rig's build cache; `npm run rig:clean` removes it.");
}

/** A settings file that has mistakes must not keep a stack from being removed. */
function dockerHostOf(name: string): string | undefined {
  try {
    return settingsOf(name).dockerHost;
  } catch {
    return undefined;
  }
}

function refuseProtected(name: string, guarded: string[]): void {
  if (guarded.length === 0) return;
  const flag = name === 'local' ? '' : ` -- -s ${name}`;
  throw new Sentence(
    `Nothing was changed: ${guarded.join(', ')} ${guarded.length === 1 ? 'is' : 'are'} protected, because the stack is marked as production.\n` +
      `To delete the data for good:\n  eval "$(npm run -s env)"\n  pulumi state unprotect --all --yes -s ${name}\n  npm run down${flag}`,
  );
}

/** What carries the stack's label and was in no state. Volumes too: their stack is being removed. */
async function removeLabelled(engine: Engine, name: string): Promise<string[]> {
  const { containers, networks, volumes } = await labelled(engine, name);
  for (const { Id } of containers) await engine.docker.getContainer(Id).remove({ force: true, v: true });
  for (const { Id } of networks) await engine.docker.getNetwork(Id).remove();
  for (const { Name } of volumes) await engine.docker.getVolume(Name).remove();
  const counted = { containers, networks, volumes };
  return Object.entries(counted)
    .filter(([, left]) => left.length > 0)
    .map(([kind, left]) => `${String(left.length)} ${kind} that no state knew`);
}

/** Data that no state of this backend knows may be production's: it is not ours to delete. */
async function refuseUnknown(engine: Engine, name: string): Promise<void> {
  const { containers, volumes } = await labelled(engine, name);
  if (containers.length + volumes.length === 0) return;
  throw new Sentence(
    `Nothing was changed: the stack ${name} runs on ${engine.address}, but its state is not in this backend (${process.env['PULUMI_BACKEND_URL'] ?? 'the one you are logged in to'}).\n` +
      `Log in to the backend that has it:  pulumi login <backend> && npm run down -- -s ${name}`,
  );
}

/** Images that no container of anybody uses any more. */
async function removeImages(engine: Engine, names: string[]): Promise<string[]> {
  let count = 0;
  for (const name of names) {
    try {
      await engine.docker.getImage(name).remove();
      count++;
    } catch (error) {
      const { statusCode } = error as { statusCode?: number };
      if (statusCode !== 404 && statusCode !== 409) throw error;
    }
  }
  return count === 0 ? [] : [count === 1 ? '1 image' : `${count} images`];
}

async function stopRig(engine: Engine, progress: Progress): Promise<void> {
  const left = await engine.docker.listContainers({ all: true });
  if (left.length > 0) {
    progress.line(
      `The rig's engine stays: it has other containers (${left.slice(0, 3).map(nameOf).join(', ')}).`,
    );
    return;
  }
  progress.now("stopping the rig's engine");
  const rig = await import('../test/rig/index.ts');
  await rig.stopRig();
}

/** Pulumi keeps backups and the history of a stack that it has removed. They hold its secrets. */
function forget(name: string): void {
  const folder = join(stateFolder, '.pulumi');
  for (const kind of ['backups', 'history'])
    rmSync(join(folder, kind, 'taffrail', name), { recursive: true, force: true });
  for (const end of ['.json.bak', '.json.bak.attrs', '.json.attrs']) {
    rmSync(join(folder, 'stacks', 'taffrail', `${name}${end}`), { force: true });
  }
}

/** Other stacks whose state is in this checkout's folder. */
function otherStacks(name: string): string[] {
  const folder = join(stateFolder, '.pulumi', 'stacks', 'taffrail');
  const files = existsSync(folder) ? readdirSync(folder) : [];
  return files.flatMap((file) => /^(.+)\.json$/.exec(file)?.[1] ?? []).filter((stack) => stack !== name);
}
