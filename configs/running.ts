// What the logic that applies a program's configuration (`configs/<program>/apply.ts`) is given of the running program.
// It knows neither Docker nor Pulumi: tests give it plain objects, `components/jobs/` gives it the real thing.

export interface Asked {
  /** Beyond those that the transport writes itself. */
  headers?: Readonly<Record<string, string>>;
  /** Sent as JSON, with its content type. */
  json?: unknown;
}

export interface Answer {
  status: number;
  /** Names in lower case. */
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: string;
}

/** What a short-lived program ended with; its output and error output in the order in which they came. */
export interface Ended {
  exitCode: number;
  output: string;
}

/** Sets one request off and waits for the whole answer. Any status is an answer. Throws `Unanswered` when there is none. */
export type Ask = (method: string, path: string, asked?: Asked) => Promise<Answer>;

export interface Running {
  /** Over HTTP, on the program's own loopback. */
  ask: Ask;
  /** The note that an earlier run left on the program's data volume; undefined when there is none. */
  recall: () => Promise<unknown>;
  /** Replaces that note, in one step. It is read by the program's user only, so it may hold a secret. */
  remember: (note: unknown) => Promise<void>;
  /** Runs a program of the same image, as the same user and with the same volumes, without a network. */
  beside: (command: readonly string[], stdin: string) => Promise<Ended>;
  /** Waits, in milliseconds. */
  pause: (milliseconds: number) => Promise<void>;
}

/**
 * Makes the running program follow its files, then reads back what it runs and compares.
 *
 * @param told plain data, which may hold secrets: it travels on secret standard input only
 * @returns one line that says what runs now, for the log
 * @throws ApplyError in words for a person
 */
export type Apply<Told> = (program: Running, told: Told) => Promise<string>;

/** Nothing answered: refused, cut off, timed out, or no HTTP. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered';
}

/** Which files a program runs when applying them failed. */
export type Runs = 'old' | 'new' | 'unknown';

/** Applying failed. The message says what is wrong and how to fix it; `runs` is added to it by the job. */
export class ApplyError extends Error {
  override readonly name = 'ApplyError';
  readonly runs: Runs;

  constructor(message: string, runs: Runs = 'new') {
    super(message);
    this.runs = runs;
  }
}

export const isOk = ({ status }: Answer): boolean => status >= 200 && status < 300;

/** The header of basic authentication. */
export const basic = (user: string, password: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

/**
 * An answer read as JSON.
 *
 * @throws ApplyError when it is not JSON, with the beginning of what came instead
 */
export function json(answer: Answer, from: string): unknown {
  try {
    return JSON.parse(answer.body);
  } catch {
    throw new ApplyError(
      `${from} answered ${answer.status} with something that is not JSON:\n${shown(answer)}`,
    );
  }
}

/** The beginning of an answer's body, for an error. Not for an answer that may hold a secret. */
export const shown = ({ body }: Answer): string => body.trim().slice(0, 2000);

/**
 * Asks and insists on one status.
 *
 * @throws ApplyError that names the request, what came instead, and the beginning of the body
 */
export async function expectStatus(
  ask: Ask,
  status: number,
  method: string,
  path: string,
  asked: Asked = {},
  runs: Runs = 'new',
): Promise<Answer> {
  const answer = await ask(method, path, asked).catch((error: unknown) => {
    if (!(error instanceof Unanswered)) throw error;
    throw new ApplyError(`${method} ${path} was not answered: ${error.message}`, runs);
  });
  if (answer.status !== status)
    throw new ApplyError(
      `${method} ${path} answered ${answer.status} instead of ${status}${answer.body.trim() === '' ? '' : `:\n${shown(answer)}`}`,
      runs,
    );
  return answer;
}

/**
 * Asks again and again until the answer is as wanted.
 *
 * @param seconds how long, from the first question; then it throws
 * @param wanted by default: any status of success
 * @param runs what the error says of the files in force
 * @throws ApplyError with the last answer
 */
export async function until(
  { ask, pause }: Pick<Running, 'ask' | 'pause'>,
  path: string,
  {
    seconds,
    asked = {},
    wanted = isOk,
    runs = 'new',
  }: { seconds: number; asked?: Asked; wanted?: (answer: Answer) => boolean; runs?: Runs },
): Promise<Answer> {
  const end = Date.now() + seconds * 1000;
  for (let wait = 50; ; wait = Math.min(500, wait * 1.5)) {
    let last: string;
    try {
      const answer = await ask('GET', path, asked);
      if (wanted(answer)) return answer;
      last = `answered ${answer.status}${answer.body.trim() === '' ? '' : `:\n${shown(answer)}`}`;
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
      last = `was not answered: ${error.message}`;
    }
    if (Date.now() >= end) throw new ApplyError(`not ready after ${seconds} s: GET ${path} ${last}`, runs);
    await pause(wait);
  }
}
