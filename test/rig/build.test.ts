import { type ChildProcess, spawn } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Buildable, buildParts } from './build.ts';
import { type Progress, RigError, recorded, startOf } from './cache.ts';
import { FakeGo } from './fakeGo.ts';

// Go is a shell script here: fakeGo.ts says what that cannot prove.

let go: FakeGo;
beforeEach(() => {
  go = new FakeGo();
});
afterEach(() => {
  go.remove();
});

const build = (rows: Buildable[], progress: Progress = () => undefined): Promise<Map<string, string>> =>
  buildParts(progress, undefined, rows, () => Promise.resolve());

/** Builds one row. @returns its folder */
async function folderOf(row: Buildable): Promise<string> {
  return (await build([row])).get(row.one.name) ?? '';
}

/** What a failing build says. */
async function refusal(rows: Buildable[]): Promise<string> {
  const error = await build(rows).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(RigError);
  return (error as RigError).message;
}

/** The names of the cache's parts. */
const kept = (name: string): string[] => readdirSync(go.rig).filter((entry) => entry.startsWith(`${name}-`));
const lock = (): string => join(go.rig, 'build.lock');

/** A builder with a process of its own, which can be killed. */
function builder(rows: Buildable[]): ChildProcess & { ended: Promise<unknown> } {
  const file = join(go.folder, 'builder.mjs');
  const module = JSON.stringify(join(import.meta.dirname, 'build.ts'));
  writeFileSync(
    file,
    `import { buildParts } from ${module};\n` +
      'await buildParts(() => {}, undefined, JSON.parse(process.argv[2]), async () => {});\n',
  );
  const child = spawn(process.execPath, [file, JSON.stringify(rows)], { stdio: 'inherit' });
  const ended = new Promise((resolve) =>
    child.on('exit', (code, signal) => {
      resolve(signal ?? code);
    }),
  );
  return Object.assign(child, { ended });
}

describe('the cache is keyed by content', () => {
  it('3.10: the same sources are the same folder, built once, for every checkout, and later without Go', async () => {
    const row = go.row('tool');
    const folder = await folderOf(row);
    expect(readFileSync(join(folder, 'tool'), 'utf8')).toBe('package main // tool\n');
    vi.stubEnv('PATH', go.folder);
    const progress = vi.fn();
    expect((await build([row, go.copy(row)], progress)).get('tool')).toBe(folder);
    expect(progress).not.toHaveBeenCalled();
    expect(go.calls()).toEqual(['build tool']);
  });

  it('3.10: whatever makes the program makes the folder: sources, tests, checksums, version, flags', async () => {
    let row = go.row('tool', {}, { 'main_test.go': 'main', 'go.sum': '' });
    const changes: Record<string, () => Buildable> = {
      'a byte of a source': () => edited(row, 'main.go'),
      'a byte of a test': () => edited(row, 'main_test.go'),
      'a checksum': () => edited(row, 'go.sum'),
      'a file more': () => edited(row, 'more.go'),
      "a file's name": () => {
        renameSync(join(row.module, 'more.go'), join(row.module, 'other.go'));
        return row;
      },
      'its version': () => changed(row, { version: '1.0.1' }),
      'a tag': () => changed(row, { tags: 'netgo' }),
      'a linker flag': () => changed(row, { ldflags: '-X main.a=b' }),
      'a C compiler': () => changed(row, { cgo: true }),
      'another program': () => changed(row, { outputs: [{ file: 'tool', package: './cmd' }] }),
    };
    const folders = [await folderOf(row)];
    for (const [what, change] of Object.entries(changes)) {
      row = change();
      const folder = await folderOf(row);
      expect(folders, what).not.toContain(folder);
      folders.push(folder);
    }
    expect(go.calls()).toEqual(folders.map(() => 'build tool'));
    expect(kept('tool')).toHaveLength(folders.length);
  });
  const edited = (row: Buildable, file: string): Buildable => {
    appendFileSync(join(row.module, file), ' ');
    return row;
  };
  const changed = ({ one, module }: Buildable, more: Partial<Buildable['one']>): Buildable => ({
    one: { ...one, ...more },
    module,
  });

  it('3.10: a newer Go is for what is not built yet, or was deleted', async () => {
    const row = go.row('tool');
    const folder = await folderOf(row);
    go.says('go1.27.0\namd64');
    expect(await folderOf(row)).toBe(folder);
    rmSync(folder, { recursive: true });
    const newer = await folderOf(row);
    expect(newer).not.toBe(folder);
    expect(existsSync(join(newer, 'tool'))).toBe(true);
  });

  it("3.10: the user's own settings of Go change nothing", async () => {
    vi.stubEnv('GOFLAGS', '-mod=mod');
    vi.stubEnv('GOWORK', '/a/go.work');
    vi.stubEnv('CGO_ENABLED', '1');
    vi.stubEnv('HOME', '/dev/null/home'); // refused to root, too
    await build([go.row('tool'), go.row('withC', { cgo: true })]);
    const goCache = join(go.rig, 'go-build');
    expect(go.lines()).toEqual([
      expect.stringMatching(
        `^build tool; CGO_ENABLED=0 GOFLAGS= GOWORK=off GOCACHE=${goCache}; .* -mod=readonly `,
      ),
      expect.stringMatching(/^build withC; CGO_ENABLED=1 GOFLAGS= GOWORK=off /),
    ]);
  });
});

