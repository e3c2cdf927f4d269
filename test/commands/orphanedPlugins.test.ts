import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { orphanedPlugins } from '../../commands/lib/orphanedPlugins.ts';

const made: string[] = [];
afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true });
});

/** A made-up /proc: program, working folder and parent of each process. */
function processes(table: Record<number, [program: string, cwd: string, parent: number]>): string {
  const folder = mkdtempSync(join(tmpdir(), 'proc-'));
  made.push(folder);
  for (const [pid, [program, cwd, parent]] of Object.entries(table)) {
    mkdirSync(join(folder, pid));
    symlinkSync(program, join(folder, pid, 'exe'));
    symlinkSync(cwd, join(folder, pid, 'cwd'));
    writeFileSync(join(folder, pid, 'status'), `Name:\tx\nPPid:\t${String(parent)}\n`);
  }
  return folder;
}

describe('3.3, 3.5: plugins of a Pulumi that was killed', () => {
  const plugin = '/home/me/.pulumi/plugins/resource-docker-v5.2.0/pulumi-resource-docker';

  it('are those of this checkout without a Pulumi above them', () => {
    const table = processes({
      1: ['/sbin/init', '/', 0],
      20: ['/usr/bin/pulumi', '/srv/taffrail', 1],
      21: [plugin, '/srv/taffrail', 20],
      30: [plugin, '/srv/taffrail', 1],
      31: [plugin, '/srv/taffrail/.taffrail/x', 999],
      40: [plugin, '/srv/other', 1],
      50: ['/usr/bin/node', '/srv/taffrail', 1],
    });
    expect(orphanedPlugins('/srv/taffrail', table)).toEqual([30, 31]);
  });

  it('cannot be told where there is no /proc', () => {
    expect(orphanedPlugins('/srv/taffrail', '/nowhere')).toEqual([]);
  });
});
