import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { execa, type ResultPromise } from 'execa';
import { parse, stringify } from 'yaml';
import { copy, outputs } from './place.ts';

/** An event of Pulumi's engine; only what the tests look at. */
interface EngineEvent {
  diagnosticEvent?: { severity: string; message: string; urn?: string };
  resourcePreEvent?: { metadata: Step };
  resOutputsEvent?: { metadata: Step };
  summaryEvent?: { resourceChanges?: Record<string, number> };
}
export interface Step {
  op: string;
  urn: string;
  type: string;
  diffs?: string[] | null;
  detailedDiff?: Record<string, unknown> | null;
}

export interface Run {
  code: number;
  /** stdout and stderr as a person sees them, without colours. */
  output: string;
  /** Seconds. */
  took: number;
}

export interface Operation extends Run {
  /** Steps that are not `same`: `op name`. */
  steps: string[];
  /** What differs, of those steps, by input: `name: triggers[0].files["a.yml"]`. */
  differences: string[];
  /** Resources by operation, from Pulumi's own summary. */
  changes: Record<string, number>;
  /** Error messages of the program and of providers. */
  errors: string;
}

interface StartOptions {
  input?: string;
  timeout?: number;
  env?: Record<string, string>;
  detached?: boolean;
  cwd?: string;
}

let count = 0;

/** Runs a program in the copy; what it prints is kept, for the search for secrets. */
export async function runIn(
  name: string,
  command: string,
  args: string[],
  options: StartOptions & { keep?: boolean } = {},
): Promise<Run> {
  const begun = performance.now();
  const result = await start(command, args, options);
  const output = stripVTControlCharacters(result.all);
  if (options.keep !== false) {
    mkdirSync(outputs, { recursive: true });
    writeFileSync(
      join(outputs, `${String(process.pid)}-${String(++count).padStart(3, '0')}-${name}.txt`),
      output,
    );
  }
  return { code: result.exitCode ?? 128, output, took: (performance.now() - begun) / 1000 };
}

/** Runs a program as a newcomer does: with none of what the test itself has set for the CLI. */
export const asPerson = (command: string[], cwd = copy): Promise<Run> =>
  runIn(
    'person',
    'env',
    [
      ...['PULUMI_BACKEND_URL', 'PULUMI_CONFIG_PASSPHRASE_FILE', 'PULUMI_HOME'].flatMap((name) => [
        '-u',
        name,
      ]),
      `PATH=${shellPath}`,
      ...command,
    ],
    { cwd },
  );
/** Runs a script in a shell as the README has it. */
export const inShell = (script: string, cwd = copy): Promise<Run> =>
  asPerson(['sh', '-ec', `eval "$(npm run -s env)"; ${script}`], cwd);
/** A PATH without the CLI: of the folders that the test put before it, only Node's stays. */
const shellPath = (process.env['PATH'] ?? '')
  .split(delimiter)
  .filter((folder) => !existsSync(join(folder, 'pulumi')))
  .join(delimiter);

/** Starts a program in the copy, in a process group of its own, so that a test may kill all of it. */
export function start(command: string, args: string[], options: StartOptions = {}) {
  return execa(command, args, {
    cwd: options.cwd ?? copy,
    all: true,
    reject: false,
    timeout: options.timeout ?? 240_000,
    killSignal: 'SIGINT',
    detached: options.detached ?? false,
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    // A locale without UTF-8, as many a server has.
    env: { NO_COLOR: '1', LC_ALL: 'POSIX', ...options.env },
  });
}
export type Started = ResultPromise<{ all: true; reject: false }>;

/** One stack of the copy, driven through the real CLI. */
export class Stack {
  readonly name: string;
  readonly project: string;
  readonly #file: string;

  constructor(name: string) {
    this.name = name;
    this.project = `taffrail-${name}`;
    this.#file = join(copy, `Pulumi.${name}.yaml`);
  }

  /** Makes the stack with its settings and secrets. */
  async init(settings: Record<string, unknown>, secrets: Record<string, string>): Promise<void> {
    const made = await runIn(`${this.name}-init`, 'pulumi', [
      'stack',
      'init',
      this.name,
      '--non-interactive',
    ]);
    if (made.code !== 0) throw new Error(made.output);
    await this.setSecrets(secrets);
    this.configure(settings);
  }

  /** Sets flat secrets, as `pulumi config set --secret` does. */
  async setSecrets(secrets: Record<string, string>): Promise<void> {
    // One call for all: each takes a second. Their values are synthetic, and the call is over when processes are searched.
    const pairs = Object.entries(secrets).flatMap(([key, value]) => ['--secret', `taffrail:${key}=${value}`]);
    if (pairs.length === 0) return;
    const set = await start('pulumi', [
      ...['config', 'set-all', '-s', this.name, '--non-interactive'],
      ...pairs,
    ]);
    if (set.exitCode !== 0) throw new Error(set.all);
  }

