import { beforeAll, describe, expect, test, vi } from 'vitest';
import { plan, type Target } from '../../components/jobs/files.ts';
import type { Entry } from '../../components/jobs/lib/archive.ts';
import type { Engine } from '../../components/jobs/lib/engine.ts';
import { openPipe } from '../../components/jobs/lib/tunnel.ts';
import { postgresPassword, postgresRole } from '../../configs/databases/postgresRole.ts';
import { apply as applyGrafana } from '../../configs/grafana/apply.ts';
import { type ImageKey, imageKeys } from '../../configs/images.ts';
import { Place } from '../configs/pretended.ts';
import { adminPassword, PretendedGrafana } from '../configs/pretendedGrafana.ts';
import { contractOf } from '../rig/images/contracts.ts';
import { type Ran, runProgram } from './harness.ts';
import { type Container, imageKey, imageKeyOf, jobs, running, services } from './look.ts';
import { programsOf } from './programs.ts';
import { everything } from './stacks.ts';

// 3.8: what a health check or a job runs is in the official image, by its contract.

/** A command in exec form that runs in an image, and who asks for it. */
interface Use {
  by: string;
  key: ImageKey;
  command: readonly string[];
}

/** What containers start by themselves: an entrypoint of ours, and what asks for their health. */
const ofContainer = (one: Container): string[][] => {
  const { entrypoints = [], command = [], healthcheck } = one.inputs;
  const check = healthcheck?.tests.slice(1) ?? [];
  return [
    ...(entrypoints.length > 0 ? [[...entrypoints, ...command]] : []),
    ...(check.length > 0 ? [check] : []),
  ];
};

/** The programs of a command: the first word, and what it starts in turn. */
function programs([program, ...words]: readonly string[]): string[] {
  if (program === undefined) return [];
  if (program === 'env')
    return [program, ...programs(words.slice(words.findIndex((word) => !word.includes('='))))];
  if (program !== 'sh' && program !== 'bash') return [program];
  if (words[0] !== '-c') throw new Error(`a script that is not known: ${words.join(' ')}`);
  return [program, ...programsOf(words[1] ?? '')];
}

const missing = (uses: readonly Use[]): [string, ImageKey, string][] =>
  uses.flatMap(({ by, key, command }) =>
    programs(command)
      .filter((program) => !contractOf(key).provides(program))
      .map((program): [string, ImageKey, string] => [by, key, program]),
  );

const used = (uses: readonly Use[], key: ImageKey): string[] =>
  [...new Set(uses.filter((use) => use.key === key).flatMap(({ command }) => programs(command)))].sort();

/** What Postgres' role and password are made with, as the job runs it. */
async function ofDatabases(): Promise<Use[]> {
  const uses: Use[] = [];
  // The server is not there at first, so its readiness is asked for, too.
  const ends = [2];
  const run = (command: readonly string[]) => {
    uses.push({ by: 'database job', key: 'postgres', command });
    return Promise.resolve({ exitCode: ends.pop() ?? 0, output: '' });
  };
  const admin = { user: 'boss', password: 'b' };
  const address = { name: 'x', own: true, host: 'h', port: 1, database: 'd', user: 'u', tls: false };
  await postgresPassword({ run }, { user: 'u', password: 'p', database: 'd' });
  await postgresRole({ run }, { address, project: 'p', password: 'p', admin });
  return uses;
}

/** What a tunnel runs, as the engine is told it. */
async function ofTunnels(): Promise<Use[]> {
  const uses: Use[] = [];
  const engine = {
    request: (
      _method: string,
      _path: string,
      { json }: { json: { Entrypoint: string[]; Cmd: string[] } },
    ) => {
      uses.push({ by: 'tunnel', key: 'tools', command: [...json.Entrypoint, ...json.Cmd] });
      return Promise.reject(new Error('seen'));
    },
  } as unknown as Engine;
  const job = { project: 'p', stack: 's', owner: 'o', name: 'n' };
  const tools = { id: 'i', reference: 'r' };
  for (const insist of [true, false])
    await openPipe(engine, job, { tools, network: 'none', host: 'h', port: 1, insist }).catch(
      () => undefined,
    );
  return uses;
}

/** What puts files in place: new ones over old ones, in each layout. */
function ofSwitches(): Use[] {
  const entry = (path: string, rest: Partial<Entry> = {}): [string, Entry] => [
    path,
    { path, owner: '1:1', mode: 0o644, ...rest },
  ];
  const found = new Map([
    entry('current', { link: 'revision-old' }),
    entry('revision-old', { mode: 0o755 }),
    entry('a', { content: 'old' }),
    entry('b', { content: 'gone' }),
    entry('steady', { mode: 0o755 }),
    entry('steady/a', { content: 'old' }),
  ]);
  return (['revisions', 'in-place', 'add'] as const).map((layout) => {
    const target: Target = {
      ...{ volume: 'v', layout, files: { a: 'new' } },
      ...(layout === 'revisions' && { steady: { folder: 'steady', files: { a: 'new' } } }),
    };
    const { lines } = plan(target, '1:1', '/target-0', found, 'revision-new');
    return { by: `files job, ${layout}`, key: 'tools', command: ['sh', '-c', lines.join('\n')] };
  });
}

/** What Grafana's administrator is reset with. */
async function besideGrafana(): Promise<Use[]> {
  const grafana = new PretendedGrafana();
  await new Place().apply(applyGrafana, grafana, {
    ...{
      stack: 's',
      adminUser: 'admin',
      adminPassword: `new-${adminPassword}`,
      configFile: '/c',
      passwords: {},
    },
    expected: { datasources: [], dashboards: [], users: [] },
  });
  vi.restoreAllMocks();
  return grafana.resets.map(({ command }) => ({ by: 'grafana-reload', key: 'grafana', command }));
}

