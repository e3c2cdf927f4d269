import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { orphans, orphanWords } from '../../commands/lib/orphanedProcesses.ts';

const made: string[] = [];
afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true });
});

/** A made-up /proc: program, working folder, parent and arguments of each process. */
function processes(
  table: Record<number, [program: string, cwd: string, parent: number, ...words: string[]]>,
): string {
  const folder = mkdtempSync(join(tmpdir(), 'proc-'));
  made.push(folder);
  for (const [pid, [program, cwd, parent, ...words]] of Object.entries(table)) {
    mkdirSync(join(folder, pid));
    symlinkSync(program, join(folder, pid, 'exe'));
    symlinkSync(cwd, join(folder, pid, 'cwd'));
    writeFileSync(join(folder, pid, 'status'), `Name:\tx\nPPid:\t${String(parent)}\n`);
    writeFileSync(join(folder, pid, 'cmdline'), [program, ...words, ''].join('\0'));
  }
  return folder;
}

describe('3.3, 3.5: what a killed Pulumi left running', () => {
  const plugin = '/home/me/.pulumi/plugins/resource-docker-v5.2.0/pulumi-resource-docker';
  const commands = '/home/me/.pulumi/plugins/resource-command-v1.2.1/pulumi-resource-command';
  const here = '/srv/taffrail';

  it('plugins of this checkout without a Pulumi above them', () => {
    const table = processes({
      1: ['/sbin/init', '/', 0],
      20: ['/usr/bin/pulumi', here, 1],
      21: [plugin, here, 20],
      30: [plugin, here, 1],
      31: [plugin, `${here}/.taffrail/x`, 999],
      40: [plugin, '/srv/other', 1],
      50: ['/usr/bin/node', here, 1],
    });
    expect(orphans(here, table)).toEqual([
      { pid: 30, kind: 'plugin' },
      { pid: 31, kind: 'plugin' },
    ]);
  });

  it('jobs of this checkout, with or without their plugin', () => {
    const node = '/srv/taffrail/node_modules/node/bin/node';
    const job = ['--require', './commands/preload.cjs', 'components/jobs/files.ts'];
    const table = processes({
      1: ['/sbin/init', '/', 0],
      20: ['/usr/bin/pulumi', here, 1],
      21: [commands, here, 20],
      22: [node, here, 21, ...job],
      30: [commands, here, 1],
      31: [node, here, 30, ...job],
      40: [node, here, 1, ...job],
      41: [node, '/srv/other', 1, ...job],
      42: [node, here, 1, 'commands/up.ts'],
    });
    expect(orphans(here, table)).toEqual([
      { pid: 30, kind: 'plugin' },
      { pid: 31, kind: 'job' },
      { pid: 40, kind: 'job' },
    ]);
    expect(orphanWords({ pid: 40, kind: 'job' })).toBe('repair: ended the job 40 of an interrupted run');
  });

  it('cannot be told where there is no /proc', () => {
    expect(orphans(here, '/nowhere')).toEqual([]);
  });
});
