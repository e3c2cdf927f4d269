/**
 * `npm run e2e [-- FILTER ...] [-- --keep]`: the end-to-end test, on a real engine with the real CLI and plugins.
 * FILTER runs only the files whose name contains it, after those of 1-up. `--keep` leaves both stacks for the next call, which uses them.
 * `--clean` only removes what a killed run left.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { execa } from 'execa';
import { decideRig, engineStatus, ensureRig, type Progress, RigError, stopRig } from '../rig/index.ts';
import { copyCheckout, variables } from './lib/copy.ts';
import { copy, freshCopy, jobStack, place, results, root, stackNames } from './lib/place.ts';

const given = process.argv.slice(2);
const keep = given.includes('--keep');
const filters = given.filter((word) => !word.startsWith('--'));
const pidFile = join(place, 'pid');

/** Whether the rig's engine was not running before. */
let startedEngine = false;
let shown = '';
const progress: Progress = ({ step, index, total, detail }) => {
  const line = `rig: ${step}${total > 1 ? ` (${String(index)} of ${String(total)})` : ''}`;
  if (line === shown) return;
  shown = line;
  console.log(detail ? `${line} ${detail}` : line);
};

async function environment(): Promise<Record<string, string>> {
  const PATH = [join(root, 'node_modules', 'node', 'bin')];
  const { use, reason } = await decideRig(process.env);
  const base: Record<string, string> = { TAFFRAIL_E2E_RIG: use ? '1' : '0' };
  console.log(`${use ? 'The rig is used' : 'No rig'}: ${reason}.`);
  if (use) {
    startedEngine = (await engineStatus()).version === undefined;
    const rig = await ensureRig({ pulumiHome: join(root, '.taffrail', 'pulumi'), progress });
    PATH.push(...rig.path);
    Object.assign(base, rig.env, { DOCKER_HOST: rig.dockerHost });
  }
  return { ...variables(base), PATH: [...PATH, process.env['PATH'] ?? ''].join(delimiter) };
}

/** Stops when another end-to-end test runs from this checkout; its stacks have the same names. */
function claim(): void {
  mkdirSync(place, { recursive: true, mode: 0o700 });
  const other = existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) : 0;
  if (other > 0 && existsSync(`/proc/${String(other)}`)) {
    throw new RigError(
      `another end-to-end test runs: process ${String(other)}. Wait, or stop it: kill -INT ${String(other)}`,
    );
  }
  writeFileSync(pidFile, String(process.pid));
}

/** Takes everything of the test from the machine. Loaded late: it reads DOCKER_HOST. */
async function cleanUp(): Promise<void> {
  const { sweep } = await import('./lib/engine.ts');
  const { canHaveNeighbour, removeNeighbour } = await import('./lib/netns.ts');
  const { endOwnProcesses } = await import('./lib/processes.ts');
  const { removeSshHost } = await import('./lib/sshHost.ts');
  await endOwnProcesses();
  // `local` may be a person's own; what the fresh copy has settings for is the test's.
  const local = existsSync(join(freshCopy, 'Pulumi.local.yaml')) ? ['local'] : [];
  const removed = await sweep([...stackNames, jobStack, ...local]);
  if (removed.length > 0)
    console.log(`Cleaned up: ${String(removed.length)} containers, networks and volumes.`);
  if (canHaveNeighbour) await removeNeighbour();
  await removeSshHost();
  for (const folder of [copy, freshCopy]) rmSync(folder, { recursive: true, force: true });
  rmSync(join(place, 'stacks.json'), { force: true });
}

/** Leaves the rig's engine as it was found, unless somebody else uses it by now. */
async function leaveEngine(): Promise<void> {
  if (!startedEngine) return;
  const { docker } = await import('./lib/engine.ts');
  const containers = await docker.listContainers({ all: true }).catch(() => []);
  if (containers.length === 0) await stopRig(progress);
}

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  testResults: { status: string; assertionResults: { status: string }[] }[];
}

async function main(): Promise<number> {
  claim();
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      stopped.abort();
    });
  }
  try {
    Object.assign(process.env, await environment());
    if (given.includes('--clean')) return 0;
    const going = keep && existsSync(join(place, 'stacks.json'));
    if (!going) {
      await cleanUp();
      await copyCheckout();
    }
    rmSync(results, { force: true });
    mkdirSync(dirname(results), { recursive: true });
    await execa(
      process.execPath,
      [
        join(root, 'node_modules', 'vitest', 'vitest.mjs'),
        ...['run', '--root', root, '--config', join(root, 'test', 'e2e', 'vitest.config.ts')],
        ...['--reporter', 'default', '--reporter', 'json', `--outputFile.json=${results}`],
        // What the others look at must be up.
        ...(filters.length > 0 ? ['1-up/', ...filters] : []),
      ],
      // In a group of its own: a Ctrl-C reaches it once, through us.
      {
        stdio: ['ignore', 'inherit', 'inherit'],
        reject: false,
        cancelSignal: stopped.signal,
        forceKillAfterDelay: 20_000,
      },
    );
    if (stopped.signal.aborted) {
      console.log('Stopped.');
      return 130;
    }
    if (!existsSync(results)) {
      console.log('vitest ended without results.');
      return 1;
    }
    const report = JSON.parse(readFileSync(results, 'utf8')) as Report;
    // A file that fails before its tests run counts as one failure.
    const files = report.testResults.filter(
      ({ status, assertionResults }) =>
        status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
    );
    const failed = report.numFailedTests + files.length;
    const skipped = report.numPendingTests > 0 ? `, ${String(report.numPendingTests)} skipped` : '';
    console.log(`${String(report.numPassedTests)} passed, ${String(failed)} failed${skipped}`);
    return failed === 0 && report.numPassedTests > 0 ? 0 : 1;
  } finally {
    if (!keep || given.includes('--clean') || stopped.signal.aborted) {
      await cleanUp();
      await leaveEngine();
    }
    rmSync(pidFile, { force: true });
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof RigError ? error.message : error);
  process.exitCode = 1;
}
