/**
 * `pulumi` in a shell that has evaluated `npm run -s env`: the CLI as it is, with its own arguments, terminal and exit
 * code. Pulumi takes its lock before the program runs, and of a lock whose process is dead it only says `pulumi
 * cancel`, which mends nothing; so after a failure this adds what to type.
 */
import { execa } from 'execa';
import { deadLocks, deadLockWords } from './lib/locks.ts';
import { backendUrl } from './lib/paths.ts';

const cli = process.env['TAFFRAIL_PULUMI'];
if (cli === undefined) {
  console.error('Type first:  eval "$(npm run -s env)"');
  process.exit(1);
}

const running = execa(cli, process.argv.slice(2), { stdio: 'inherit', reject: false });
// A terminal tells Ctrl-C to both: the CLI must get it once, and this must outlive it.
process.on('SIGINT', () => undefined);
for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => running.kill(signal));

const { exitCode, signal, code } = await running;
if (code === 'ENOENT' || code === 'EACCES') {
  console.error(`The Pulumi CLI is no longer at ${cli}. Type:  eval "$(npm run -s env)"`);
} else if (exitCode !== 0 && process.env['PULUMI_BACKEND_URL'] === backendUrl) {
  for (const lock of deadLocks()) console.error(deadLockWords(lock));
}
process.exitCode = exitCode ?? (signal === 'SIGINT' ? 130 : 1);