describe('3.8: only programs that the image contains', () => {
  let ran: Ran;
  let uses: Use[];
  beforeAll(async () => {
    ran = await runProgram(everything());
    uses = [
      ...services(ran).flatMap((one) => {
        const key = imageKeyOf(one);
        return key === undefined ? [] : ofContainer(one).map((command) => ({ by: one.name, key, command }));
      }),
      ...running(ran, 'files').flatMap(({ name, told: { check } }) => {
        const key = imageKey(check?.image.id ?? '');
        return check && key ? [{ by: name, key, command: check.command }] : [];
      }),
      ...(await ofDatabases()),
      ...(await ofTunnels()),
      ...ofSwitches(),
      ...(await besideGrafana()),
    ];
  });

  test('every pinned image is in use, and only Apps have others', () => {
    const tools = jobs(ran).map(({ told }) => imageKey(told.tools.id));
    const keys = new Set([...services(ran).map(imageKeyOf), ...tools]);
    expect(imageKeys.filter((key) => !keys.has(key))).toEqual([]);
    const others = services(ran).filter((one) => imageKeyOf(one) === undefined);
    expect(others.map(({ name }) => name).sort()).toEqual(['bot', 'worker']);
    expect(new Set(tools)).toEqual(new Set(['tools']));
  });

  test('every health check, checker and job', () => {
    expect(missing(uses)).toEqual([]);
    expect(uses.length).toBeGreaterThan(30);
  });

  test('a job asks little of the tools image, and of a database’s image its own client', () => {
    expect(used(uses, 'tools')).toEqual(['ln', 'mv', 'nc', 'rm', 'sh', 'sleep']);
    expect(used(uses, 'postgres')).toEqual(['env', 'pg_isready', 'psql', 'sh']);
    expect(used(uses, 'grafana')).toEqual(['grafana', 'wget']);
    // Only the Redis that Taffrail runs is asked for its health; its role is made over a connection.
    expect(used(uses, 'redis')).toEqual(['redis-cli']);
  });

  test('a service without an entrypoint of ours has one of the image', () => {
    for (const one of services(ran)) {
      const key = imageKeyOf(one);
      if (key !== undefined && one.inputs.entrypoints === undefined)
        expect(contractOf(key).config.entrypoint.is, one.name).not.toEqual([]);
    }
  });

  test('a program that the image lacks is refused', () => {
    const use = (key: ImageKey, command: string[]) => missing([{ by: 'x', key, command }]);
    expect(use('tools', ['sh', '-c', 'curl x | made-up'])).toEqual([
      ['x', 'tools', 'curl'],
      ['x', 'tools', 'made-up'],
    ]);
    expect(use('loki', ['sh', '-c', '/usr/bin/loki'])).toEqual([['x', 'loki', 'sh']]);
    expect(use('postgres', ['env', 'A=b', 'made-up', 'C=d'])).toEqual([['x', 'postgres', 'made-up']]);
    const [one] = services(ran).filter(({ name }) => name === 'grafana');
    if (one === undefined) throw new Error('no grafana');
    const healthcheck = { tests: ['CMD', 'made-up', '--now'], startPeriod: '1m0s' };
    const broken = ofContainer({ ...one, inputs: { ...one.inputs, healthcheck } });
    expect(broken.flatMap((command) => use('grafana', command))).toEqual([['x', 'grafana', 'made-up']]);
  });
});

describe('the reader of scripts', () => {
  test.each([
    ['set -eu\ncd /x && rm -rf .new # curl\n', ['rm']],
    ["trap 'rm -rf /staging' EXIT\nA=1 B=$(date) psql -c 'SELECT a | b'", ['date', 'psql', 'rm']],
    [
      'until request GET "$(id -u)"; do\n  sleep 0.5\ndone\nrequest() {\n  nc -w 30 "$1" <a >b 2>c &\n}',
      ['id', 'nc', 'sleep'],
    ],
    ['case $old in current | "$1") ;; *) mv a b ;; esac\ntail x', ['mv', 'tail']],
    ['find . | while read -r old; do\n [ -e "$old" ] || gone "${old#x}"\ndone', ['find', 'gone']],
    ['timeout 10 redis-cli -h "$1" </a >/b 2>&1', ['redis-cli', 'timeout']],
    [
      'if ! grep -q x y; then exec grafana cli; fi\nfor name in *; do cp "$name" z; done',
      ['cp', 'grafana', 'grep'],
    ],
    ['printf "%s" "$(printf a | base64 | tr -d x)" >&3', ['base64', 'tr']],
    [
      'until wget -q x && [ -S y ]\ndo sleep 1; done\nexec /usr/bin/e.sh "$@"',
      ['/usr/bin/e.sh', 'sleep', 'wget'],
    ],
    ['while read -r a; do\n  cut -c 1 "$a"\ndone <<\'END\'\nGET x\nSET y\nEND\nsort z', ['cut', 'sort']],
    ['tries=$((tries + 1))\nexec 3>/tmp/request\nexec 3>&-', []],
  ])('%j', (script, expected) => {
    expect(programsOf(script)).toEqual(expected);
  });
});

test('3.18: the socket proxy takes an image and a limit of a stack’s own', async () => {
  const ran = await runProgram(
    everything(undefined, (yaml) =>
      yaml.replace(
        'config:\n',
        "config:\n  taffrail:socketProxy: { image: 'mine/haproxy:3', memory: 96MiB }\n",
      ),
    ),
  );
  const proxy = services(ran).find(({ name }) => name === 'socket-proxy');
  expect(proxy?.inputs.memory).toBe(96);
  expect(ran.resources.map(({ inputs }) => inputs['name'])).toContain('mine/haproxy:3');
});
