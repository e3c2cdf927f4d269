/**
 * `pulumi` in a shell that has evaluated `npm run -s env`: the CLI as it is, with its own arguments, terminal and exit
 * code. Pulumi takes its lock before the program runs, and of a lock whose process is dead it only says `pulumi
 * cancel`, which repairs nothing; nor does it know what a killed run left. So after a failure this adds what to type.
 */
import { readFileSync } from 'node:fs';
import { isatty } from 'node:tty';
import { execa } from 'execa';
import { deadLocks, deadLockWords } from './lib/locks.ts';
import { operationOf } from './lib/operation.ts';
import { parallelFor } from './lib/overSsh.ts';
import { backendUrl } from './lib/paths.ts';

const cli = process.env['TAFFRAIL_PULUMI'];
if (cli === undefined) {
  console.error('Type first:  eval "$(npm run -s env)"');
  process.exit(1);
}

// A second SIGINT makes the CLI drop everything: it must get each one once. A terminal tells its foreground group,
// the CLI with it; elsewhere the CLI is put into a group of its own, and what this gets is handed on.
const detached = !isForeground();
// Before the CLI starts: what comes from then on is handed on once it runs.
const person = { stoppedIt: false };
process.on('SIGINT', () => {
  person.stoppedIt = true;
  if (detached || !isForeground()) running.kill('SIGINT');
});
for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    person.stoppedIt = true;
    running.kill(signal);
  });
}
const running = execa(cli, process.argv.slice(2), {
  stdio: 'inherit',
  env: parallelFor(operationOf(process.argv.slice(2)).stack),
  reject: false,
  detached,
  forceKillAfterDelay: false, // it finishes what it is making, however long that takes
});

const { exitCode, signal, code } = await running;
const end = exitCode ?? (signal === 'SIGINT' ? 130 : 1);
// Who stops it now waits for no causes.
for (const one of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.removeAllListeners(one).on(one, () => process.exit(end));
if (code === 'ENOENT' || code === 'EACCES') {
  console.error(`The Pulumi CLI is no longer at ${cli}. Type:  eval "$(npm run -s env)"`);
} else if (exitCode !== 0) {
  const dead = process.env['PULUMI_BACKEND_URL'] === backendUrl ? deadLocks() : [];
  for (const lock of dead) console.error(deadLockWords(lock));
  // Who has stopped it knows why it has ended.
  if (!person.stoppedIt && operationOf(process.argv.slice(2)).operation === 'up') {
    // Only now: it takes as long to load as a quick command of the CLI takes to run.
    const { causesAfter } = await import('./lib/causes.ts');
    const told = dead.map(({ stack }) => stack);
    const words = await causesAfter(process.argv.slice(2), cli, told);
    if (words !== undefined) console.error(words);
  }
}
process.exit(end);

/** Whether this process group is the one that its terminal tells of Ctrl-C. */
function isForeground(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1');
    // proc(5): the name stands in parentheses; then state, ppid, pgrp, session, tty_nr, tpgid.
    const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return group === foreground;
  } catch {
    return [0, 1, 2].some((stream) => isatty(stream)); // not Linux
  }
}
