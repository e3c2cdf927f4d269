/**
 * `npm run status [-- -s <stack>]`: one screen: what runs, since when, how healthy, how full, and where it is reached.
 */
import { mustAnswer } from './lib/answer.ts';
import { mustExist, readArguments } from './lib/arguments.ts';
import { connect, defaultAddress } from './lib/engine.ts';
import { prepare } from './lib/environment.ts';
import { showProgress } from './lib/progress.ts';
import { MistakesError } from '../configs/mistakes.ts';
import { run, Sentence } from './lib/sentence.ts';
import { hostNamed, publishedPorts, settingsOf } from './lib/stackSettings.ts';
import { lookAtStack } from './lib/statusFacts.ts';
import { statusLines } from './lib/statusLines.ts';

await run(async () => {
  const { stack } = readArguments('status', 'Shows one screen about a stack; `local` when none is named.');
  mustExist(stack, 'status');
  const progress = showProgress();
  progress.step('status');
  const { host, published, mistakes } = read(stack);
  const { rig } = await prepare(progress.now, { host, pulumi: false });
  const engine = await connect(host ?? process.env['DOCKER_HOST'] ?? defaultAddress);
  try {
    await mustAnswer(engine, stack, rig === 'engine' && host === undefined);
    const seen = await lookAtStack(engine, stack, published);
    progress.end();
    console.log(`\n${statusLines(seen, Date.now()).join('\n')}`);
    if (seen.services.length === 0) process.exitCode = 1;
    if (mistakes) throw mistakes;
  } finally {
    engine.close();
  }
});

/** What runs is shown whatever the settings file says now; its mistakes come after. */
function read(stack: string) {
  try {
    const settings = settingsOf(stack);
    return { host: settings.dockerHost, published: publishedPorts(settings) };
  } catch (error) {
    if (!(error instanceof MistakesError || error instanceof Sentence)) throw error;
    return { host: hostNamed(stack), published: [], mistakes: error };
  }
}
