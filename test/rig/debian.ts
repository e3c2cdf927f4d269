/** Debian's packages that the rig needs; asked for once on a terminal, printed otherwise. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { RigError } from './cache.ts';
import { debianPackages } from './parts.ts';

async function apt(...args: string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const child = spawn('apt-get', ['-qq', '-o', 'Dpkg::Use-Pty=0', ...args], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (data: Buffer) => (said += data.toString()));
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('exit', resolve));
  if (code !== 0)
    throw new RigError(`apt-get ${args.join(' ')} failed: ${said.trim().split('\n').slice(-4).join(' ')}`);
}

/**
 * Installs what is missing of the packages.
 *
 * @param building the parts about to be built: their compilers are needed too
 * @throws RigError with the line to type: not root, no apt-get, or refused on the terminal
 */
export async function ensurePackages(building: readonly string[]): Promise<void> {
  const missing = debianPackages.filter(
    ({ file, buildOf }) => !existsSync(file) && (buildOf === undefined || building.includes(buildOf)),
  );
  if (missing.length === 0) return;
  const names = missing.map(({ name }) => name);
  const line = `apt-get install --no-install-recommends ${names.join(' ')}`;
  const reasons = missing.map(({ name, why }) => `  ${name}: ${why}`).join('\n');
  if (process.getuid?.() !== 0)
    throw new RigError(`the rig needs packages of Debian:\n${reasons}\nType: sudo ${line}`);
  if (!existsSync('/usr/bin/apt-get')) {
    throw new RigError(`the rig needs programs, and this is no Debian to install them on:\n${reasons}`);
  }
  if (process.stdin.isTTY && process.stderr.isTTY) {
    const terminal = createInterface({ input: process.stdin, output: process.stderr });
    const answer = await terminal.question(`The rig needs packages of Debian:\n${reasons}\n${line} [Y/n] `);
    terminal.close();
    if (/^n/i.test(answer.trim())) throw new RigError(`not installed. When you are ready, type: ${line}`);
  } else {
    process.stderr.write(`rig: ${line}\n`);
  }
  await apt('update');
  await apt('install', '-y', '--no-install-recommends', ...names);
}
