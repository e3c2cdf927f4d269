import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';

const script = fileURLToPath(new URL('images/tools/nc', import.meta.url));

type Nc = ChildProcessByStdio<Writable, Readable, Readable>;

/** The nc of the rig's `tools` image, under the shell that it has there. */
describe.skipIf(!existsSync('/usr/bin/busybox'))("nc of the rig's tools image", () => {
  const running: Nc[] = [];
  let server: Server | undefined;

  afterEach(() => {
    for (const one of running.splice(0)) one.kill();
    server?.close();
  });

  const nc = (...args: string[]): { child: Nc; ended: Promise<number | null>; said: () => string } => {
    const child = spawn('/usr/bin/busybox', ['sh', script, ...args], { stdio: 'pipe' });
    running.push(child);
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.stdin.on('error', () => undefined);
    const ended = once(child, 'close').then(([code]) => code as number | null);
    return { child, ended, said: () => text };
  };

  /** Answers one line in capitals and closes. */
  const listen = async (): Promise<string> => {
    server = createServer((socket) => {
      socket.once('data', (line) => socket.end(line.toString().toUpperCase()));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return String((server.address() as AddressInfo).port);
  };

  test('goes on after the server has closed, until its input ends', async () => {
    const { child, ended, said } = nc('127.0.0.1', await listen());
    child.stdin.write('hello\n');
    await expect.poll(said).toBe('HELLO\n');
    expect(await Promise.race([ended, sleep(400, 'running')])).toBe('running');
    child.stdin.end();
    expect(await ended).toBe(0);
  });

  test('ends with the server where its input has ended', async () => {
    const { child, ended, said } = nc('127.0.0.1', await listen());
    child.stdin.end('hello\n');
    expect(await ended).toBe(0);
    expect(said()).toBe('HELLO\n');
  });

  test('with -w it ends after twice that much silence', async () => {
    const started = Date.now();
    const { child, ended } = nc('-w', '1', '127.0.0.1', await listen());
    child.stdin.write('hello\n');
    expect(await ended).toBe(0);
    expect(Date.now() - started).toBeGreaterThan(1800);
  });

  test('a refused connection ends it at once, whatever its input', async () => {
    const port = await listen();
    server?.close();
    const { ended } = nc('127.0.0.1', port);
    expect(await ended).not.toBe(0);
  });
});