  /** Replaces settings, top-level key by key; `undefined` removes one. Secrets stay. */
  configure(settings: Record<string, unknown>): void {
    const file = parse(readFileSync(this.#file, 'utf8')) as { config?: Record<string, unknown> };
    const changed = Object.fromEntries(
      Object.entries(settings).map(([key, value]) => [`taffrail:${key}`, value]),
    );
    // What is undefined is left out of the file.
    writeFileSync(this.#file, stringify({ ...file, config: { ...file.config, ...changed } }));
  }

  /** The settings as they stand in the file. */
  settings(): Record<string, unknown> {
    const { config = {} } = parse(readFileSync(this.#file, 'utf8')) as { config?: Record<string, unknown> };
    return Object.fromEntries(
      Object.entries(config).map(([key, value]) => [key.replace('taffrail:', ''), value]),
    );
  }

  up = (...more: string[]): Promise<Operation> => this.#operate('up', ['--yes', '--skip-preview', ...more]);
  preview = (...more: string[]): Promise<Operation> => this.#operate('preview', more);
  refresh = (...more: string[]): Promise<Operation> =>
    this.#operate('refresh', ['--yes', '--skip-preview', ...more]);
  destroy = (...more: string[]): Promise<Operation> =>
    this.#operate('destroy', ['--yes', '--skip-preview', ...more]);

  /** `npm run <command> -- -s <stack>`. */
  npm = (command: string, ...more: string[]): Promise<Run> => this.npmWith({}, command, ...more);
  npmWith = (env: Record<string, string>, command: string, ...more: string[]): Promise<Run> =>
    runIn(`${this.name}-npm-${command}`, 'npm', ['run', command, '--', '-s', this.name, ...more], { env });

  async outputs(): Promise<Record<string, unknown>> {
    const run = await runIn(
      `${this.name}-outputs-shown`,
      'pulumi',
      ['stack', 'output', '--json', '--show-secrets', '-s', this.name],
      { keep: false },
    );
    if (run.code !== 0) throw new Error(run.output);
    return JSON.parse(run.output) as Record<string, unknown>;
  }

  /** The state with its secrets in clear text. */
  async shownState(): Promise<State> {
    const run = await start('pulumi', ['stack', 'export', '--show-secrets', '-s', this.name]);
    return JSON.parse(run.stdout) as State;
  }

  async #operate(operation: string, args: string[]): Promise<Operation> {
    // Not kept: beside the events it has the CLI's debug messages, with secrets in them, which no person is shown.
    const log = join(copy, '.taffrail', `${this.name}-${operation}.events`);
    rmSync(log, { force: true });
    const run = await runIn(`${this.name}-${operation}`, 'pulumi', [
      operation,
      ...['--stack', this.name, '--non-interactive', '--color', 'never', '--event-log', log],
      ...args,
    ]);
    const digested = digest(log);
    rmSync(log, { force: true });
    return { ...run, ...digested };
  }

  /** Forgets the stack's settings file. */
  forget(): void {
    rmSync(this.#file, { force: true });
  }
}

interface StateResource {
  urn: string;
  type: string;
  id?: string;
  outputs?: Record<string, unknown>;
  /** When it was last made or changed, in UTC. */
  modified?: string;
}
interface State {
  deployment: { resources: StateResource[] };
}

function digest(log: string): Pick<Operation, 'steps' | 'differences' | 'changes' | 'errors'> {
  let events: EngineEvent[] = [];
  try {
    events = readFileSync(log, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as EngineEvent);
  } catch {
    // The CLI stopped before its engine began; its output says why.
  }
  const steps = events.flatMap(({ resourcePreEvent }) => {
    const step = resourcePreEvent?.metadata;
    if (!step || step.op === 'same' || step.op === 'refresh') return [];
    const why = step.diffs?.length ? ` (${step.diffs.join(', ')})` : '';
    return [`${step.op} ${nameOf(step.urn)}${why}`];
  });
  const differences = events.flatMap(({ resourcePreEvent }) => {
    const { urn = '', detailedDiff } = resourcePreEvent?.metadata ?? {};
    return Object.keys(detailedDiff ?? {}).map((path) => `${nameOf(urn)}: ${path}`);
  });
  return {
    steps,
    differences,
    changes: events.findLast(({ summaryEvent }) => summaryEvent)?.summaryEvent?.resourceChanges ?? {},
    errors: events
      .flatMap(({ diagnosticEvent: said }) => (said?.severity === 'error' ? [said.message] : []))
      .map((text) => stripVTControlCharacters(text.replaceAll(/<\{%[^%]*%\}>/g, '')))
      .join('\n'),
  };
}

const nameOf = (urn: string): string => urn.split('::').at(-1) ?? urn;