describe.runIf(process.platform === 'linux')('several builders', () => {
  it('3.10: a killed build goes on where it was: what is whole stays, what is half is made again', async () => {
    const program = (file: string): { file: string; package: string } => ({ file, package: '.' });
    const rows = [go.row('first'), go.row('second', { outputs: ['a', 'b'].map(program) })];
    go.hold('b');
    const killed = builder(rows);
    const compiler = await go.held();
    killed.kill('SIGKILL');
    expect(await killed.ended).toBe('SIGKILL');
    // The compiler ends too: it would write where the next build works.
    await vi.waitFor(
      () => {
        expect(startOf(compiler)).toBeUndefined();
      },
      { timeout: 5000 },
    );
    expect(go.calls()).toEqual(['build first', 'build a', 'build b']);
    expect([...kept('first'), ...kept('second')]).toEqual([expect.stringMatching(/^first-/)]);
    const half = join(go.rig, '.work-second', 'made', 'b');
    expect(readFileSync(half, 'utf8')).toBe('half');
    expect(existsSync(lock()) && recorded(lock())).toBeUndefined(); // a dead process's

    go.release('b');
    const said: string[] = [];
    const folders = await build(rows, ({ detail = '' }) => said.push(detail));
    expect(go.calls().slice(3)).toEqual(['build a', 'build b']);
    for (const file of ['a', 'b'])
      expect(readFileSync(join(folders.get('second') ?? '', file), 'utf8')).toBe('package main // second\n');
    expect(said.filter((detail) => detail.startsWith('waits'))).toEqual([]);
    expect(existsSync(lock())).toBe(false);
    expect(existsSync(join(go.rig, '.work-second'))).toBe(false);
  });

  it('3.10: of two at once one builds, and the other says for which process it waits', async () => {
    const rows = [go.row('first'), go.row('second')];
    go.hold('first');
    const other = builder(rows);
    await go.held();
    const said: string[] = [];
    const folders = await build(rows, ({ detail = '' }) => {
      said.push(detail);
      if (detail.startsWith('waits')) go.release('first');
    });
    expect(await other.ended).toBe(0);
    expect(said).toContain(`waits for process ${other.pid ?? '?'}, which builds the rig too`);
    expect(go.calls()).toEqual(['build first', 'build second']);
    for (const folder of folders.values()) expect(existsSync(folder)).toBe(true);
  });
});

