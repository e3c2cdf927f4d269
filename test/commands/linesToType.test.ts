import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { script } from '../../configs/tools/scripts.ts';
import { jobs } from '../components/look.ts';
import { runProgram } from '../components/harness.ts';
import { everything } from '../components/stacks.ts';

// What a job's script tells to type is typed in the person's shell, where another stack may be selected.

const scripts = readdirSync(new URL('../../configs', import.meta.url), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.sh'))
  .sort();

/** Commands of a text that lack the stack: in a script its name is a variable. */
const lacking = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => !line.trimStart().startsWith('#'))
    .filter((line) => /\bnpm run \w|\bpulumi [a-z]/.test(line))
    .filter((line) => !/\bnpm run \w+ -- -s \S/.test(line) && !/\bpulumi [a-z ]+ -s \S/.test(line));

describe('3.14: every line to type that a script prints names the stack', () => {
  test.each(scripts)('%s', (file) => {
    expect(lacking(script(file))).toEqual([]);
  });

  test('one that does not would be seen', () => {
    expect(scripts.length).toBeGreaterThan(8);
    const lines = ['  npm run up', 'Type: pulumi config set --path taffrail:x y', 'then type npm run up.'];
    expect(lacking(lines.join('\n'))).toEqual(lines);
    expect(lacking('# npm run up\nnpm run up -- -s $stack\npulumi config set -s $4 --secret x')).toEqual([]);
  });
});

describe('3.14: the scripts print it for their stack', () => {
  let room: string;
  beforeEach(() => {
    room = mkdtempSync(join(tmpdir(), 'taffrail-lines-'));
    for (const folder of ['taffrail', 'tmp']) mkdirSync(join(room, folder));
  });
  afterEach(() => {
    rmSync(room, { recursive: true });
  });

  /** Runs a script in its room, before a program that is there and never says what is wanted. */
  async function words(file: string, args: string[]): Promise<string> {
    writeFileSync(
      join(room, 'taffrail/http.sh'),
      `ready() { :; }\nsleep() { :; }\nrequest() { return 1; }\nexpect() { echo '{}' >${room}/tmp/body; }\nfail() { echo "$1"; exit 1; }\n`,
    );
    const here = script(file).replaceAll(/(?<![\w./])\/(?=(?:taffrail|tmp)\/)/g, `${room}/`);
    const { stdout, exitCode } = await execa('sh', ['-c', here, file, ...args], { reject: false });
    expect(exitCode).toBe(1);
    return stdout;
  }

  test('cAdvisor, which finds no containerd', async () => {
    expect(await words('exporters/cadvisor.sh', ['8080', 'cadvisor', '/run/containerd', 'prod'])).toMatch(
      /expects in \/run\/containerd .*\npulumi config set -s prod --path taffrail:cadvisor\.containerd <folder>$/s,
    );
  });

  test('the program hands each its stack', async () => {
    const ran = await runProgram(everything(), { stack: 'prod' });
    const given = (name: string) =>
      jobs(ran)
        .find((one) => one.name === name)
        ?.inputs.command?.slice(1);
    expect(given('cadvisor-proof')).toEqual(['8080', 'cadvisor', '/run/containerd', 'prod']);
  });
});
