import { createServer, type RequestListener, type Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { apply, type ApplyTold } from '../../../components/jobs/apply.ts';
import type { Entry } from '../../../components/jobs/lib/archive.ts';
import { connectEngine, type Engine } from '../../../components/jobs/lib/engine.ts';
import { JobError } from '../../../components/jobs/lib/errors.ts';
import { type Apply, ApplyError, type Running, until } from '../../../configs/running.ts';
import { logics } from './logic.ts';
import { type Container, PretendedEngine } from './pretendedEngine.ts';

let docker: PretendedEngine;
let engine: Engine;
let service: Container;
let server: Server | undefined;
beforeEach(async () => {
  docker = await new PretendedEngine().start();
  service = docker.add('grafana');
  engine = connectEngine(docker.address);
});
afterEach(() => {
  engine.close();
  server?.closeAllConnections();
  server?.close();
  docker.stop();
});

const serve = async (listener: RequestListener): Promise<void> => {
  const made = createServer(listener);
  server = made;
  await new Promise<void>((resolve) => made.listen(docker.service, resolve));
};
const limits = { answer: 0.3, beside: 0.3 };
const note = '/var/lib/grafana/taffrail.json';
const run = (logic: Apply<unknown>, rest: Partial<ApplyTold> = {}): Promise<string> => {
  logics['now'] = logic;
  return apply(
    {
      job: { project: 'taffrail-s', stack: 's', owner: 'o', name: 'grafana-reload' },
      tools: { id: 'sha256:tools', reference: 'tools:1' },
      service: {
        title: 'Grafana',
        container: service.id,
        image: { id: 'sha256:service', reference: 'grafana:13' },
        user: '472:0',
        port: 3000,
      },
      // Modules of `configs/` are found from there.
      logic: '../test/components/jobs/logic.ts',
      told: { name: 'now' },
      note,
      ...rest,
    },
    engine,
    limits,
  );
};
const failure = async (work: Promise<unknown>): Promise<string> => {
  const error = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(JobError);
  expect(docker.names).not.toContain('taffrail-s-grafana-reload');
  return (error as JobError).message;
};
const get = async ({ ask }: Running): Promise<string> => (await ask('GET', '/api/health')).body;

describe('apply', () => {
  test('asks the program, returns the line of the logic, leaves no helper', async () => {
    await serve((request, response) => response.end(request.url));
    expect(await run(get)).toBe('/api/health');
    expect(docker.names).toEqual(['grafana']);
  });

  test.each([
    ['old', 'Grafana still runs the old files. It refuses.'],
    ['new', 'Grafana has the new files. It refuses.'],
    ['unknown', 'Grafana may run the old files or the new ones. It refuses.'],
  ] as const)('a failure says which files run: %s', async (runs, message) => {
    expect(await failure(run(() => Promise.reject(new ApplyError('It refuses.', runs))))).toBe(message);
  });

  test('a request without an answer, which the logic did not expect, is told in words', async () => {
    await serve((request) => request.socket.destroy());
    expect(await failure(run(get))).toMatch(
      /^Grafana may run the old files or the new ones\. It did not answer: socket hang up/,
    );
  });

  test('a mistake of ours stays one', async () => {
    const mistake = new TypeError('x is undefined');
    await expect(run(() => Promise.reject(mistake))).rejects.toBe(mistake);
  });

  test('the reason of the logic is told although the engine is gone by then', async () => {
    await serve((_, response) => response.end('ok'));
    const logic: Apply<unknown> = async (program) => {
      await get(program);
      docker.die();
      throw new ApplyError('It refuses.', 'old');
    };
    await expect(run(logic)).rejects.toThrow('Grafana still runs the old files. It refuses.');
  });
});

describe('a service that does not run', () => {
  test('was removed', async () => {
    docker.containers.clear();
    expect(await failure(run(get))).toContain('The container of Grafana is gone');
  });

  test('has exited: its last lines', async () => {
    Object.assign(service.state, { Status: 'exited', Running: false, ExitCode: 2 });
    service.log = 'starting\nbad port: x\n';
    expect(await failure(run(get))).toBe(
      'Grafana does not run: it ended with exit code 2. Its last lines:\n  starting\n  bad port: x\nFix the cause, then run: npm run up -- -s s',
    );
  });

  test('exits while it is waited for', async () => {
    service.log = 'bye\n';
    setTimeout(() => {
      Object.assign(service.state, { Status: 'exited', Running: false, ExitCode: 1 });
    }, 100);
    const waits: Apply<unknown> = async (program) => (await until(program, '/ready', { seconds: 20 })).body;
    expect(await failure(run(waits))).toBe(
      'Grafana does not run: it ended with exit code 1. Its last lines:\n  bye\nFix the cause, then run: npm run up -- -s s',
    );
  });

  test('ends three times while its files are applied', async () => {
    service.restarts = 7;
    service.log = 'panic\n';
    setTimeout(() => {
      Object.assign(service.state, { Status: 'restarting', Restarting: true, ExitCode: 1 });
      service.restarts = 10;
    }, 100);
    const waits: Apply<unknown> = async (program) => (await until(program, '/ready', { seconds: 20 })).body;
    expect(await failure(run(waits))).toBe(
      'Grafana has ended 3 times while its files were applied. Its last lines:\n  panic\nFix the cause, then run: npm run up -- -s s',
    );
  });

  test('is given another chance before that, and what it did in earlier months does not count', async () => {
    await serve((_, response) => response.end('ok'));
    Object.assign(service.state, { Restarting: true });
    service.restarts = 12;
    expect(await run(get)).toBe('ok');
  });

  test('needed more memory than it may have', async () => {
    Object.assign(service.state, { Status: 'exited', Running: false, ExitCode: 137, OOMKilled: true });
    expect(await failure(run(get))).toBe(
      'Grafana does not run: it ended with exit code 137, because it needed more memory than its limit. Its last lines:\n  (none)\nFix the cause, then run: npm run up -- -s s',
    );
  });

  test('has a log that only its driver reads', async () => {
    Object.assign(service.state, { Status: 'exited', Running: false, ExitCode: 2 });
    docker.fault = (line) =>
      line.endsWith('/logs')
        ? { status: 501, message: 'configured logging driver does not support reading' }
        : undefined;
    expect(await failure(run(get))).toContain(
      'exit code 2. Its last lines:\n  (its log cannot be read: configured logging driver does not support reading)',
    );
  });
});

describe('the note of an earlier run', () => {
  const main = note.slice(1);
  const spare = `${main}.new`;
  const recalled = async (): Promise<unknown> => {
    let found: unknown;
    await run(async ({ recall }) => {
      found = await recall();
      return '';
    });
    return found;
  };
  const holds = (path: string, content: string): void => {
    service.files.set(path, { path, owner: '472:0', mode: 0o600, content } satisfies Entry);
  };

  test("comes back as it was; only the program's user may read it", async () => {
    const value = { users: ['ü'], password: "it's" };
    await run(async ({ remember }) => {
      await remember(value);
      return '';
    });
    expect(await recalled()).toEqual(value);
    for (const path of [main, spare])
      expect(service.files.get(path)).toMatchObject({ owner: '472:0', mode: 0o600 });
    // The spare is whole before the main one is touched.
    expect([...service.files.keys()]).toEqual([spare, main]);
  });

  test('is replaced', async () => {
    await run(async ({ remember, recall }) => {
      await remember({ round: 1 });
      await remember({ round: 2 });
      return JSON.stringify(await recall());
    }).then((line) => {
      expect(line).toBe('{"round":2}');
    });
  });

  test('is undefined where there is none', async () => {
    expect(await recalled()).toBeUndefined();
  });

  test.each([
    ['the main one is missing', undefined, '{"new":1}', { new: 1 }],
    ['the main one is cut off', '{"o', '{"new":1}', { new: 1 }],
    ['the main one is empty', '', '{"new":1}', { new: 1 }],
    ['the spare is cut off', '{"old":1}', '{"n', { old: 1 }],
    ['the spare is missing', '{"old":1}', undefined, { old: 1 }],
    ['both are cut off', '{"o', '{"n', undefined],
  ])('%s', async (_, one, other, expected) => {
    if (one !== undefined) holds(main, one);
    if (other !== undefined) holds(spare, other);
    expect(await recalled()).toEqual(expected);
  });
});

describe('a program beside the service', () => {
  test('has its image, user and volumes, and no network', async () => {
    docker.program = async ({ container: { name, spec }, stdin, say }) => {
      expect(name).toBe('taffrail-s-grafana-reload');
      expect(spec).toMatchObject({
        Image: 'sha256:service',
        User: '472:0',
        Entrypoint: ['grafana'],
        Cmd: ['cli'],
      });
      expect(spec.HostConfig).toMatchObject({ NetworkMode: 'none', VolumesFrom: [service.id] });
      let read = '';
      for await (const chunk of stdin) read += String(chunk);
      say(`read ${read}`);
      return 3;
    };
    const line = await run(async ({ beside }) => JSON.stringify(await beside(['grafana', 'cli'], 's3cret')));
    expect(JSON.parse(line)).toEqual({ exitCode: 3, output: 'read s3cret' });
    expect(docker.names).toEqual(['grafana']);
  });

  test('runs when the tunnel is closed: a job that is killed leaves one helper', async () => {
    await serve((_, response) => response.end('ok'));
    const serving = docker.program;
    let seen: string[] = [];
    const line = await run(async ({ ask, beside }) => {
      await ask('GET', '/');
      docker.program = () => {
        seen = [...docker.names];
        return Promise.resolve(0);
      };
      await beside(['grafana', 'cli'], '');
      docker.program = serving;
      return (await ask('GET', '/')).body;
    });
    expect(seen.sort()).toEqual(['grafana', 'taffrail-s-grafana-reload']);
    expect(line).toBe('ok');
  });

  test('is ended when it hangs', async () => {
    docker.program = () => new Promise(() => undefined);
    expect(await failure(run(async ({ beside }) => (await beside(['x'], '')).output))).toContain(
      'Grafana may run the old files or the new ones. x: it did not end within 0.3 s',
    );
    expect(docker.names).toEqual(['grafana']);
  });
});
