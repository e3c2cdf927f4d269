import { basename, dirname } from 'node:path/posix';
import { setTimeout as wait } from 'node:timers/promises';
import { type Apply, ApplyError, type Running, type Runs, Unanswered } from '../../configs/running.ts';
import { archiveOf, entriesOf } from './lib/archive.ts';
import type { Engine } from './lib/engine.ts';
import { npmRun } from '../../configs/whatToType.ts';
import { EngineError, JobError, withCause } from './lib/errors.ts';
import { createAgain, type HelperArgs, type ImageOf, type JobOf, withHelper } from './lib/helper.ts';
import { asProgram } from './lib/job.ts';
import { openTunnel } from './lib/tunnel.ts';

export interface ApplyTold {
  job: JobOf;
  /** The image with `nc`. */
  tools: ImageOf;
  service: {
    /** As people call it: Prometheus. */
    title: string;
    container: string;
    image: ImageOf;
    /** uid:gid. */
    user: string;
    port: number;
  };
  /** The module below configs/ that applies: `prometheus/apply.ts`. */
  logic: string;
  /** What that module is told. */
  told: unknown;
  /** Where on the service's data volume the logic keeps its note; absent where it needs none. */
  note?: string;
}

/** Seconds. */
const defaults = { answer: 20, beside: 120 };

/** Makes the running program follow its files, and reads back what it runs. */
export async function apply(told: ApplyTold, engine: Engine, limits = defaults): Promise<string> {
  const { job, tools, service, logic } = told;
  const module = new URL(`../../configs/${logic}`, import.meta.url).href;
  const { apply: run } = (await import(module)) as { apply: Apply<unknown> };
  const to = {
    tools,
    network: `container:${service.container}`,
    host: '127.0.0.1',
    port: service.port,
  } as const;
  const tunnel = openTunnel(engine, job, to, limits.answer);
  const program: Running = {
    ask: async (method, path, asked) => {
      try {
        return await tunnel.ask(method, path, asked);
      } catch (error) {
        if (error instanceof Unanswered) await requireRunning(engine, told, before);
        throw error;
      }
    },
    recall: () => recall(engine, service.container, noteOf(told)),
    remember: (note) => remember(engine, service, noteOf(told), note),
    beside: async (command, stdin) => {
      // One helper at a time: a job that is killed leaves one at most.
      await tunnel.close();
      const args: HelperArgs = {
        image: service.image,
        command,
        user: service.user,
        network: 'none',
        volumesOf: service.container,
        stdin: true,
        memory: 512 * 2 ** 20,
      };
      return withHelper(engine, job, '', args, (helper) =>
        helper.run({ stdin, seconds: limits.beside }).catch((error: unknown) => {
          throw error instanceof JobError ? new JobError(`${command.join(' ')}: ${error.message}`) : error;
        }),
      );
    },
    pause: (milliseconds) => wait(milliseconds),
  };
  const failed = (runs: Runs, why: string): JobError =>
    new JobError(`${service.title} ${which[runs]}. ${why}`);
  const before = await requireRunning(engine, told);
  let line: string;
  try {
    line = await run(program, told.told);
  } catch (error) {
    // What failed first is the reason.
    await tunnel.close().catch(() => undefined);
    if (error instanceof ApplyError) throw failed(error.runs, error.message);
    if (error instanceof Unanswered) throw failed('unknown', `It did not answer: ${error.message}`);
    if (error instanceof NotRunning) throw error;
    // The engine's words, or a helper's.
    if (error instanceof JobError) throw failed('unknown', withCause(error).message);
    throw error;
  }
  await tunnel.close();
  return line;
}

const which: Readonly<Record<Runs, string>> = {
  old: 'still runs the old files',
  new: 'has the new files',
  unknown: 'may run the old files or the new ones',
};

interface Inspected {
  State: { Status: string; Running: boolean; Restarting: boolean; ExitCode: number; OOMKilled: boolean };
  RestartCount: number;
}

/** It reads the new files when it starts, so nothing is said of the old ones. */
class NotRunning extends JobError {}

/**
 * Checks that the service runs, or that the engine is restarting it.
 *
 * @param before how often the engine had restarted it when the job began: only what comes on top counts
 * @returns how often the engine has restarted it
 * @throws NotRunning with its last lines when it has stopped, or ended three times since then
 */
async function requireRunning(
  engine: Engine,
  { job, service: { title, container } }: ApplyTold,
  before?: number,
): Promise<number> {
  const { status, body } = await engine.request('GET', `/containers/${container}/json`, { also: [404] });
  if (status === 404)
    throw new NotRunning(`The container of ${title} is gone: somebody removed it. ${createAgain(job)}`);
  const { State, RestartCount } = JSON.parse(body.toString()) as Inspected;
  const ended = RestartCount - (before ?? RestartCount);
  if ((State.Running || State.Restarting) && ended < 3) return RestartCount;
  const why = State.OOMKilled ? ', because it needed more memory than its limit' : '';
  const lines = await lastLines(engine, container);
  const what =
    State.Running || State.Restarting
      ? `has ended ${ended} times while its files were applied`
      : `does not run: it ended with exit code ${State.ExitCode}`;
  throw new NotRunning(
    `${title} ${what}${why}. Its last lines:\n${lines}\nFix the cause, then run: ${npmRun('up', job.stack)}`,
  );
}

async function lastLines(engine: Engine, container: string): Promise<string> {
  let body: Buffer;
  try {
    ({ body } = await engine.request('GET', `/containers/${container}/logs`, {
      query: { stdout: '1', stderr: '1', tail: '15' },
    }));
  } catch (error) {
    // A log driver that only writes; why the service ended is told all the same.
    if (error instanceof EngineError) return `  (its log cannot be read: ${error.message})`;
    throw error;
  }
  const text: string[] = [];
  for (let rest = body; rest.length >= 8; rest = rest.subarray(8 + rest.readUInt32BE(4)))
    text.push(rest.subarray(8, 8 + rest.readUInt32BE(4)).toString());
  return (text.join('').trimEnd() || '(none)')
    .split('\n')
    .map((line) => `  ${line.slice(0, 500)}`)
    .join('\n');
}

const noteOf = ({ note, logic }: ApplyTold): string => {
  if (note === undefined) throw new Error(`${logic} keeps a note, and was given no place for it`);
  return note;
};

/** The spare is written first: whatever a killed run leaves, one of the two is whole. */
const spareOf = (path: string): string => `${path}.new`;

async function recall(engine: Engine, container: string, path: string): Promise<unknown> {
  for (const one of [path, spareOf(path)]) {
    const { status, body } = await engine.request('GET', `/containers/${container}/archive`, {
      query: { path: one },
      also: [404],
    });
    if (status === 404) continue;
    const [entry] = (await entriesOf(body)).values();
    try {
      return JSON.parse(entry?.content ?? '');
    } catch {
      // Half of it: the other one is whole.
    }
  }
  return undefined;
}

async function remember(
  engine: Engine,
  { container, user }: ApplyTold['service'],
  path: string,
  note: unknown,
): Promise<void> {
  const entry = (name: string) => ({
    path: basename(name),
    owner: user,
    mode: 0o600,
    content: `${JSON.stringify(note)}\n`,
  });
  await engine.request('PUT', `/containers/${container}/archive`, {
    query: { path: dirname(path) },
    archive: await archiveOf([entry(spareOf(path)), entry(path)]),
  });
}

await asProgram(import.meta.main, apply);
