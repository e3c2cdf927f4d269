/**
 * A stand-in for Go, for the tests of build.ts: fakeGo.sh checks little and "compiles" by copying main.go.
 * It shows when Go is called, with what, and what becomes of a call that fails or is killed. It cannot prove that Go
 * takes these flags, nor that anything compiles: the rig's own build shows that.
 */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import type { Buildable } from './build.ts';
import type { Part } from './parts.ts';

/** A folder with such a Go, which is the one on PATH, and the rig's cache; the user's own are out of reach. */
export class FakeGo {
  readonly folder = mkdtempSync(join(tmpdir(), 'taffrail build '));
  readonly rig = join(this.folder, 'cache', 'rig');

  constructor() {
    const bin = join(this.folder, 'bin');
    mkdirSync(bin);
    copyFileSync(join(import.meta.dirname, 'fakeGo.sh'), join(bin, 'go'));
    chmodSync(join(bin, 'go'), 0o755);
    this.says('go1.26.8\namd64');
    vi.stubEnv('PATH', `${bin}:${process.env['PATH'] ?? ''}`);
    vi.stubEnv('TAFFRAIL_CACHE', join(this.folder, 'cache'));
    vi.stubEnv('HOME', this.folder);
    vi.stubEnv('GOCACHE', undefined);
  }

  /** What `go env GOVERSION GOARCH` says. */
  says(version: string): void {
    writeFileSync(join(this.folder, 'bin', 'version'), `${version}\n`);
  }

  /** A row with a module of its own, of one output of its name. */
  row(name: string, more: Partial<Part> = {}, files: Record<string, string> = {}): Buildable {
    const module = join(this.folder, 'modules', name);
    mkdirSync(module, { recursive: true });
    const all = { 'go.mod': `module ${name}\n`, 'main.go': `package main // ${name}\n`, ...files };
    for (const [file, text] of Object.entries(all)) writeFileSync(join(module, file), text);
    const one: Part = {
      name,
      kind: 'built',
      version: '1.0.0',
      module: `go/${name}`,
      outputs: [{ file: name, package: '.' }],
      ...more,
    };
    return { one, module };
  }

  /** The same row in another checkout. */
  copy({ one, module }: Buildable): Buildable {
    const other = join(this.folder, 'other checkout', one.name);
    cpSync(module, other, { recursive: true });
    return { one, module: other };
  }

  /** Whole lines of what Go was called for, `go env` left out. */
  lines(): string[] {
    try {
      return readFileSync(join(this.folder, 'bin', 'calls'), 'utf8')
        .trimEnd()
        .split('\n');
    } catch {
      return [];
    }
  }

  /** What Go was called for: `build <file>` or `test ...`. */
  calls(): string[] {
    return this.lines().map((line) => line.split(';')[0] ?? '');
  }

  /** From now on the compiler stays in the middle of that file. */
  hold(file: string): void {
    writeFileSync(join(this.folder, 'bin', `hold ${file}`), '');
  }

  release(file: string): void {
    rmSync(join(this.folder, 'bin', `hold ${file}`), { force: true });
  }

  /** The process id of the compiler that is in the middle of a file. */
  held(): Promise<number> {
    const file = join(this.folder, 'bin', 'held');
    return vi.waitFor(() => Number(readFileSync(file, 'utf8')), { timeout: 20_000, interval: 10 });
  }

  /** Takes everything away; a compiler that still waits ends by it. */
  remove(): void {
    vi.unstubAllEnvs();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
