import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { connectEngine, type Engine } from '../../../components/jobs/lib/engine.ts';
import { JobError } from '../../../components/jobs/lib/errors.ts';
import { isDropped } from '../../../components/jobs/lib/ssh.ts';
import { PretendedEngine } from './pretendedEngine.ts';

// A program `ssh` on the PATH that leads to the pretended engine, or fails as ssh does.

let docker: PretendedEngine;
let engine: Engine;
let bin: string;
beforeEach(async () => {
  docker = await new PretendedEngine().start();
  docker.volumes.set('v', new Map());
  bin = mkdtempSync(join(tmpdir(), 'taffrail-ssh-'));
  vi.stubEnv('PATH', `${bin}:${process.env['PATH'] ?? ''}`);
  engine = connectEngine('ssh://root@example.com:2222');
});
afterEach(() => {
  engine.close();
  docker.stop();
  vi.unstubAllEnvs();
  rmSync(bin, { recursive: true });
});

const dial = (): string => `
import { connect } from 'node:net';
const engine = connect(${JSON.stringify(docker.socket)});
process.stdin.pipe(engine);
engine.pipe(process.stdout);
engine.on('close', () => process.exit(0));
`;
/** @param before shell that runs first, with the number of the start in `$n` */
function fakeSsh(before = ''): void {
  writeFileSync(join(bin, 'dial.mjs'), dial());
  writeFileSync(
    join(bin, 'ssh'),
    `#!/bin/sh
printf '%s\\n' "$*" >>'${bin}/calls'
n=$(wc -l <'${bin}/calls')
${before}
exec '${process.execPath}' '${bin}/dial.mjs'
`,
    { mode: 0o755 },
  );
}
const calls = (): string[] => readFileSync(join(bin, 'calls'), 'utf8').trim().split('\n');
const ask = () => engine.request('GET', '/volumes/v');
const failure = async (work: Promise<unknown>): Promise<string> => {
  const error = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(JobError);
  return (error as JobError).message;
};

describe('an engine behind ssh', () => {
  test('one connection for all requests, one more for what is attached', async () => {
    fakeSsh();
    const container = docker.add('x');
    expect((await ask()).status).toBe(200);
    expect((await ask()).status).toBe(200);
    const stream = await engine.attach(container.id);
    stream.destroy();
    expect(calls()).toHaveLength(2);
    expect(calls()[0]).toBe(
      '-T -o BatchMode=yes -o ConnectTimeout=15 -p 2222 -l root -- example.com docker system dial-stdio',
    );
  });

  test('a large archive', async () => {
    fakeSsh();
    const container = docker.add('x');
    const { archiveOf } = await import('../../../components/jobs/lib/archive.ts');
    const archive = await archiveOf([
      { path: 'big', owner: '0:0', mode: 0o644, content: 'x'.repeat(2_000_000) },
    ]);
    await engine.request('PUT', `/containers/${container.id}/archive`, { query: { path: '/' }, archive });
    expect(container.files.get('big')?.content).toHaveLength(2_000_000);
  });

  test('a login that is refused: one sentence, no second try', async () => {
    fakeSsh(`
echo "Warning: Permanently added 'example.com' (ED25519) to the list of known hosts." >&2
echo 'root@example.com: Permission denied (publickey).' >&2
exit 255`);
    expect(await failure(ask())).toBe(
      'The Docker engine at ssh://root@example.com:2222 does not answer: root@example.com: Permission denied (publickey). Try: ssh -p 2222 -l root example.com docker version',
    );
    expect(calls()).toHaveLength(1);
  });

  test('a login that is refused while a large archive is sent', async () => {
    fakeSsh("echo 'root@example.com: Permission denied (publickey).' >&2\nexit 255");
    const archive = Buffer.alloc(5_000_000);
    expect(await failure(engine.request('PUT', '/containers/x/archive', { archive }))).toContain(
      'Permission denied (publickey)',
    );
  });

  test('ssh that ends without a word', async () => {
    fakeSsh('exit 1');
    expect(await failure(ask())).toContain('ssh ended without a word. Try: ssh -p 2222');
  });

  test('no program ssh', async () => {
    vi.stubEnv('PATH', bin);
    expect(await failure(ask())).toContain('there is no program ssh on the PATH');
  });

  test('connections that sshd drops are tried again', async () => {
    fakeSsh(`if [ "$n" -le 2 ]; then
echo 'kex_exchange_identification: Connection closed by remote host' >&2
exit 255
fi`);
    expect((await ask()).status).toBe(200);
    expect(calls()).toHaveLength(3);
  });

  test('so is the one of an attached stream', async () => {
    fakeSsh(`if [ "$n" -le 1 ]; then
echo 'Connection closed by 192.0.2.1 port 22' >&2
exit 255
fi`);
    const stream = await engine.attach(docker.add('x').id);
    stream.destroy();
    expect(calls()).toHaveLength(2);
  });

  test('what has been answered to is never sent again', async () => {
    // Something comes back, then the connection is dropped with the words that would allow another try.
    fakeSsh(`printf 'HTTP/1.1 200 OK\\r\\nContent-Length: 100\\r\\n\\r\\nhalf'
echo 'Connection reset by 192.0.2.1 port 22' >&2
exit 255`);
    expect(await failure(ask())).toMatch(/does not answer: /);
    expect(calls()).toHaveLength(1);
  });

  test('nor is a request on a connection that has served another', async () => {
    fakeSsh();
    await ask();
    docker.fault = () => 'destroy';
    expect(await failure(ask())).toMatch(/does not answer: /);
    expect(calls()).toHaveLength(1);
  });

  test('a connection that has ended is not used again', async () => {
    fakeSsh();
    await ask();
    docker.disconnect();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect((await ask()).status).toBe(200);
    expect(calls()).toHaveLength(2);
  });
});

test.each([
  ['kex_exchange_identification: read: Connection reset by peer', true],
  ['Connection closed by 192.0.2.1 port 22', true],
  ['ssh_exchange_identification: Connection closed by remote host', true],
  ['root@x: Permission denied (publickey).', false],
  ['Host key verification failed.', false],
  ['ssh: Could not resolve hostname x: Name or service not known', false],
  ['bash: line 1: docker: command not found', false],
])('%s: another try may do: %s', (words, may) => {
  expect(isDropped(words)).toBe(may);
});
