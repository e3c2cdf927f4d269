/**
 * `npm run status [-- -s <stack>]`: one screen: what runs, since when, how healthy, how full, and where it is reached.
 */
import { mustExist, readArguments } from './lib/arguments.ts';
import { connect, defaultAddress } from './lib/engine.ts';
import { prepare } from './lib/environment.ts';
import { showProgress } from './lib/progress.ts';
import { run } from './lib/sentence.ts';
import { settingsOf } from './lib/stackSettings.ts';
import { lookAtStack } from './lib/statusFacts.ts';
import { statusLines } from './lib/statusLines.ts';

await run(async () => {
  const { stack } = readArguments('status', 'Shows one screen about a stack; `local` when none is named.');
  mustExist(stack, 'status');
  const progress = showProgress();
  progress.step('status');
  await prepare(progress.now);
  const settings = settingsOf(stack);
  const engine = await connect(settings.dockerHost ?? process.env['DOCKER_HOST'] ?? defaultAddress);
  try {
    const seen = await lookAtStack(engine, settings);
    progress.end();
    console.log(`\n${statusLines(seen, Date.now()).join('\n')}`);
    if (seen.services.length === 0) process.exitCode = 1;
  } finally {
    engine.close();
  }
});
