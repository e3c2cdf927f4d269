/**
 * `npm run doctor [-- -s <stack>]`: looks at a host before anything is changed, and says of each failing thing what
 * to type. Exit code 1 when a check fails.
 */
import { mustExist, readArguments } from './lib/arguments.ts';
import { connect, defaultAddress } from './lib/engine.ts';
import { prepare } from './lib/environment.ts';
import { collectFacts } from './lib/facts.ts';
import { findingLines, judge } from './lib/judge.ts';
import { npmRun } from '../configs/whatToType.ts';
import { showProgress } from './lib/progress.ts';
import { run } from './lib/sentence.ts';
import { settingsOf } from './lib/stackSettings.ts';

await run(async () => {
  const { stack } = readArguments('doctor', 'Checks a host; that of `local` when no stack is named.');
  mustExist(stack, 'doctor');
  const progress = showProgress();
  progress.step('settings');
  const { dockerHost: host } = settingsOf(stack);
  progress.step('tools');
  const { rig } = await prepare(progress.now, { host, pulumi: false });
  progress.step('host');
  // Only now: the rig may have set DOCKER_HOST.
  const settings = settingsOf(stack);
  const engine = await connect(settings.dockerHost ?? process.env['DOCKER_HOST'] ?? defaultAddress);
  try {
    const facts = await collectFacts(engine, settings, rig === 'engine' && settings.dockerHost === undefined);
    const findings = judge(facts);
    const failing = findings.filter(({ level }) => level === 'fail').length;
    progress.end(undefined, failing > 0);
    console.log(`\n${findingLines(findings).join('\n')}\n`);
    console.log(
      failing === 0
        ? facts.isUp
          ? `The stack ${stack} is up already: ${npmRun('status', stack)}`
          : `The stack ${stack} can come up here: ${npmRun('up', stack)}`
        : `${failing} of ${findings.length} checks failed.`,
    );
    if (failing > 0) process.exitCode = 1;
  } finally {
    engine.close();
  }
});
