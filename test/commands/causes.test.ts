import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Engine } from '../../commands/lib/engine.ts';
import type { Deployment, StateResource } from '../../commands/lib/state.ts';
import { operationOf } from '../../commands/lib/operation.ts';
import { causesAfter, causesOf, causeWords } from '../../commands/lib/causes.ts';

const resource = (type: string, name: string, id: string, more: object = {}): StateResource => ({
  urn: `urn:pulumi:prod::taffrail::${type}::${name}`,
  type,
  id,
  ...more,
});
const service = (name: string, id: string) => resource('docker:index/container:Container', name, id);
const owner = resource('random:index/randomId:RandomId', 'owner', 'x', { outputs: { hex: 'aa11' } });
const stateOf = (...resources: StateResource[]): Deployment => ({
  version: 3,
  deployment: { resources: [owner, ...resources] },
});
const interrupted: Deployment = {
  version: 3,
  deployment: {
    resources: [owner, service('prometheus', 'c1')],
    pending_operations: [{ type: 'creating', resource: service('grafana', '') }],
  },
};

const seen = (name: string, id: string, more: Record<string, string> = {}, state = 'running') => ({
  Id: id,
  Names: [`/taffrail-prod-${name}`],
  State: state,
  Labels: {
    'com.docker.compose.project': 'taffrail-prod',
    'com.docker.compose.service': name,
    'dev.taffrail.stack': 'prod',
    'dev.taffrail.owner': 'aa11',
    ...more,
  },
  NetworkSettings: { Networks: {} },
  Ports: [],
});
const foreign = {
  ...seen('web', 'f1'),
  Labels: { 'com.docker.compose.project': 'taffrail-prod' } as Record<string, string>,
};
type Seen = ReturnType<typeof seen> | typeof foreign;

/** What an engine answers of its containers; it has no networks and volumes. */
const filtered = (containers: Seen[], labels: string[] = []) =>
  containers.filter(({ Labels }) =>
    labels.every((one) => (Labels as Record<string, string>)[one.split('=')[0] ?? ''] === one.split('=')[1]),
  );
const engineOf = (containers: Seen[], address = 'unix:///var/run/docker.sock') =>
  ({
    address,
    docker: {
      listContainers: ({ filters }: { filters?: { label: string[] } } = {}) =>
        Promise.resolve(filtered(containers, filters?.label)),
      listNetworks: () => Promise.resolve([]),
      listVolumes: () => Promise.resolve({ Volumes: null }),
    },
  }) as unknown as Engine;

