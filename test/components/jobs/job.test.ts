import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { ProgramTold } from './program.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** As the command plugin starts a job. */
function job(input: string, script = 'test/components/jobs/program.ts') {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--require', './commands/preload.cjs', script],
    {
      cwd: root,
      input,
      encoding: 'utf8',
      timeout: 20_000,
      maxBuffer: 2 ** 26,
      env: { PATH: process.env['PATH'] ?? '', DOCKER_HOST: 'unix:///nowhere/docker.sock' },
    },
  );
  return { status, stdout, stderr };
}
const told = (rest: ProgramTold) => job(JSON.stringify({ ...rest, password: 's3cret' }));
const longest = (text: string): number =>
  Math.max(...text.split('\n').map((line) => Buffer.byteLength(line)));

describe('a job as a program', () => {
  test('prints its line and ends with 0', () => {
    expect(told({ ends: 'well', message: 'done' })).toEqual({ status: 0, stdout: 'done\n', stderr: '' });
  });

  test.each(['JobError', 'ApplyError'] as const)('%s: only its message, and exit code 1', (ends) => {
    expect(told({ ends, message: 'It refuses.\n  line 3' })).toEqual({
      status: 1,
      stdout: '',
      stderr: 'It refuses.\n  line 3\n',
    });
  });

  test('a mistake of ours: where it happened', () => {
    const { status, stderr } = told({ ends: 'mistake', message: 'x is undefined' });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^TypeError: x is undefined\n {4}at .*program\.ts:\d+/);
    expect(stderr).not.toContain('s3cret');
  });

  test('what is thrown without being an error', () => {
    expect(told({ ends: 'text', message: 'odd' })).toMatchObject({ status: 1, stderr: 'odd\n' });
  });

  test('an engine that is not there, in one line', () => {
    expect(told({ ends: 'well', message: '', ask: true })).toEqual({
      status: 1,
      stdout: '',
      stderr:
        'The Docker engine at unix:///nowhere/docker.sock does not answer: connect ENOENT /nowhere/docker.sock\n',
    });
  });

  // The plugin keeps what a job says in the state, and stops reading at a line of 64 KiB.
  test.each([
    ['a long message', 'a line of text\n', 7000],
    ['a long line', 'x', 70_000],
    ['a long line of wide letters', '漢', 70_000],
  ])('%s is cut, whether it fails or succeeds', (_, message, times) => {
    const failed = told({ ends: 'JobError', message, times });
    expect(failed.status).toBe(1);
    const done = told({ ends: 'well', message, times });
    expect(done.status).toBe(0);
    for (const said of [failed.stderr, done.stdout]) {
      expect(said.startsWith(message)).toBe(true);
      expect(said.length).toBeLessThan(20_100);
      expect(longest(said)).toBeLessThan(64 * 1024);
    }
  });

  test.each(['', '{"password": s3cret}', 'password: s3cret'])(
    'input that is no JSON is not quoted: %j',
    (input) => {
      const { status, stdout, stderr } = job(input);
      expect([status, stdout]).toEqual([1, '']);
      expect(stderr).toBe('A job reads JSON on standard input, and this is not JSON.\n');
    },
  );

  test.each(['files', 'apply'])('%s.ts starts, and says in words that no engine answers', (script) => {
    const image = { id: 'sha256:x', reference: 'x:1' };
    const input = JSON.stringify({
      job: { project: 'p', stack: 's', owner: 'o', name: 'n' },
      tools: image,
      owner: '1:1',
      targets: [{ volume: 'v', layout: 'revisions', files: { a: 'a' }, secrets: { b: 's3cret' } }],
      service: { title: 'X', container: 'x', image, user: '1:1', port: 1 },
      logic: '../test/components/jobs/logic.ts',
      told: { password: 's3cret' },
    });
    const { status, stderr } = job(input, `components/jobs/${script}.ts`);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^The Docker engine at unix:\/\/\/nowhere\/docker\.sock does not answer: .*\n$/);
  });
});

test('importing a job does not run it', async () => {
  const { apply } = await import('../../../components/jobs/apply.ts');
  expect(apply).toBeTypeOf('function');
});
