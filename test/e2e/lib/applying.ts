import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { execa } from 'execa';
import { extract } from 'tar-stream';
import type { Files } from '../../../configs/files.ts';
import { script } from '../../../configs/tools/scripts.ts';
import { created } from './engine.ts';

/** A folder of the shell and tools that jobs have: the one program of the `tools` image, which runs by itself. */
const tools = (): Promise<string> => (taken ??= takeBusybox());
let taken: Promise<string> | undefined;
async function takeBusybox(): Promise<string> {
  const container = await created({ name: `e2e-busybox-${String(process.pid)}`, command: ['true'] });
  const folder = mkdtempSync(join(tmpdir(), 'taffrail-busybox-'));
  try {
    const archive = extract();
    const stream = await container.getArchive({ path: '/bin/busybox' });
    stream.pipe(archive);
    for await (const entry of archive) {
      writeFileSync(join(folder, 'busybox'), await buffer(entry), { mode: 0o755 });
    }
    // Nothing but its own tools, as in the job.
    mkdirSync(join(folder, 'bin'));
    await execa(join(folder, 'busybox'), ['--install', '-s', join(folder, 'bin')]);
    return join(folder, 'bin');
  } finally {
    await container.remove({ force: true, v: true });
  }
}

/** What a program answers to a request: status and body; a body that is no text is sent as JSON. */
export type Program = (method: string, path: string) => [status: number, body: unknown];

/** A job's folder, kept from run to run. */
export class Room {
  readonly #root = mkdtempSync(join(tmpdir(), 'taffrail-apply-'));
  readonly at = (path: string): string => join(this.#root, path);

  write(files: Files, folder = '.'): void {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(this.at(join(folder, path))), { recursive: true });
      writeFileSync(this.at(join(folder, path)), content);
    }
  }

  remove(path = '.'): void {
    rmSync(this.at(path), { recursive: true, force: true });
  }

  /** Runs an `apply.sh` as its job does, against a program that answers so. `PORT` is put before the arguments. */
  async apply(file: string, args: string[], program: Program): Promise<{ code: number; output: string }> {
    const server = createServer((request, response) => {
      const [status, body] = program(request.method ?? '', request.url ?? '');
      response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    // A job has its folders for itself, and more patience.
    const here = (text: string) =>
      text
        .replaceAll(/(?<![\w.])\/(?:taffrail\/(?=http\.sh)|(?=tmp\/))/g, this.at('/'))
        .replaceAll(/-lt \d+/g, '-lt 3')
        .replaceAll('sleep 0.5', 'sleep 0');
    this.write({ 'http.sh': here(script('tools/http.sh')), 'apply.sh': here(script(file)), 'tmp/x': '' });
    try {
      const { port } = server.address() as AddressInfo;
      const run = await execa('sh', [this.at('apply.sh'), String(port), ...args], {
        env: { PATH: await tools() },
        all: true,
        reject: false,
      });
      return { code: run.exitCode ?? 128, output: run.all };
    } finally {
      server.close();
    }
  }
}