describe('after a native `up` that failed', () => {
  test.each([
    [['up'], 'up', undefined],
    [['update', '--yes', '-s', 'prod'], 'up', 'prod'],
    [['up', '--stack=prod', '--diff'], 'up', 'prod'],
    [['--color', 'never', '-v', '3', '--tracing', 'file:x', 'up', '-s', 'prod'], 'up', 'prod'],
    [['--stack', 'prod', 'up', '--replace', 'urn:pulumi:x'], 'up', 'prod'],
    [['-C', 'elsewhere', 'preview'], 'preview', undefined],
    [['config', 'set', 'up', 'x'], 'config', undefined],
    [[], undefined, undefined],
  ])('3.14: of %j it knows the operation and the stack', (args, operation, stack) => {
    expect(operationOf(args)).toEqual({ operation, stack });
  });

  test('3.14: names what is left and who else is there, and the line once', () => {
    const left = ['creating grafana was interrupted'];
    expect(causeWords('local', { left })).toBe(
      'Stack local needs repair: creating grafana was interrupted. Run:\n  npm run up',
    );
    expect(causeWords('prod', { left }, { told: false, ownBackend: false })).toMatch(
      /interrupted\. If no other command is working on it, run:\n {2}npm run up -- -s prod$/,
    );
    expect(causeWords('prod', { left, foreign: 'Somebody else’s.' })).toBe(
      'Somebody else’s.\n' +
        'Stack prod needs repair: creating grafana was interrupted. Run:\n  npm run up -- -s prod',
    );
    const many = causeWords('prod', { left: ['a', 'b', 'c', 'd', 'e', 'f'] });
    expect(many).toMatch(/: a, b, c, d and 2 more\./);
    // Of a dead lock the line stands there already.
    const told = { told: true, ownBackend: true };
    expect(causeWords('prod', { left }, told)).toBeUndefined();
    expect(causeWords('prod', { left, foreign: 'Theirs.' }, told)).toBe('Theirs.');
    expect(causeWords('prod', { left: [] })).toBeUndefined();
  });

  test('3.14: finds what a killed run left, and nothing where engine and state agree', async () => {
    const well = stateOf(service('prometheus', 'c1'));
    expect(await causesOf(engineOf([seen('prometheus', 'c1')]), 'prod', well)).toEqual({
      left: [],
      foreign: undefined,
    });
    const found = await causesOf(
      engineOf([
        seen('prometheus', 'c1', {}, 'exited'),
        seen('loki', 'c2'),
        // No cause of a failure: the job removes its predecessor's helper.
        seen('loki-files', 'h1', { 'dev.taffrail.job': 'loki-files' }),
      ]),
      'prod',
      interrupted,
    );
    expect(found).toEqual({
      left: [
        'creating grafana was interrupted',
        'the container taffrail-prod-loki is in no state',
        'prometheus does not run',
      ],
      foreign: undefined,
    });
    expect((await causesOf(engineOf([]), 'prod', well)).left).toEqual(['prometheus is gone']);
  });

  test('3.14: takes for left neither another state’s, nor anything by the state of another engine, or none', async () => {
    const others = engineOf([seen('prometheus', 'c1'), seen('loki', 'c2', { 'dev.taffrail.owner': 'bb22' })]);
    expect((await causesOf(others, 'prod', stateOf(service('prometheus', 'c1')))).left).toEqual([]);
    const provider = resource('pulumi:providers:docker', 'host', 'p', { inputs: { host: 'ssh://old' } });
    const moved = stateOf(provider, service('prometheus', 'c1'));
    expect((await causesOf(engineOf([], 'ssh://new'), 'prod', moved)).left).toEqual([]);
    expect((await causesOf(engineOf([], 'ssh://old'), 'prod', moved)).left).toEqual(['prometheus is gone']);
    const renamed = engineOf([seen('prometheus', 'c1'), seen('loki', 'c2')], 'ssh://new');
    expect((await causesOf(renamed, 'prod', moved)).left).toEqual([
      'the container taffrail-prod-loki is in no state',
    ]);
    expect((await causesOf(engineOf([]), 'prod', undefined)).left).toEqual([]);
  });

  test('3.14: names a compose project of that name that is not Taffrail’s', async () => {
    const found = await causesOf(engineOf([foreign]), 'prod', stateOf());
    expect(found.foreign).toMatch(
      /compose project taffrail-prod .* not Taffrail's: taffrail-prod-web\.\nRemove it \(docker compose -p taffrail-prod down\)/,
    );
    expect(found.left).toEqual([]);
  });
});

describe('asked with the CLI and an engine', () => {
  let folder: string;
  let cli: string;
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://engine');
    const filters = JSON.parse(url.searchParams.get('filters') ?? '{}') as { label?: string[] };
    const list = url.pathname.endsWith('/containers/json')
      ? filtered([seen('loki', 'c2'), seen('prometheus', 'c1')], filters.label)
      : [];
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(url.pathname.endsWith('/volumes') ? { Volumes: null } : list));
  });
  const cliThat = (exports: string) => {
    writeFileSync(
      cli,
      `#!/bin/sh\ncase $* in\n'stack --show-name --non-interactive') echo acme/taffrail/prod ;;\n'stack export -s acme/taffrail/prod --non-interactive') ${exports} ;;\n*) exit 1 ;;\nesac\n`,
    );
    chmodSync(cli, 0o755);
  };
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'taffrail-causes-'));
    cli = join(folder, 'pulumi');
    await new Promise<void>((ready) => server.listen(join(folder, 'docker.sock'), ready));
    vi.stubEnv('DOCKER_HOST', `unix://${folder}/docker.sock`);
    vi.stubEnv('PULUMI_BACKEND_URL', 's3://state');
    writeFileSync(join(folder, 'state.json'), JSON.stringify(interrupted));
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await new Promise((closed) => server.close(closed));
    rmSync(folder, { recursive: true });
  });

  test('3.14: reads the state of the selected stack', async () => {
    cliThat(`cat ${folder}/state.json`);
    expect(await causesAfter(['up', '--yes'], cli)).toMatch(/npm run up -- -s prod$/);
    expect(await causesAfter(['up', '--yes'], cli)).toContain('creating grafana was interrupted');
    expect(await causesAfter(['up', '--yes'], cli, ['prod'])).toBeUndefined();
    cliThat('echo error: incorrect passphrase >&2; exit 255');
    expect(await causesAfter(['up'], cli)).toBeUndefined();
  });

  test('3.14: says nothing of other operations, and where nobody can be asked', async () => {
    cliThat(`cat ${folder}/state.json`);
    expect(await causesAfter(['preview'], cli)).toBeUndefined();
    expect(await causesAfter(['up'], '/nowhere/pulumi')).toBeUndefined();
    vi.stubEnv('DOCKER_HOST', `unix://${folder}/nobody.sock`);
    expect(await causesAfter(['up'], cli)).toBeUndefined();
  });
});
