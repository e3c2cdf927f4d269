import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensurePackages } from './debian.ts';

// apt-get is a script here: it writes down what it is called for. That the real one installs, the rig's first build shows.
let folder: string;
let calls: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'taffrail apt '));
  calls = join(folder, 'calls');
  script(`echo "$@" >>'${calls}'`);
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});
const script = (text: string): void => {
  writeFileSync(join(folder, 'apt-get'), `#!/bin/sh\n${text}\n`);
  chmodSync(join(folder, 'apt-get'), 0o755);
};
const called = (): string[] => (existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : []);

/** A host on which `ready` is there, and the answer that is typed, where there is a terminal. */
function host({ uid = 0, answer = undefined as string | undefined } = {}) {
  const stream = () => Object.assign(new PassThrough(), { isTTY: answer !== undefined });
  const [input, output] = [stream(), stream()];
  let said = '';
  output.setEncoding('utf8').on('data', (data: string) => (said += data));
  if (answer !== undefined) input.write(`${answer}\n`);
  writeFileSync(join(folder, 'ready'), '');
  return {
    said: () => said,
    around: {
      packages: [
        { name: 'ready', file: join(folder, 'ready'), why: 'is there already' },
        { name: 'tini', file: join(folder, 'tini'), why: 'the first process' },
        { name: 'gcc', file: join(folder, 'gcc'), why: 'runc is linked with C', buildOf: 'runc' },
      ],
      aptGet: join(folder, 'apt-get'),
      uid,
      input: input as unknown as NodeJS.ReadStream,
      output: output as unknown as NodeJS.WriteStream,
    },
  };
}
const install = 'apt-get install --no-install-recommends tini';

describe("3.10: Debian's packages for the rig", () => {
  it('what is missing is installed, with a printed line and without a question where nobody could answer', async () => {
    const { around, said } = host();
    await ensurePackages([], around);
    expect(said()).toBe(`rig: ${install}\n`);
    expect(called()).toEqual([
      '-qq -o Dpkg::Use-Pty=0 update',
      '-qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends tini',
    ]);
  });

  it('a compiler is asked for only by who builds with it', async () => {
    await ensurePackages(['runc'], host().around);
    expect(called().at(-1)).toMatch(/ tini gcc$/);
  });

  it('on a terminal it asks once, and says what for', async () => {
    const { around, said } = host({ answer: '' });
    await ensurePackages([], around);
    expect(said()).toContain('tini: the first process');
    expect(said()).toContain(`${install} [Y/n]`);
    expect(called()).toHaveLength(2);
  });

  it('a no installs nothing, and leaves the line to type', async () => {
    await expect(ensurePackages([], host({ answer: 'n' }).around)).rejects.toThrow(
      `not installed. When you are ready, type: ${install}`,
    );
    expect(called()).toEqual([]);
  });

  it('who is not root gets the line to type', async () => {
    await expect(ensurePackages([], host({ uid: 1000 }).around)).rejects.toThrow(`Type: sudo ${install}`);
    expect(called()).toEqual([]);
  });

  it('where all is there nothing is said or run', async () => {
    const { around, said } = host();
    await ensurePackages([], { ...around, packages: around.packages.slice(0, 1), uid: 1000 });
    expect([said(), called()]).toEqual(['', []]);
  });

  it("a failure is told in apt-get's own words", async () => {
    script('echo "E: Unable to locate package tini" >&2; exit 100');
    await expect(ensurePackages([], host().around)).rejects.toThrow('E: Unable to locate package tini');
  });

  it('another system than Debian is told so', async () => {
    const { around } = host();
    await expect(ensurePackages([], { ...around, aptGet: join(folder, 'none') })).rejects.toThrow(
      'this is no Debian',
    );
  });
});
