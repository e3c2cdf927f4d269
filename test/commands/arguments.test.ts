import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { mustExist, readArguments } from '../../commands/lib/arguments.ts';

const read = (...given: string[]) => readArguments('up', 'about', false, given);

describe('arguments', () => {
  it('name a stack, or mean `local`', () => {
    expect(read()).toEqual({ stack: 'local', yes: false });
    expect(read('-s', 'prod')).toEqual({ stack: 'prod', yes: false });
    expect(read('--stack=prod')).toEqual({ stack: 'prod', yes: false });
    expect(readArguments('down', 'about', true, ['-s', 'prod', '--yes'])).toEqual({
      stack: 'prod',
      yes: true,
    });
  });

  const mistakes: [what: string, given: string[], words: RegExp][] = [
    ['the two dashes forgotten (npm takes -s itself)', ['prod'], /npm run up -- -s prod/],
    ['an option that does not exist', ['--stak', 'prod'], /Unknown option '--stak'.*Use: npm run up/s],
    ['a stack without its name', ['-s'], /Use: npm run up/],
    ['--yes where nothing is asked', ['--yes'], /Unknown option '--yes'/],
    ['a name Docker would refuse', ['-s', 'Prod 1'], /"Prod 1" cannot be the name of a stack/],
  ];
  it.each(mistakes)('%s: a sentence', (_, given, words) => {
    expect(() => read(...given)).toThrow(words);
  });

  it('a stack that does not exist is not made by a misspelling', () => {
    expect(() => {
      mustExist('no-such-stack', 'up');
    }).toThrow(/Pulumi\.no-such-stack\.yaml is missing/);
    expect(() => {
      mustExist('local', 'up');
    }).not.toThrow();
  });
});

it('a command says a mistake on stderr, without a stack trace, and exits with 1', () => {
  const up = join(import.meta.dirname, '../../commands/up.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [up, '--nonsense'], { encoding: 'utf8' });
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/Unknown option '--nonsense'/);
  expect(stderr).not.toMatch(/^\s+at /m);
});

it('a Node that is too old gets one sentence', () => {
  const check = join(import.meta.dirname, '../../commands/preload.cjs');
  const pretend =
    "Object.defineProperty(process.versions, 'node', { value: '20.20.2' }); require(process.argv[1])";
  const { status, stderr } = spawnSync(process.execPath, ['-e', pretend, check], { encoding: 'utf8' });
  expect(status).toBe(1);
  expect(stderr).toMatch(/^Taffrail needs Node 22\.18 or newer, and this is 20\.20\.2\. Type: .*\n$/);
  expect(spawnSync(process.execPath, ['-r', check, '-e', '']).status).toBe(0);
});

it('what is loaded first keeps traces as Node writes them, whoever wants to map them, and what was compiled', () => {
  const script = `
    require('source-map-support/register');
    console.log(new Error('x').stack.split('\\n')[1].trim(), typeof Error.prepareStackTrace, require('module').getCompileCacheDir());`;
  const root = join(import.meta.dirname, '../..');
  const called = spawnSync(process.execPath, ['-r', './commands/preload.cjs', '-e', script], {
    encoding: 'utf8',
    cwd: root,
  });
  expect(called.stderr).toBe('');
  expect(called.stdout).toMatch(/^at \[eval\]:3:\d+ undefined \/.*\/node_modules\/\.cache\/compiled/);
});

it('what is loaded first takes the trace from what the SDK says once more of a resource that failed, in the program only', () => {
  const folder = mkdtempSync(join(tmpdir(), 'taffrail-preload-'));
  const [program, command] = ['node_modules/@pulumi/pulumi/cmd/run/index.cjs', 'commands/up.cjs'];
  const script = `
    process.on('unhandledRejection', (error) => { console.log(error.stack); });
    Promise.reject(new Error('resource loki-files [command:local:Command] failed to register'));
    Promise.reject(new Error('another'));`;
  const said = (file: string): string => {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), script);
    const check = join(import.meta.dirname, '../../commands/preload.cjs');
    return spawnSync(process.execPath, ['-r', check, join(folder, file)], { encoding: 'utf8' }).stdout;
  };
  try {
    expect(said(program)).toMatch(
      /^Error: resource loki-files \[command:local:Command\] failed to register\nError: another\n +at /,
    );
    expect(said(command)).toMatch(/failed to register\n +at /);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
