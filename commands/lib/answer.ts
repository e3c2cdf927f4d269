import type { Engine } from './engine.ts';
import { socketFacts, within } from './facts.ts';
import { silence } from './judge.ts';
import { npmRun } from '../../configs/whatToType.ts';
import { Sentence, wordsOf } from './sentence.ts';

/** Stops where the engine does not answer, with the doctor's words. */
export async function mustAnswer(engine: Engine, stack: string, rig: boolean): Promise<void> {
  try {
    await within(20_000, engine.docker.ping());
  } catch (error) {
    const { address, socket } = engine;
    const { words, type } = silence({
      address,
      rig,
      socket: socket === undefined ? undefined : socketFacts(socket),
      silent: wordsOf(error),
    });
    throw new Sentence(`${words}\n  ${type}\n\n\`${npmRun('doctor', stack)}\` shows every check.`);
  }
}
