import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type Server, createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { imageKeys } from '../../configs/images.ts';
import { RigError, decideRig, formatParts, partsTable } from './index.ts';
import { parts } from './parts.ts';

let folder: string;
let engine: Server | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'taffrail decide '));
});
afterEach(() => {
  vi.unstubAllGlobals();
  engine?.closeAllConnections();
  engine?.close();
  engine = undefined;
  rmSync(folder, { recursive: true });
});

/** An engine as far as the decision asks it. */
async function startEngine(status = 200): Promise<void> {
  engine = createServer((request, response) => {
    response.statusCode = request.url === '/_ping' ? status : 404;
    response.end('OK');
  });
  await new Promise<void>((resolve) => engine?.listen(join(folder, 'docker.sock'), resolve));
}

/** A user's own CLI, in that folder of PATH. */
function installCli(path = 'bin'): void {
  mkdirSync(join(folder, path), { recursive: true });
  writeFileSync(join(folder, path, 'pulumi'), '');
}

function installPlugins(version = (of: string): string => of): void {
  for (const one of parts)
    if (one.plugin !== undefined)
      mkdirSync(join(folder, 'home', 'plugins', `resource-${one.plugin}-v${version(one.version)}`), {
        recursive: true,
      });
}

const environment = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  DOCKER_HOST: `unix://${join(folder, 'docker.sock')}`,
  PATH: `${join(folder, 'nothing')}:${join(folder, 'bin')}`,
  PULUMI_HOME: join(folder, 'home'),
  TAFFRAIL_CACHE: join(folder, 'cache'),
  ...more,
});

