import { MistakesError } from '../../configs/mistakes.ts';

/** What a person met, in words they can act on: printed as it is, without a stack trace. */
export class Sentence extends Error {
  /** What the process exits with: 1, or 130 after Ctrl-C. */
  readonly exitCode: number;
  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = 'Sentence';
    this.exitCode = exitCode;
  }
}

/** Runs a command's main and turns what it throws into one message on stderr and an exit code. */
export async function run(main: () => Promise<void>): Promise<void> {
  // A reader that went away (`| head`) is no reason for a stack trace.
  process.stdout.on('error', () => process.exit());
  try {
    await main();
  } catch (error) {
    process.exitCode = error instanceof Sentence ? error.exitCode : 1;
    console.error(`\n${told(error)}`);
  }
}

function told(error: unknown): string {
  if (error instanceof Sentence || error instanceof MistakesError) return error.message;
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  if (process.env['TAFFRAIL_DEBUG'] === '1') return stack ?? message;
  return `Taffrail did not expect this: ${message}\nTAFFRAIL_DEBUG=1 before the command shows where.`;
}

/** The words of whatever was thrown. */
export const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
