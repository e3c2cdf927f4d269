import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { programOn } from '../../commands/lib/environment.ts';

// 3.4: what `npm run -s env` puts before the CLI. The CLI here is a script; the end-to-end test has the real one.
const wrapper = join(import.meta.dirname, '../../commands/bin/pulumi');
const withNode = {
  ...process.env,
  PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`,
};
let folder: string;
let cli: string;
const script = (text: string): void => {
  writeFileSync(cli, `#!/bin/sh\n${text}\n`);
  chmodSync(cli, 0o755);
};
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'taffrail cli '));
  cli = join(folder, 'pulumi');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe('`pulumi` in the shell of `npm run -s env` (3.4)', () => {
  const called = (...args: string[]) =>
    spawnSync(wrapper, args, {
      encoding: 'utf8',
      input: 'yes\n',
      env: { ...withNode, TAFFRAIL_PULUMI: cli },
    });

  it('has the CLI’s own arguments, input, output and exit code', () => {
    script('printf "[%s]" "$@"; cat; echo no >&2; exit 255');
    const { status, stdout, stderr } = called('config', 'set', 'a b', "it's", '');
    expect(stdout).toBe("[config][set][a b][it's][]yes\n");
    expect(stderr).toBe('no\n');
    expect(status).toBe(255);
  });

  it('adds nothing to what went well', () => {
    script('exit 0');
    expect(called('up')).toMatchObject({ status: 0, stdout: '', stderr: '' });
  });

  it('hands a signal on, and waits for the CLI to end by itself', async () => {
    script('trap "echo ended well; exit 3" TERM; echo ready; while :; do sleep 0.05; done');
    const child = spawn(wrapper, ['up'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...withNode, TAFFRAIL_PULUMI: cli },
    });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (data: string) => {
      said += data;
      if (data.includes('ready')) child.kill('SIGTERM');
    });
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect([said, code]).toEqual(['ready\nended well\n', 3]);
  });

  it('says what to type when the CLI is not there, or nobody has said where', () => {
    const gone = called('up');
    expect(gone.status).toBe(1);
    expect(gone.stderr).toMatch(/no longer at .*eval "\$\(npm run -s env\)"/);
    const untold = { ...withNode, TAFFRAIL_PULUMI: undefined };
    expect(spawnSync(wrapper, ['up'], { encoding: 'utf8', env: untold }).stderr).toMatch(
      /^Type first: {2}eval/,
    );
  });

  it('is never taken for the CLI itself', () => {
    script('exit 0');
    expect(programOn([dirname(wrapper), folder], 'pulumi', dirname(wrapper))).toBe(cli);
    expect(programOn([dirname(wrapper)], 'pulumi', dirname(wrapper))).toBeUndefined();
  });
});
