/** Builds the table's parts into the cache, once for the machine; what is there is not built again. */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Progress, RigError, cacheFolder, isHomeWritable, locked } from './cache.ts';
import { ensurePackages } from './debian.ts';
import { type Part, parts } from './parts.ts';

const run = promisify(execFile);
const here = import.meta.dirname;
/** From util-linux, on every Debian. */
const SETPRIV = '/usr/bin/setpriv';
const OLDEST_GO = { major: 1, minor: 21 };

/** Where Go keeps modules and what it compiled, when it cannot in the user's home. */
function goFolders(): Record<string, string> {
  if (isHomeWritable()) return {};
  const cache = cacheFolder();
  const own = {
    GOPATH: join(cache, 'go'),
    GOMODCACHE: join(cache, 'go', 'pkg', 'mod'),
    GOCACHE: join(cache, 'go-build'),
  };
  return Object.fromEntries(Object.entries(own).map(([name, folder]) => [name, process.env[name] ?? folder]));
}

/** Go's environment for every build: nothing of the user's own settings may change the result. */
function goEnv(one: Part): NodeJS.ProcessEnv {
  return {
    ...process.env,
    ...goFolders(),
    CGO_ENABLED: one.cgo ? '1' : '0',
    // All requirements and checksums are in the committed go.mod and go.sum: nothing is looked up or weakened.
    GOFLAGS: '',
    GOWORK: 'off',
    GOEXPERIMENT: '',
  };
}

const moduleFolder = (one: Part): string | undefined => {
  const folder = one.module && join(here, one.module);
  return folder && existsSync(join(folder, 'go.mod')) ? folder : undefined;
};

/** A row and the folder of its module. */
export interface Buildable {
  one: Part;
  module: string;
}

/** The rows that are built here: those with a module (a stand-in's may not be written yet). */
export function buildable(): Buildable[] {
  return parts.flatMap((one) => {
    const module = moduleFolder(one);
    return module === undefined ? [] : [{ one, module }];
  });
}

async function goVersion(folder: string): Promise<string> {
  const lack = `the rig is built with Go ${OLDEST_GO.major}.${OLDEST_GO.minor} or later`;
  let version: string;
  try {
    // In the module's folder: Go fetches by itself the version that the module asks for.
    version = (
      await run('go', ['env', 'GOVERSION', 'GOARCH'], {
        cwd: folder,
        env: { ...process.env, ...goFolders() },
      })
    ).stdout;
  } catch (error) {
    const { code, stderr = '' } = error as { code?: string | number; stderr?: string };
    if (code !== 'ENOENT')
      throw new RigError(`${lack}, and go says: ${stderr.trim().split('\n').at(-1) ?? ''}`);
    throw new RigError(
      `${lack}, which is not on the PATH. Type: export PATH=/usr/local/go/bin:$PATH, or install Go`,
    );
  }
  const [, major = 0, minor = 0] = (/^go(\d+)\.(\d+)/.exec(version) ?? []).map(Number);
  if (major < OLDEST_GO.major || (major === OLDEST_GO.major && minor < OLDEST_GO.minor)) {
    throw new RigError(`${lack}; the one on the PATH says ${version.trim()}. Install a newer Go`);
  }
  return version.trim();
}

/**
 * Where a part's programs are, or will be: the name holds a hash of all that makes them, Go included. What is built is
 * found by its sources alone, so that nobody needs Go to use it.
 */
async function partFolder(one: Part, folder: string): Promise<string> {
  const { module, testData, outputs, tags, gcflags, ldflags, cgo, plugin, version } = one;
  const recipe = [module, outputs, tags, ldflags, cgo, plugin, version, ...(gcflags ? [gcflags] : [])];
  const sources = [folder, ...(testData === undefined ? [] : [join(here, testData)])].flatMap((root) =>
    globSync('**', { cwd: root })
      .sort()
      .map((file) => ({ file, path: join(root, file) }))
      .filter(({ path }) => statSync(path).isFile()),
  );
  const hashed = (...more: string[]): string => {
    const hash = createHash('sha256').update(JSON.stringify([...recipe, ...more]));
    for (const { file, path } of sources) hash.update(`\0${file}\0`).update(readFileSync(path));
    return `${one.name}-${hash.digest('hex').slice(0, 16)}`;
  };
  const note = join(cacheFolder(), 'built', hashed(process.arch));
  const known = existsSync(note) && join(cacheFolder(), readFileSync(note, 'utf8'));
  if (known && existsSync(known)) return known;
  const target = hashed(await goVersion(folder));
  mkdirSync(dirname(note), { recursive: true });
  writeFileSync(`${note}.${process.pid}`, target);
  renameSync(`${note}.${process.pid}`, note);
  return join(cacheFolder(), target);
}

/** What the last lines of a log say, for an error's sentence. */
function lastLines(log: string): string {
  return readFileSync(log, 'utf8').trimEnd().split('\n').slice(-8).join('\n');
}

