import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { engineIsFar } from '../../commands/lib/environment.ts';
import { parts } from '../rig/parts.ts';

// 3.6: the commands off the rig, run as they are in a checkout of their own. No Docker answers; what the official
// download server says is put in place of the internet. Offline the rig could not be built: its cache cannot be written.
const root = join(import.meta.dirname, '../..');
const place = mkdtempSync(join(tmpdir(), 'taffrail commands '));
const checkout = join(place, 'checkout');
const socket = join(place, 'docker.sock');
const bin = join(place, 'bin');

beforeAll(() => {
  for (const folder of ['commands', 'components', 'configs', 'test/rig'])
    cpSync(join(root, folder), join(checkout, folder), {
      recursive: true,
      filter: (file) => !file.endsWith('.test.ts') && !file.includes('/test/rig/go'),
    });
  cpSync(join(root, 'package.json'), join(checkout, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(checkout, 'node_modules'));
  writeFileSync(
    join(checkout, 'Pulumi.prod.yaml'),
    'config:\n  taffrail:dockerHost: ssh://root@vps.invalid\n',
  );
  writeFileSync(join(place, 'online.mjs'), 'globalThis.fetch = () => Promise.resolve(new Response());\n');
  writeFileSync(join(place, 'unasked.mjs'), 'globalThis.fetch = () => process.exit(9);\n');
  writeFileSync(join(place, 'offline.mjs'), 'globalThis.fetch = () => Promise.reject(new TypeError());\n');
});
beforeEach(() => {
  rmSync(bin, { recursive: true, force: true });
  mkdirSync(bin);
});
afterAll(() => {
  rmSync(place, { recursive: true });
});

/** Runs a command where downloads can or cannot be reached. */
function command(net: 'online' | 'offline' | 'unasked', args: string[], before: string[] = []) {
  const [program = '', ...rest] = [
    ...before,
    process.execPath,
    '--import',
    join(place, `${net}.mjs`),
    join(checkout, 'commands', `${args[0] ?? ''}.ts`),
    ...args.slice(1),
  ];
  const { status, stdout, stderr } = spawnSync(program, rest, {
    encoding: 'utf8',
    cwd: checkout,
    env: {
      PATH: [bin, dirname(process.execPath)].join(delimiter),
      HOME: place,
      DOCKER_HOST: `unix://${socket}`,
      TAFFRAIL_CACHE: net === 'offline' ? '/dev/null/cache' : join(place, 'cache'),
    },
  });
  return { status, stdout, stderr };
}

/** A CLI of the person's own. */
function installCli(): void {
  writeFileSync(join(bin, 'pulumi'), '#!/bin/sh\necho v3.256.0\n');
  chmodSync(join(bin, 'pulumi'), 0o755);
}

const nobodyInstalled = () => {
  expect(existsSync(join(checkout, '.taffrail', 'pulumi', 'cli'))).toBe(false);
  const files = existsSync(join(checkout, '.taffrail')) ? readdirSync(join(checkout, '.taffrail')) : [];
  expect(files.filter((file) => file.endsWith('.pid'))).toEqual([]);
};

describe('where downloads can be reached and no Docker answers', () => {
  it('`doctor` says so in its table', () => {
    const { status, stdout } = command('online', ['doctor']);
    expect(stdout).toContain(`FAIL  engine   No Docker engine: there is no socket at ${socket}.`);
    expect(stdout).toMatch(/type: +sudo systemctl start docker/);
    expect(stdout).toContain('1 of 1 checks failed.');
    expect(status).toBe(1);
    nobodyInstalled();
  });

  it.each(['up', 'down', 'status'])('`%s` stops with the line to type, and installs nothing', (name) => {
    const { status, stderr } = command('online', [name]);
    expect(stderr).toContain(
      `No Docker engine: there is no socket at ${socket}.\n  sudo systemctl start docker`,
    );
    expect(stderr).toContain('`npm run doctor` shows every check.');
    expect(status).toBe(1);
    nobodyInstalled();
  });

  it('`env` works: a setting may name the engine later (3.4)', () => {
    installCli();
    const { status, stdout } = command('online', ['env']);
    expect(stdout).toContain(`export TAFFRAIL_PULUMI='${join(bin, 'pulumi')}'`);
    expect(stdout).not.toContain('DOCKER_HOST');
    expect(status).toBe(0);
  });

  it.each(['doctor', 'status', 'up', 'down'])('`%s` goes to the engine that the stack names', (name) => {
    const { status, stdout, stderr } = command('online', [name, ...yes(name), '-s', 'prod']);
    expect(stdout + stderr).toMatch(/The Docker engine at ssh:\/\/root@vps\.invalid does not answer: .*ssh/);
    expect(status).toBe(1);
  });
});

const yes = (name: string): string[] => (name === 'down' ? ['--yes'] : []);

it('nothing is asked of the internet where CLI and plugins are there and the stack names its engine', () => {
  installCli();
  const plugins = join(checkout, '.taffrail', 'pulumi', 'plugins');
  for (const { plugin, version } of parts)
    if (plugin !== undefined) mkdirSync(join(plugins, `resource-${plugin}-v${version}`), { recursive: true });
  const { status, stderr } = command('unasked', ['up', '-s', 'prod']);
  rmSync(plugins, { recursive: true });
  expect(stderr).toMatch(/The Docker engine at ssh:\/\/root@vps\.invalid does not answer/);
  expect(status).toBe(1);
});

describe('where only package registries can be reached', () => {
  it.each(['doctor', 'status'])('`%s` of an engine elsewhere needs no rig', (name) => {
    const { stdout, stderr } = command('offline', [name, '-s', 'prod']);
    expect(stdout + stderr).toMatch(/The Docker engine at ssh:\/\/root@vps\.invalid does not answer/);
  });

  describe('and the engine refuses this user', () => {
    // Root passes modes of files by.
    const plain =
      process.getuid?.() === 0
        ? ['/usr/bin/setpriv', '--bounding-set', '-dac_override,-dac_read_search', '--']
        : [];
    let engine: Server;
    beforeAll(async () => {
      engine = createServer();
      await new Promise<void>((resolve) => engine.listen(socket, resolve));
      chmodSync(socket, 0o000);
    });
    afterAll(() => engine.close());

    it.each(['doctor', 'up', 'down', 'status'])('`%s` says by which line it is let in', (name) => {
      const { status, stdout, stderr } = command('offline', [name], plain);
      expect(stdout + stderr).toMatch(/The user \S+ may not use the Docker socket /);
      expect(stdout + stderr).toMatch(/sudo usermod -aG docker \S+ && newgrp docker/);
      expect(status).toBe(1);
      nobodyInstalled();
    });
  });
});

it('an engine elsewhere is that of the settings, else of DOCKER_HOST', () => {
  expect(engineIsFar(undefined, {})).toBe(false);
  expect(engineIsFar('ssh://root@vps', { DOCKER_HOST: 'unix:///x' })).toBe(true);
  expect(engineIsFar('unix:///x', { DOCKER_HOST: 'ssh://root@vps' })).toBe(false);
  expect(engineIsFar(undefined, { DOCKER_HOST: 'tcp://10.0.0.1:2376' })).toBe(true);
  expect(engineIsFar(undefined, { DOCKER_HOST: 'tcp://10.0.0.1:2376', TAFFRAIL_RIG: '1' })).toBe(false);
});
