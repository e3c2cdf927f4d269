import type Docker from 'dockerode';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { connect } from '../../commands/lib/engine.ts';
import { refusal, withHolder } from '../../commands/lib/facts.ts';
import { listenerOf } from '../../commands/lib/processes.ts';

let folder: string;
let server: Server;
let socket: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'taffrail engine '));
  socket = join(folder, 'docker.sock');
  server = createServer((request, response) => response.end(request.url === '/_ping' ? 'OK' : '{}'));
  await new Promise<void>((resolve) => server.listen(socket, resolve));
});
afterEach(() => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

/** Puts a program named ssh first on PATH. */
function fakeSsh(script: string): void {
  writeFileSync(join(folder, 'ssh'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, 'ssh'), 0o755);
  vi.stubEnv('PATH', `${folder}:${process.env['PATH'] ?? ''}`);
}

const ping = async (address: string): Promise<string> => {
  const engine = await connect(address);
  try {
    return String(await engine.docker.ping());
  } finally {
    engine.close();
  }
};

describe('an engine', () => {
  it('answers on a socket, whatever DOCKER_HOST says', async () => {
    vi.stubEnv('DOCKER_HOST', 'ssh://nobody@nowhere.invalid');
    expect(await ping(`unix://${socket}`)).toBe('OK');
  });

  it("answers over the system's own ssh, which gets user, port and host", async () => {
    vi.stubEnv('DOCKER_HOST', 'ssh://root@vps:2222');
    const dial = `const c = require("net").connect(${JSON.stringify(socket)}); process.stdin.pipe(c).pipe(process.stdout)`;
    fakeSsh(`echo "$@" > "${folder}/called"\nexec "${process.execPath}" -e '${dial}'`);
    expect(await ping('ssh://root@vps:2222')).toBe('OK');
    expect(readFileSync(join(folder, 'called'), 'utf8')).toMatch(
      /-p 2222 -l root -- vps docker system dial-stdio\n$/,
    );
  });

  it("fails with ssh's own words", async () => {
    fakeSsh('echo "root@vps: Permission denied (publickey)." >&2; exit 255');
    await expect(ping('ssh://root@vps')).rejects.toThrow(/Permission denied \(publickey\)/);
  });

  it('logs in again where sshd drops it, and sends again what was asked', async () => {
    const dial = `const c = require("net").connect(${JSON.stringify(socket)}); process.stdin.pipe(c).pipe(process.stdout)`;
    fakeSsh(
      `echo x >> "${folder}/calls"
[ "$(wc -l < "${folder}/calls")" -gt 2 ] || { echo "kex_exchange_identification: Connection closed by remote host" >&2; exit 255; }
exec "${process.execPath}" -e '${dial}'`,
    );
    expect(await ping('ssh://root@vps')).toBe('OK');
    expect(readFileSync(join(folder, 'calls'), 'utf8')).toBe('x\nx\nx\n');
  });

  it('takes the address of an IPv6 host and another socket as the docker client does', async () => {
    fakeSsh(`echo "$@" > "${folder}/called"; exit 255`);
    await expect(ping('ssh://root@[fd00::1]/run/user/1000/docker.sock')).rejects.toThrow('without an answer');
    expect(readFileSync(join(folder, 'called'), 'utf8')).toMatch(
      /-l root -- fd00::1 docker --host=unix:\/\/\/run\/user\/1000\/docker\.sock system dial-stdio\n$/,
    );
  });
});

it('the process that has a port is named', async () => {
  const listener = createTcpServer();
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as { port: number };
  expect(await refusal({ address: '127.0.0.1', port })).toBe('EADDRINUSE');
  if (process.platform === 'linux') expect(listenerOf(port)?.pid).toBe(process.pid);
  await new Promise((resolve) => listener.close(resolve));
  expect(await refusal({ address: '127.0.0.1', port })).toBeUndefined();
  expect(listenerOf(port)).toBeUndefined();
});

it('an address that this machine does not have is found, unless the stack is there or the engine elsewhere', async () => {
  // For documentation only (RFC 5737): no machine has it.
  const port = { setting: 'grafana.port', address: '192.0.2.1', port: 3000 };
  const { addresses, ...rest } = await withHolder(port, [], 'taffrail-prod', { local: true, same: true });
  expect(rest).toEqual(port);
  expect(addresses).toContain('127.0.0.1');
  expect(await withHolder(port, [], 'taffrail-prod', { local: false, same: false })).toEqual(port);
  // Of another machine's socket, forwarded to here, its engine is the judge.
  expect(await withHolder(port, [], 'taffrail-prod', { local: true, same: false })).toEqual(port);
  const own = {
    Labels: { 'com.docker.compose.project': 'taffrail-prod', 'dev.taffrail.stack': 'prod' },
    Ports: [{ PublicPort: 3000, IP: '192.0.2.1' }],
  } as unknown as Docker.ContainerInfo;
  expect(await withHolder(port, [own], 'taffrail-prod', { local: true, same: true })).toEqual(port);
});
