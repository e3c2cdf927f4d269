import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectEngine, type Engine } from '../../../components/jobs/lib/engine.ts';
import { EngineError, JobError } from '../../../components/jobs/lib/errors.ts';
import { Helper } from '../../../components/jobs/lib/helper.ts';
import { PretendedEngine } from './pretendedEngine.ts';

let docker: PretendedEngine;
let engine: Engine;
beforeEach(async () => {
  docker = await new PretendedEngine().start();
  engine = connectEngine(docker.address);
});
afterEach(() => {
  engine.close();
  docker.stop();
});

const failure = async (work: Promise<unknown>): Promise<JobError> => {
  const error = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(JobError);
  return error as JobError;
};
const list = (timeout?: number) =>
  engine.request('GET', '/volumes/v', timeout === undefined ? {} : { timeout });

describe('a request', () => {
  test('that the engine refuses: its message and status', async () => {
    const error = await failure(list());
    expect(error).toBeInstanceOf(EngineError);
    expect(error).toMatchObject({ status: 404, message: 'get v: no such volume' });
    expect((await engine.request('GET', '/volumes/v', { also: [404] })).status).toBe(404);
  });

  test.each([
    ['', 'the Docker engine answered 403, without a word'],
    ['no JSON', 'no JSON'],
    ['null', 'null'],
    ['{"other":1}', '{"other":1}'],
  ])('that a proxy refuses with %j', async (body, message) => {
    docker.fault = () => ({ status: 403, body });
    expect((await failure(list())).message).toBe(message);
  });

  test.each(['hang', 'stall'] as const)('without an end is bounded: %s', async (fault) => {
    docker.fault = () => fault;
    expect((await failure(list(100))).message).toBe(
      `The Docker engine at ${docker.address} does not answer: no answer within 0.1 s`,
    );
    docker.fault = () => undefined;
    docker.volumes.set('v', new Map());
    expect((await list()).status).toBe(200);
  });

  test('to an engine that is not there', async () => {
    docker.die();
    expect((await failure(list())).message).toMatch(/does not answer: connect (ENOENT|ECONNREFUSED)/);
  });

  test('requests side by side share one connection', async () => {
    docker.volumes.set('v', new Map());
    await Promise.all([list(), list(), list()]);
    expect(docker.connectionCount).toBe(1);
  });
});

describe('attaching', () => {
  test('to what is not there', async () => {
    expect(await failure(engine.attach('x'))).toMatchObject({ status: 404, message: 'No such container' });
  });

  test('an engine that goes before anybody reads is an end, not a crash', async () => {
    const stream = await engine.attach(docker.add('x').id);
    docker.disconnect();
    await new Promise<void>((resolve) => {
      stream.once('close', resolve);
      stream.write('x');
    });
    expect(stream.destroyed).toBe(true);
  });

  test('an engine that goes then', async () => {
    docker.fault = () => 'destroy';
    expect((await failure(engine.attach('x'))).message).toContain('socket hang up');
  });
});

describe('an address', () => {
  test.each([
    ['nonsense', /DOCKER_HOST is nonsense, which is no address/],
    ['npipe:////./pipe/docker_engine', /only unix:\/\/, ssh:\/\/ and tcp:\/\//],
  ])('%s is refused in words', (address, message) => {
    expect(() => connectEngine(address)).toThrow(JobError);
    expect(() => connectEngine(address)).toThrow(message);
  });

  test('with a space in its path', async () => {
    const other = connectEngine('unix:///tmp/no%20where/docker.sock');
    expect((await failure(other.request('GET', '/'))).message).toContain('/tmp/no where/docker.sock');
    other.close();
  });
});

describe('a helper', () => {
  const job = { project: 'taffrail-s', stack: 's', owner: 'o', name: 'x' };
  const make = () =>
    Helper.make(engine, job, '', {
      image: { id: 'sha256:tools', reference: 'tools:1' },
      command: ['cat', '-'],
      user: '65534:65534',
      network: ['a', 'b'],
      volumes: { '/v': 'v' },
      environment: { A: 'b' },
    });

  test('has nothing that it does not need', async () => {
    docker.volumes.set('v', new Map());
    const { id } = await make();
    expect(docker.containers.get(id)?.spec).toMatchObject({
      Entrypoint: ['cat'],
      Cmd: ['-'],
      User: '65534:65534',
      Env: ['A=b'],
      Labels: { 'dev.taffrail.job': 'x', 'dev.taffrail.owner': 'o', 'dev.taffrail.stack': 's' },
      HostConfig: {
        NetworkMode: 'a',
        Mounts: [{ Type: 'volume', Source: 'v', Target: '/v' }],
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges=true'],
        ReadonlyRootfs: true,
        LogConfig: { Type: 'none' },
        RestartPolicy: { Name: 'no' },
      },
      NetworkingConfig: { EndpointsConfig: { a: {}, b: {} } },
    });
  });

  test('that is gone already counts as removed', async () => {
    docker.volumes.set('v', new Map());
    const helper = await make();
    await helper.remove();
    await helper.remove();
    expect(docker.names).toEqual([]);
  });
});
