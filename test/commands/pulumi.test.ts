import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { programOn, realPath } from '../../commands/lib/environment.ts';
import { asSentence } from '../../commands/lib/pulumi.ts';

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

  /** Starts the wrapper away from any terminal; `act` once the CLI is ready. @returns what was said, and the exit code */
  async function signalled(act: (child: ChildProcess) => unknown) {
    const child = spawn(wrapper, ['up'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...withNode, TAFFRAIL_PULUMI: cli },
      detached: true,
    });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (data: string) => {
      said += data;
      if (data.includes('ready')) act(child);
    });
    const code = await new Promise((resolve) => child.on('close', resolve));
    return [said, code];
  }

  it('hands a signal on, and waits for the CLI to end by itself, however long', async () => {
    script('trap "sleep 5.5; echo ended well; exit 3" TERM; echo ready; while :; do sleep 0.05; done');
    expect(await signalled((child) => child.kill('SIGTERM'))).toEqual(['ready\nended well\n', 3]);
  });

  /** A CLI that counts for a second what it gets after the first. No shell: that would take two at once for one. */
  const counting = `exec node -e '
    let n = 0;
    process.on("SIGINT", () => {
      if (n++ === 0) setTimeout(() => (console.log("interrupted " + n), process.exit(4)), 1000);
    });
    setInterval(() => undefined, 1000);
    console.log("ready");'`;

  it.each<[string, (pid: number) => void]>([
    ['to it alone', (pid) => process.kill(pid, 'SIGINT')],
    ['to its whole group', (pid) => process.kill(-pid, 'SIGINT')],
  ])('hands SIGINT on once where no terminal does: %s', async (_, act) => {
    script(counting);
    expect(
      await signalled(({ pid = 0 }) => {
        act(pid);
      }),
    ).toEqual(['ready\ninterrupted 1\n', 4]);
  });

  it('leaves Ctrl-C to the terminal, which tells the CLI itself', async () => {
    script(counting);
    const quoted = `exec '${wrapper}' up`;
    const child = spawn('script', ['-qfec', quoted, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...withNode, SHELL: '/bin/sh', TAFFRAIL_PULUMI: cli },
    });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (data: string) => {
      said += data;
      if (data.includes('ready')) child.stdin.write('\x03');
    });
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(said).toContain('interrupted 1');
    expect(code).toBe(4);
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
    const path = ['/usr/bin', dirname(wrapper), '/nowhere'].join(delimiter);
    const real = realPath({ PATH: path, TAFFRAIL_PULUMI: cli });
    expect(real).toBe(['/usr/bin', folder, '/nowhere'].join(delimiter));
    expect(programOn(real.split(delimiter), 'pulumi')).toBe(cli);
    // Nobody says where the CLI is, or it is gone.
    for (const gone of [undefined, join(folder, 'gone')])
      expect(realPath({ PATH: path, TAFFRAIL_PULUMI: gone })).toBe(['/usr/bin', '/nowhere'].join(delimiter));
  });
});

it('what is said of a killed CLI acts on the stack that it is about (3.5)', () => {
  const killed = new Error('stderr: Command was killed with SIGKILL (Forced termination): pulumi up');
  expect(asSentence(killed, 'prod').message).toContain('`npm run up -- -s prod` puts right');
  expect(asSentence(killed, 'local').message).toContain('`npm run up` puts right');
});
