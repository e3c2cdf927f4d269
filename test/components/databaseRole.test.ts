import * as pulumi from '@pulumi/pulumi';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { runProgram, stackConfig } from './harness.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** What `up` warns of when the role's job of a Redis writes this. */
async function warned(output: string, preview = false): Promise<string[]> {
  const warn = vi.spyOn(pulumi.log, 'warn').mockResolvedValue();
  await runProgram(
    stackConfig(
      'config: {taffrail:databases: {queue: {kind: redis, host: queue, adminPassword: queueSecret}}}',
      { queueSecret: 'synthetic' },
    ),
    { stack: 'prod', preview, job: (name) => (name === 'redis-queue-role' ? output : 'done\n') },
  );
  return warn.mock.calls.map(([message]) => message);
}

describe('S10: an ACL user of a Redis without an aclfile', () => {
  const saved = 'the user taffrail_exporter may read the figures of queue:6379, and no key\n';
  const forgets = `${saved}warning: it has no aclfile: it forgets the user taffrail_exporter when it restarts\n`;

  test('is gone when that restarts, and `up` says so and how to create it again', async () => {
    expect(await warned(forgets)).toEqual([
      "The Redis queue: it has no aclfile: it forgets the user taffrail_exporter when it restarts. Then type: pulumi up -s prod --replace '**redis-queue-role'",
    ]);
  });

  test('stays, with one', async () => {
    expect(await warned(saved)).toEqual([]);
  });

  test('a word that only resembles a warning is none', async () => {
    expect(await warned('there was no warning: all is well\n')).toEqual([]);
  });

  test('a preview, which knows no output yet, does not warn and does not fail', async () => {
    expect(await warned(forgets, true)).toEqual([]);
  });
});
