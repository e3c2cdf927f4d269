import { vi } from 'vitest';
import {
  ApplyError,
  type Answer,
  type Apply,
  type Asked,
  type Ended,
  type Running,
} from '../../configs/running.ts';

/** What a pretended program answers. */
export type Answers = (
  method: string,
  path: string,
  asked: Asked,
) => Pick<Answer, 'status' | 'body'> & Partial<Answer>;

export interface Pretended {
  answers: Answers;
  beside?: (command: readonly string[], stdin: string) => Ended;
}

/**
 * A program's place: the note on its volume outlives each run. Its clock is the test's: waiting takes no time.
 */
export class Place {
  /** As bytes on a volume: what is not JSON gets lost. */
  note: string | undefined;
  /** Milliseconds that were waited. */
  waited = 0;
  /** Requests, as `GET /api/health`. */
  asked: string[] = [];

  constructor() {
    const start = Date.now();
    vi.spyOn(Date, 'now').mockImplementation(() => start + this.waited);
  }

  running({ answers, beside }: Pretended): Running {
    return {
      ask: (method, path, asked = {}) => {
        this.asked.push(`${method} ${path}`);
        return Promise.resolve().then(() => ({ headers: {}, ...answers(method, path, asked) }));
      },
      recall: () => Promise.resolve(this.note === undefined ? undefined : (JSON.parse(this.note) as unknown)),
      remember: (note) => {
        this.note = JSON.stringify(note);
        return Promise.resolve();
      },
      beside: (command, stdin) =>
        beside === undefined
          ? Promise.reject(new Error(`not expected: ${command.join(' ')}`))
          : Promise.resolve().then(() => beside(command, stdin)),
      pause: (milliseconds) => {
        this.waited += milliseconds;
        return Promise.resolve();
      },
    };
  }

  /** Runs an apply to its end. Anything but an ApplyError ends the test, as a killed job ends the run. */
  async apply<Told>(
    apply: Apply<Told>,
    program: Pretended,
    told: Told,
  ): Promise<{ line: string; error?: undefined } | { error: string; line?: undefined }> {
    try {
      return { line: await apply(this.running(program), told) };
    } catch (error) {
      if (!(error instanceof ApplyError)) throw error;
      return { error: error.message };
    }
  }
}
