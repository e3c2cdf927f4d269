import { vi } from 'vitest';
import {
  ApplyError,
  type Answer,
  type Apply,
  type Asked,
  type Ended,
  type Running,
  Unanswered,
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

  /** Why an apply fails, and which files run then. Throws when it does not fail. */
  async failure<Told>(
    apply: Apply<Told>,
    program: Pretended,
    told: Told,
  ): Promise<Pick<ApplyError, 'message' | 'runs'>> {
    try {
      throw new Error(`did not fail: ${await apply(this.running(program), told)}`);
    } catch (error) {
      if (!(error instanceof ApplyError)) throw error;
      return { message: error.message, runs: error.runs };
    }
  }
}

/** A program with an answer to each request that it knows; of a list one after the other, then the last again. */
export function answering(answers: Readonly<Record<string, Reply | Reply[]>>): Pretended {
  const count = new Map<string, number>();
  return {
    answers: (method, path, asked) => {
      const request = `${method} ${path}`;
      const known = answers[request];
      if (known === undefined) throw new Error(`not expected: ${request}`);
      const all = isList(known) ? known : [known];
      const at = count.get(request) ?? 0;
      count.set(request, at + 1);
      const reply = all[Math.min(at, all.length - 1)] ?? silence;
      const [status, body = ''] = typeof reply === 'function' ? reply(asked) : reply;
      return { status, body };
    },
  };
}

const isList = (known: Reply | Reply[]): known is Reply[] =>
  typeof known !== 'function' && typeof known[0] !== 'number';

type Said = readonly [status: number, body?: string | undefined];
/** A status and a body, or what gives them or throws. */
export type Reply = Said | ((asked: Asked) => Said);

/** Nobody listens. */
export const silence = (): never => {
  throw new Unanswered('connection refused');
};
