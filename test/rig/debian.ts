/** Debian's packages that the rig needs; asked for once on a terminal, printed otherwise. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { RigError } from './cache.ts';
import { type DebianPackage, debianPackages } from './parts.ts';

/** Where packages are asked for and installed; tests have their own. */
export interface Surroundings {
  packages: readonly DebianPackage[];
  aptGet: string;
  uid: number | undefined;
  input: NodeJS.ReadStream;
  output: NodeJS.WriteStream;
}
const usual: Surroundings = {
  packages: debianPackages,
  aptGet: '/usr/bin/apt-get',
  uid: process.getuid?.(),
  input: process.stdin,
  output: process.stderr,
};

async function apt(program: string, ...args: string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const child = spawn(program, ['-qq', '-o', 'Dpkg::Use-Pty=0', ...args], {
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
export async function ensurePackages(
  building: readonly string[],
  { packages, aptGet, uid, input, output }: Surroundings = usual,
): Promise<void> {
  const missing = packages.filter(
    ({ file, buildOf }) => !existsSync(file) && (buildOf === undefined || building.includes(buildOf)),
  );
  if (missing.length === 0) return;
  const names = missing.map(({ name }) => name);
  const line = `apt-get install --no-install-recommends ${names.join(' ')}`;
  const reasons = missing.map(({ name, why }) => `  ${name}: ${why}`).join('\n');
  if (uid !== 0) throw new RigError(`the rig needs packages of Debian:\n${reasons}\nType: sudo ${line}`);
  if (!existsSync(aptGet)) {
    throw new RigError(`the rig needs programs, and this is no Debian to install them on:\n${reasons}`);
  }
  if (input.isTTY && output.isTTY) {
    const terminal = createInterface({ input, output });
    const answer = await terminal.question(`The rig needs packages of Debian:\n${reasons}\n${line} [Y/n] `);
    terminal.close();
    if (/^n/i.test(answer.trim())) throw new RigError(`not installed. When you are ready, type: ${line}`);
  } else {
    output.write(`rig: ${line}\n`);
  }
  await apt(aptGet, 'update');
  await apt(aptGet, 'install', '-y', '--no-install-recommends', ...names);
}