/** Runs as a user to whom modes of files apply; root passes them by. */
async function asNobody(check: () => Promise<void>): Promise<void> {
  const isRoot = process.getuid?.() === 0;
  chmodSync(folder, 0o755);
  // What is loaded late must be readable to that user as well.
  await import('../../commands/lib/facts.ts');
  await import('../../commands/lib/judge.ts');
  if (isRoot) process.seteuid?.(65534);
  try {
    await check();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}

/** Whoever runs the tests may have let Taffrail install the CLI. */
const ownCli = '/nowhere/cli/bin';
const online = { ownCli, reachable: () => Promise.resolve(true) };
const offline = { ownCli, reachable: () => Promise.resolve(false) };
const unasked = { ownCli, reachable: vi.fn(() => Promise.resolve(true)) };

describe('when the rig is used', () => {
  it('3.6: not where Docker answers and CLI and plugins are installed; then nothing is asked of the internet', async () => {
    await startEngine();
    installCli();
    installPlugins();
    expect(await decideRig(environment(), unasked)).toEqual({
      use: false,
      reason: 'Docker answers, CLI and plugins are installed',
    });
    expect(unasked.reachable).not.toHaveBeenCalled();
  });

  it('3.6: not where Docker answers and the CLI is the one that Taffrail installed, which is on no PATH', async () => {
    await startEngine();
    installCli('own');
    installPlugins();
    const { use } = await decideRig(environment(), { ...offline, ownCli: join(folder, 'own') });
    expect(use).toBe(false);
  });

  it('3.6: not where Docker answers and the rest can be downloaded', async () => {
    await startEngine();
    expect(await decideRig(environment(), online)).toEqual({
      use: false,
      reason: 'Docker answers and official downloads can be reached',
    });
  });

  it.each<[string, () => unknown]>([
    ['the CLI is missing', installPlugins],
    ['the plugins are missing', installCli],
    [
      'the plugins are of another version',
      () => {
        installCli();
        installPlugins((version) => `${version}-rc1`);
      },
    ],
    [
      "the only CLI is the rig's own",
      () => {
        installCli(join('cache', 'rig', 'cli-0'));
        installPlugins();
      },
    ],
  ])('3.6: the rig where Docker answers, nothing can be downloaded and %s', async (_what, install) => {
    await startEngine();
    install();
    const path = [join(folder, 'bin'), join(folder, 'cache', 'rig', 'cli-0')].join(':');
    expect(await decideRig(environment({ PATH: path }), offline)).toMatchObject({ use: true });
  });

  it('3.6: where only package registries can be reached: the rig, even with an installed CLI', async () => {
    const use = { use: true, reason: 'official downloads cannot be reached' };
    expect(await decideRig(environment(), offline)).toEqual(use);
    installCli();
    installPlugins();
    expect(await decideRig(environment(), offline)).toEqual(use);
  });

  it.each<[string, () => unknown, RegExp]>([
    ['is not there', () => undefined, /there is no socket at .*\nType: sudo systemctl start docker/],
    [
      'left a file in its place',
      () => {
        writeFileSync(join(folder, 'docker.sock'), '');
      },
      /there is no socket at .*\nType: sudo systemctl start docker/,
    ],
    [
      'answers with an error',
      () => startEngine(500),
      /does not answer: it takes connections.*\nType: sudo systemctl restart docker/,
    ],
  ])(
    '3.6: stops with the line to type where downloads can be reached and the engine %s',
    async (_what, prepare, words) => {
      await prepare();
      installCli();
      installPlugins();
      const decision = decideRig(environment(), online);
      await expect(decision).rejects.toThrow(RigError);
      await expect(decision).rejects.toThrow(words);
      await expect(decision).rejects.toThrow(join(folder, 'docker.sock'));
      // The commands say it themselves, after their look at the host.
      const looking = { ...online, mustAnswer: false };
      expect(await decideRig(environment(), looking)).toMatchObject({ use: false });
    },
  );

  it('3.6: never in place of an engine that is there and refuses this user', async () => {
    await startEngine();
    chmodSync(join(folder, 'docker.sock'), 0o000);
    await asNobody(async () => {
      expect(await decideRig(environment(), { ...offline, mustAnswer: false })).toEqual({
        use: false,
        reason: 'Docker is there, and refuses this user',
      });
      for (const way of [online, offline])
        await expect(decideRig(environment(), way)).rejects.toThrow(RigError);
    });
    expect(await decideRig(environment({ TAFFRAIL_RIG: '1' }), offline)).toMatchObject({ use: true });
  });

  it("3.6: the wrapper of `npm run -s env` is no installed CLI, the rig's engine is none of the person's", async () => {
    await startEngine();
    installPlugins();
    const path = join(import.meta.dirname, '..', '..', 'commands', 'bin');
    expect(await decideRig(environment({ PATH: path }), offline)).toMatchObject({ use: true });
    const left = environment({ DOCKER_HOST: 'unix:///run/taffrail-rig/docker.sock' });
    await expect(decideRig(left, { ...online, mustAnswer: false })).rejects.toThrow(
      /rig's engine.*\nType: unset DOCKER_HOST/,
    );
    expect(await decideRig(left, offline)).toMatchObject({ use: true });
  });

  it('3.6: an engine elsewhere is left to the one who reaches it', async () => {
    const environ = environment({ DOCKER_HOST: 'ssh://root@nowhere.invalid' });
    expect(await decideRig(environ, online)).toMatchObject({ use: false });
  });

  it('3.6: TAFFRAIL_RIG=1 is the rig, although all is there', async () => {
    await startEngine();
    installCli();
    installPlugins();
    const decision = await decideRig(environment({ TAFFRAIL_RIG: '1' }), online);
    expect(decision).toEqual({ use: true, reason: 'TAFFRAIL_RIG=1' });
  });

  it('3.6: TAFFRAIL_RIG=0 forbids it, although nothing is there', async () => {
    const decision = await decideRig(environment({ TAFFRAIL_RIG: '0' }), offline);
    expect(decision).toEqual({ use: false, reason: 'TAFFRAIL_RIG=0' });
  });

  it('3.6: another value of TAFFRAIL_RIG is refused, an empty one is none', async () => {
    for (const given of ['yes', 'true', '2', ' 1'])
      await expect(decideRig(environment({ TAFFRAIL_RIG: given }), offline)).rejects.toThrow(
        new RigError(`TAFFRAIL_RIG is "${given}"; it takes 1, 0, or nothing`),
      );
    expect(await decideRig(environment({ TAFFRAIL_RIG: '' }), offline)).toMatchObject({ use: true });
  });

  it('3.6: what decides is a file of the official download server', async () => {
    await startEngine();
    const asked = vi.fn<typeof fetch>();
    vi.stubGlobal('fetch', asked);
    asked.mockResolvedValueOnce(new Response());
    expect(await decideRig(environment())).toMatchObject({ use: false });
    expect(asked.mock.calls[0]?.[0]).toMatch(/^https:\/\/get\.pulumi\.com\/.*\.tar\.gz$/);
    // A proxy's refusal is an answer, too.
    asked.mockResolvedValueOnce(new Response(null, { status: 403 }));
    expect(await decideRig(environment())).toMatchObject({ use: true });
    asked.mockRejectedValueOnce(new TypeError('fetch failed'));
    expect(await decideRig(environment())).toMatchObject({ use: true });
  });
});

describe('the table of parts', () => {
  it('3.6: says of each part of the rig what kind it is and which version', () => {
    const table = partsTable(true);
    expect(new Set(table.map(({ kind }) => kind))).toEqual(new Set(['built', 'debian', 'stand-in']));
    expect(new Set(table.map(({ name }) => name)).size).toBe(table.length);
    for (const line of table) expect(line.version, line.name).toMatch(/\d/);
    const rows = formatParts(table).split('\n');
    const row = (name: string): string | undefined => rows.find((text) => text.startsWith(`${name} `));
    expect(row('engine')).toMatch(/^engine +built +\d/);
    expect(row('postgres')).toMatch(/^postgres +debian +\d+ +shipped: \d/);
    expect(row('grafana')).toMatch(/^grafana +stand-in +\d.*the real one needs/);
    expect(rows).toHaveLength(table.length + 1);
  });

  it('3.6: without the rig all is official: the images, the CLI and its plugins, nothing else', () => {
    const table = partsTable(false);
    expect(new Set(table.map(({ kind }) => kind))).toEqual(new Set(['official']));
    expect(table).toHaveLength(imageKeys.length + 4);
    expect(table.map(({ name }) => name)).not.toContain('engine');
  });

  it('3.6: has columns', () => {
    const text = formatParts([
      { name: 'a', kind: 'built', version: '1.0', note: 'why' },
      { name: 'longer', kind: 'stand-in', version: '2', shippedVersion: '2.1' },
    ]);
    expect(text).toBe(
      [
        'part    kind      version',
        'a       built     1.0                    why',
        'longer  stand-in  2        shipped: 2.1',
      ].join('\n'),
    );
  });
});