describe('a build that fails', () => {
  it("3.10: names the part, the compiler's last lines and the log; corrected, it goes on", async () => {
    const broken = Array.from({ length: 12 }, (_, n) => `undefined ${n + 1}`).join('\n');
    const rows = [go.row('good'), go.row('bad', {}, { 'main.go': broken })];
    const log = join(go.rig, 'logs', 'bad.log');
    const last = Array.from({ length: 8 }, (_, n) => `${n + 5}:undefined ${n + 5}`).join('\n');
    expect(await refusal(rows)).toBe(`part "bad" of the rig does not build:\n${last}\nThe whole log: ${log}`);
    expect(readFileSync(log, 'utf8')).toContain('1:undefined 1\n');
    expect(kept('bad')).toEqual([]);
    writeFileSync(join(rows[1]?.module ?? '', 'main.go'), 'package main\n');
    await build(rows);
    expect(go.calls()).toEqual(['build good', 'build bad', 'build bad']);
  });

  it('3.10: without Go, or with an old one, it says so before anything is built', async () => {
    const row = go.row('tool');
    go.says('go1.20.14\namd64');
    expect(await refusal([row])).toMatch(/built with Go 1\.21 or later; .* says go1\.20\.14/);
    vi.stubEnv('PATH', go.folder);
    expect(await refusal([row])).toMatch(/not on the PATH\. Type: export PATH=/);
    expect(go.calls()).toEqual([]);
  });
});

describe('a stand-in passes its own tests first', () => {
  const standIn = (test: string): Buildable => go.row('like', { kind: 'stand-in' }, { 'main_test.go': test });

  it('3.10: they run before it is built, under the same flags, and are shown', async () => {
    const said: string[] = [];
    await build([standIn('package main')], ({ detail = '' }) => said.push(detail));
    expect(go.calls()).toEqual(['test ...', 'build like']);
    expect(go.lines()[0]).toMatch(/CGO_ENABLED=0 GOFLAGS= GOWORK=off .*; test -mod=readonly .* \.\/\.\.\.$/);
    expect(said.slice(-2)).toEqual(['its own tests', 'like']);
  });

  it('3.10: one that fails them does not become a part; corrected, it does', async () => {
    expect(await refusal([standIn('what it cannot')])).toMatch(
      /^part "like" of the rig fails its own tests:\n--- FAIL: main\.go lacks what it cannot\nThe whole log: .*like\.log$/,
    );
    expect(go.calls()).toEqual(['test ...']);
    expect(kept('like')).toEqual([]);
    await build([standIn('package main')]);
    expect(kept('like')).toHaveLength(1);
  });

  it('3.10: an edited test is run although the program is the same', async () => {
    await build([standIn('package main')]);
    expect(await refusal([standIn('what it cannot')])).toContain('fails its own tests');
  });

  it('3.10: what its tests read beside the module counts, too', async () => {
    const { one, module } = standIn('package main');
    const testData = relative(import.meta.dirname, join(module, '..', 'testdata'));
    const row = { one: { ...one, testData }, module };
    mkdirSync(join(module, '..', 'testdata'));
    await build([row]);
    writeFileSync(join(module, '..', 'testdata', 'golden'), 'what it cannot');
    expect(await refusal([row])).toContain('FAIL: main.go lacks what it cannot');
  });

  it('3.10: a plugin without a generator is built as it is, and told its version', async () => {
    const row = go.row('plugin', { kind: 'stand-in', plugin: 'command' }, { 'main_test.go': 'package main' });
    await build([row]);
    expect(go.calls()).toEqual(['test ...', 'build plugin']);
    expect(go.lines()[1]).toContain(' -X main.version=1.0.0 ');
  });

  it("3.10: other projects' programs have tests of their own", async () => {
    await build([go.row('built', {}, { 'main_test.go': 'what it cannot' })]);
    expect(go.calls()).toEqual(['build built']);
  });
});