/** Runs a program with its output in the log; `seen` gets its newest line about once a second. */
async function logged(
  command: string[],
  options: { cwd: string; env: NodeJS.ProcessEnv; log: string; name: string; failing?: string },
  seen: (line: string) => void,
): Promise<void> {
  const file = openSync(options.log, 'a');
  // Ends the compiler with this process, even one that is killed: it would write where the next build works.
  const [program = '', ...args] = existsSync(SETPRIV)
    ? [SETPRIV, '--pdeathsig', 'KILL', '--', ...command]
    : command;
  const child = spawn(program, args, { cwd: options.cwd, env: options.env, stdio: ['ignore', file, file] });
  closeSync(file);
  const timer = setInterval(() => {
    seen(lastLines(options.log).split('\n').at(-1) ?? '');
  }, 1000);
  try {
    const code = await new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (status, signal) => {
        resolve(signal ?? status);
      });
    });
    if (code !== 0) {
      const said = lastLines(options.log);
      throw new RigError(
        `part "${options.name}" of the rig ${options.failing ?? 'does not build'}:\n${said}\n` +
          `The whole log: ${options.log}`,
      );
    }
  } finally {
    clearInterval(timer);
  }
}

async function buildPart(
  one: Part,
  module: string,
  target: string,
  seen: (detail: string) => void,
): Promise<void> {
  const cache = cacheFolder();
  const work = join(cache, `.work-${one.name}`);
  rmSync(work, { recursive: true, force: true });
  mkdirSync(join(cache, 'logs'), { recursive: true });
  const log = join(cache, 'logs', `${one.name}.log`);
  rmSync(log, { force: true });
  // A copy, because a plugin's generator writes beside its sources and the checkout stays clean.
  cpSync(module, join(work, 'module'), { recursive: true });
  const made = join(work, 'made');
  const options = { cwd: join(work, 'module'), env: goEnv(one), log, name: one.name };
  const flags = ['-mod=readonly', '-buildvcs=false', '-trimpath', `-tags=${one.tags ?? ''}`];
  const goBuild = (file: string, source: string, ldflags: string): Promise<void> => {
    const compiling = one.gcflags === undefined ? [] : [`-gcflags=${one.gcflags}`];
    const linking = ['-v', ...flags, ...compiling, `-ldflags=-s -w ${ldflags}`];
    return logged(['go', 'build', ...linking, '-o', file, source], options, seen);
  };
  if (one.kind === 'stand-in') {
    const testing = (): void => {
      seen('its own tests');
    };
    testing();
    const inCheckout = {
      ...options,
      cwd: module, // they may read what lies beside it, and write nothing there
      env: { ...options.env, GOTMPDIR: work }, // /tmp may refuse to run anything
      failing: 'fails its own tests',
    };
    await logged(['go', 'test', ...flags, './...'], inCheckout, testing);
  }
  let ldflags = one.ldflags ?? '';
  if (one.plugin) ldflags = `-X main.version=${one.version}`;
  if (one.plugin && existsSync(join(options.cwd, 'gen'))) {
    const generator = join(work, 'gen');
    await goBuild(generator, './gen', '');
    options.env.PLUGIN_VERSION = one.version;
    const out = join(work, 'schema');
    await logged([generator, 'schema', '--skip-docs', '--skip-examples', '--out', out], options, seen);
    cpSync(join(out, 'schema.json'), join(options.cwd, 'schema.json'));
    cpSync(join(out, 'bridge-metadata.json'), join(options.cwd, 'mapping', 'bridge-metadata.json'));
  }
  for (const output of one.outputs ?? []) {
    seen(output.file);
    await goBuild(join(made, output.file), output.package, ldflags);
  }
  renameSync(made, target); // only what is whole gets its name, so a killed build resumes with the next part
  rmSync(work, { recursive: true, force: true });
}

/**
 * Builds the named parts, all when none is named, in the order of the table. A stand-in is our own program: it passes its
 * tests first.
 *
 * @param rows other rows than the table's, for tests
 * @param packages what asks for Debian's packages, for tests
 * @returns the folder of each part's programs, by part name
 * @throws RigError naming the part, go's last lines and the log
 */
export async function buildParts(
  progress: Progress,
  names?: readonly string[],
  rows: readonly Buildable[] = buildable(),
  packages = ensurePackages,
): Promise<Map<string, string>> {
  const wanted = rows.filter(({ one }) => !names || names.includes(one.name));
  const folders = new Map<string, string>();
  const missing: (Buildable & { target: string })[] = [];
  for (const { one, module } of wanted) {
    const target = await partFolder(one, module);
    folders.set(one.name, target);
    if (!existsSync(target)) missing.push({ one, module, target });
  }
  await packages(missing.map(({ one }) => one.name));
  const [first] = missing;
  if (!first) return folders;
  const step = (index: number, name: string, detail: string): void => {
    progress({ step: `building ${name}`, index, total: missing.length, detail });
  };
  step(1, first.one.name, 'starting');
  const lock = join(cacheFolder(), 'build.lock');
  const waiting = (pid: number): void => {
    step(1, first.one.name, `waits for process ${pid}, which builds the rig too`);
  };
  await locked(lock, waiting, async () => {
    for (const [index, { one, module, target }] of missing.entries()) {
      if (existsSync(target)) continue; // another build made it while this one waited
      const expected = one.seconds
        ? `, about ${Math.max(1, Math.round(one.seconds / 60))} min when nothing is cached`
        : '';
      step(index + 1, one.name, `${one.version}${expected}`);
      await buildPart(one, module, target, (detail) => {
        step(index + 1, one.name, detail);
      });
    }
  });
  return folders;
}
