/**
 * `npm run up [-- -s <stack>]`: brings a stack up and says where it is. Repairs what a killed run left. A program that
 * fails does not hold up the others. A second run says that nothing changed.
 */
import type { OutputMap } from '@pulumi/pulumi/automation/index.js';
import type { Settings } from '../configs/settings.ts';
import { mustExist, readArguments } from './lib/arguments.ts';
import { connect, defaultAddress, type Engine } from './lib/engine.ts';
import { addPulumi, type Environment, prepare } from './lib/environment.ts';
import { collectFacts, within } from './lib/facts.ts';
import { aftermath } from './lib/failures.ts';
import { findingLines, judge } from './lib/judge.ts';
import { npmRun } from '../configs/whatToType.ts';
import { breakDeadLocks, holdStack } from './lib/locks.ts';
import { type Progress, showProgress } from './lib/progress.ts';
import { endOrphans, orphanWords } from './lib/orphanedProcesses.ts';
import { exportState, isOwnBackend, openStack, operate } from './lib/pulumi.ts';
import { refuseForeign, refuseMoved, refuseTaken, repair } from './lib/repair.ts';
import { run, Sentence } from './lib/sentence.ts';
import { publishedPorts, settingsOf } from './lib/stackSettings.ts';
import { mendStateFiles } from './lib/stateFiles.ts';
import { runningServices } from './lib/statusFacts.ts';
import { tunnel } from './lib/tunnel.ts';
import { withOwnWords } from './lib/unhealthy.ts';

await run(async () => {
  const { stack: name } = readArguments('up', 'Brings a stack up; `local` when none is named.');
  mustExist(name, 'up');
  const progress = showProgress();
  try {
    await up(name, progress);
  } catch (error) {
    progress.end(undefined, true);
    throw error;
  }
});

async function up(name: string, progress: Progress): Promise<void> {
  const again = npmRun('up', name);
  progress.step('settings');
  const { dockerHost: host } = settingsOf(name);
  progress.step('tools');
  const environment = await prepare(progress.now, { host, pulumi: true });
  const release = holdStack(name);
  // Only now: the rig may have set DOCKER_HOST.
  const settings = settingsOf(name);
  const engine = await connect(settings.dockerHost ?? process.env['DOCKER_HOST'] ?? defaultAddress);
  try {
    if (environment.rig) progress.line(rigWords(environment));
    progress.step('host');
    const isRig = environment.rig === 'engine' && settings.dockerHost === undefined;
    await checkHost(engine, settings, isRig, progress);
    await refuseForeign(engine, name);

    progress.step('state');
    await addPulumi(progress.now, environment);
    if (isOwnBackend()) {
      for (const pid of breakDeadLocks(name))
        progress.line(`repair: removed the lock of process ${pid}, which is dead`);
      if (mendStateFiles(name)) progress.line('repair: removed a half-written file beside the state');
    }
    for (const orphan of endOrphans()) progress.line(orphanWords(orphan));
    const stack = await openStack(name, true);
    if (!stack) throw new Sentence(`The stack ${name} cannot be opened.`);
    const before = await exportState(stack);
    await refuseMoved(engine, name, before);
    await refuseTaken(engine, name, before);
    const { state, replace } = await repair(engine, stack, before, {
      mayRemove: isOwnBackend(),
      say: progress.line,
      refresh: async () => {
        await operate(stack, progress, { verb: 'comparing', again, before }, (options) =>
          stack.refresh({ ...options, clearPendingCreates: true }),
        );
        return exportState(stack);
      },
    });

    progress.step('up');
    let outputs: OutputMap = {};
    const changed = await operate(
      stack,
      progress,
      {
        verb: 'reading the program',
        again,
        before: state,
        enrich: withOwnWords(engine, name),
        closing: async (failures, notTried) =>
          aftermath({
            stack: name,
            failures,
            notTried,
            // The engine may be what has failed.
            running: await within(10_000, runningServices(engine, name)).catch(() => undefined),
          }),
      },
      async (options) => {
        ({ outputs } = await stack.up({ ...options, replace, continueOnError: true }));
      },
    );
    progress.end(changed === 0 ? 'nothing changed' : `${changed} changed`);
    tell(settings, outputs, changed, tunnelOf(engine, settings));
  } finally {
    engine.close();
    release();
  }
}

function rigWords({ rig, standIns }: Environment): string {
  if (rig === 'tools')
    return 'The rig is used: the Pulumi CLI and its plugins are built from their packages (docs/rig.md).';
  const words =
    standIns.length === 0
      ? ''
      : `, ${standIns.join(' and ')} ${standIns.length === 1 ? 'is a stand-in' : 'are stand-ins'}`;
  return `The rig is used: Docker and the programs are built from their packages${words} (docs/rig.md).`;
}

async function checkHost(
  engine: Engine,
  settings: Settings,
  rig: boolean,
  progress: Progress,
): Promise<void> {
  const findings = judge(await collectFacts(engine, settings, rig));
  const failing = findings.filter(({ level }) => level === 'fail');
  if (failing.length > 0) {
    throw new Sentence(
      `${failing.map(({ words, type }) => `${words}${type === undefined ? '' : `\n  ${type}`}`).join('\n\n')}\n\nNothing was changed. \`${npmRun('doctor', settings.stack)}\` shows every check.`,
    );
  }
  for (const line of findingLines(findings.filter(({ level }) => level === 'warn'))) progress.line(line);
}

/** How to reach it from the computer before which the person sits: of this machine's engine, where that is another. */
function tunnelOf({ address, socket }: Engine, settings: Settings): string[] {
  const sitsHere = socket !== undefined && process.env['SSH_CONNECTION'] === undefined;
  return sitsHere ? [] : tunnel(address, publishedPorts(settings));
}

function tell(settings: Settings, outputs: OutputMap, changed: number, tunnelLines: string[]): void {
  const { stack: name, grafana, cloudbeaver } = settings;
  const addresses = Object.entries((outputs['addresses']?.value ?? {}) as Record<string, string>);
  const width = Math.max(...addresses.map(([program]) => program.length));
  console.log(changed === 0 ? '\nNothing changed.' : `\nThe stack ${name} is up.`);
  for (const [program, url] of addresses) console.log(`  ${program.padEnd(width)}  ${url}`);
  for (const line of tunnelLines) console.log(line);
  const users = [
    ...(grafana.enabled ? [`${grafana.adminUser} in Grafana`] : []),
    ...(cloudbeaver.enabled ? [`${cloudbeaver.adminName} in CloudBeaver`] : []),
  ];
  if (users.length > 0) {
    console.log(
      `\nPasswords of the administrators, ${users.join(' and ')}:\n  eval "$(npm run -s env)"; pulumi stack output passwords --show-secrets -s ${name}`,
    );
  }
}
