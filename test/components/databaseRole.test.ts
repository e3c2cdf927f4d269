import * as pulumi from '@pulumi/pulumi';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { runProgram, stackConfig } from './harness.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** What `up` warns of when the role's job of a Redis says this. */
async function warned(words: string): Promise<string[]> {
  const warn = vi.spyOn(pulumi.log, 'warn').mockResolvedValue();
  await runProgram(
    stackConfig(
      'config: {taffrail:databases: {queue: {kind: redis, host: queue, adminPassword: queueSecret}}}',
      { queueSecret: 'synthetic' },
    ),
    {
      stack: 'prod',
      job: (name) => ({ exitCode: 0, containerLogs: name === 'redis-queue-role' ? words : 'done\n' }),
    },
  );
  return warn.mock.calls.map(([message]) => message);
}

describe('S10: an ACL user of a Redis without an aclfile', () => {
  const saved = 'the user taffrail_exporter may read the figures of queue:6379, and no key\n';

  test('is gone when that restarts, and `up` says so and what to type then', async () => {
    const words = `${saved}it has no aclfile: it forgets the user taffrail_exporter when it restarts\n`;
    expect(await warned(words)).toEqual([
      expect.stringMatching(
        /^The Redis queue: it has no aclfile: it forgets .* Then type: pulumi up -s prod --replace 'urn:.*::redis-queue-role'$/,
      ),
    ]);
  });

  test('is not, with one', async () => {
    expect(await warned(saved)).toEqual([]);
  });
});
