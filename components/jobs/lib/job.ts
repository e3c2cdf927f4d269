import { text } from 'node:stream/consumers';
import { ApplyError } from '../../../configs/running.ts';
import { connectEngine, type Engine } from './engine.ts';
import { JobError } from './errors.ts';

/** One unit of work on an engine. It knows nothing of Pulumi or of what starts it. */
export type Run<Told> = (told: Told, engine: Engine) => Promise<string>;

/**
 * Runs a job as a program of its own: what it is told comes as JSON on standard input, because it may hold secrets; its
 * last line goes to standard output; why it failed, in words for a person, to standard error, with exit code 1.
 *
 * @param main whether the module is the program, and not imported: `import.meta.main`
 */
export async function asProgram<Told>(main: boolean, run: Run<Told>): Promise<void> {
  if (!main) return;
  let engine: Engine | undefined;
  try {
    const told = parsed(await text(process.stdin)) as Told;
    engine = connectEngine();
    process.stdout.write(`${bounded(await run(told, engine))}\n`);
  } catch (error) {
    process.exitCode = 1;
    process.stderr.write(`${bounded(words(error))}\n`);
  } finally {
    engine?.close();
  }
}

/** Node's own error quotes what it could not read, which may be a secret. */
function parsed(input: string): unknown {
  try {
    return JSON.parse(input);
  } catch {
    throw new JobError('A job reads JSON on standard input, and this is not JSON.');
  }
}

const words = (error: unknown): string => {
  if (error instanceof JobError || error instanceof ApplyError) return error.message;
  // A mistake of ours: where it happened is what we need to know.
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
};

/** The command plugin keeps what a job says, and stops reading at a line of 64 KiB. */
const bounded = (said: string): string =>
  said
    .slice(0, 20_000)
    .split('\n')
    .map((line) => line.slice(0, 4000))
    .join('\n');
