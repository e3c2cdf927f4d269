import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { containersOf, docker, removeStack } from '../lib/engine.ts';
import { basic, json } from '../lib/http.ts';
import { freshCopy } from '../lib/place.ts';
import { ownProcesses } from '../lib/processes.ts';
import { asPerson, inShell, type Run, runIn } from '../lib/stack.ts';

// The embedded default, as a newcomer has it after `npm ci`: no settings, no secrets, the default ports; beside the
// other stacks, from a checkout of its own.
const local = 'local';
const npm = (command: string): Promise<Run> => asPerson(['npm', 'run', command], freshCopy);
const git = (...args: string[]) =>
  runIn('git', 'git', ['-c', 'user.name=e2e', '-c', 'user.email=e2e@example.com', ...args], {
    cwd: freshCopy,
  });
let up: Run;

beforeAll(async () => {
  const theirs = await containersOf(local);
  if (theirs.length > 0)
    throw new Error('a stack `local` is on this engine; it may be yours. Type:  npm run down');
  for (const args of [
    ['init', '-q'],
    ['add', '-A'],
    ['commit', '-qm', 'as it stands'],
  ])
    expect((await git(...args)).code).toBe(0);
  up = await npm('up');
});
afterAll(async () => {
  await removeStack(local);
});

describe('`npm run up` in a fresh checkout', () => {
  it('3.1: brings up the default, in plain lines of what is done, and ends with the addresses', () => {
    expect(up.code, up.output).toBe(0);
    const steps = ['settings', 'tools', 'host', 'state', 'up'];
    const at = steps.map((step) => up.output.indexOf(`\n${step} ...\n`));
    expect(at.every((place) => place > 0)).toBe(true);
    expect([...at].sort((one, other) => one - other)).toEqual(at);
    // How far, and what it waits for.
    expect(up.output).toMatch(/^ +[\d.]+ s: \d+ of \d+, waiting for \S+/m);
    expect(up.output).toMatch(/^ +grafana +http:\/\/127\.0\.0\.1:3000$/m);
    expect(up.output).toMatch(/^ +cloudbeaver +http:\/\/127\.0\.0\.1:8978$/m);
    // Nothing is drawn over what is there already.
    expect(up.output).not.toContain('\r');
  });

  it('3.1: tells by which command the passwords are read, not the passwords; they are right', async () => {
    const command = /^ +(eval .*pulumi stack output passwords .*)$/m.exec(up.output)?.[1] ?? 'false';
    const { code, output } = await inShell(command, freshCopy);
    expect(code, output).toBe(0);
    const { grafana } = JSON.parse(output.slice(output.indexOf('{'))) as { grafana: string };
    expect(grafana.length).toBeGreaterThanOrEqual(24);
    expect(up.output).not.toContain(grafana);
    const who = (password: string) =>
      json('http://127.0.0.1:3000/api/org', { headers: basic('admin', password) });
    expect((await who(grafana)).status).toBe(200);
    expect((await who('admin')).status).toBe(401);
  });

  it('3.1: keeps what it made where only the owner can read it, and out of git', async () => {
    const mode = (file: string) => (statSync(join(freshCopy, file)).mode & 0o777).toString(8);
    expect(readFileSync(join(freshCopy, 'Pulumi.local.yaml'), 'utf8')).toContain('encryptionsalt');
    expect([mode('.taffrail'), mode('.taffrail/passphrase')]).toEqual(['700', '600']);
    expect((await git('status', '--porcelain')).output).toBe('');
  });

  it('3.3: `npm run down` leaves nothing of it', async () => {
    expect((await containersOf(local)).length).toBeGreaterThan(8);
    const down = await npm('down');
    expect(down.code, down.output).toBe(0);
    const named = (name: string) => name.replace(/^\//, '').startsWith('taffrail-local-');
    const [containers, networks, { Volumes: volumes }] = await Promise.all([
      docker.listContainers({ all: true }),
      docker.listNetworks(),
      docker.listVolumes(),
    ]);
    expect([
      ...containers.flatMap(({ Names }) => Names).filter(named),
      ...networks.map(({ Name }) => Name).filter(named),
      ...volumes.map(({ Name }) => Name).filter(named),
    ]).toEqual([]);
    // Not even what git ignores; node_modules is the checkout's.
    expect(existsSync(join(freshCopy, '.taffrail'))).toBe(false);
    expect(
      (await git('status', '--porcelain', '--ignored')).output.replace(/^!! node_modules\/?$/m, '').trim(),
    ).toBe('');
    expect(ownProcesses(freshCopy)).toEqual([]);
  });
});
