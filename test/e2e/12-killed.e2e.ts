import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stateFolder } from './lib/copy.ts';
import { containersOf, nameOf } from './lib/engine.ts';
import { until } from './lib/http.ts';
import { endOwnProcesses, ownProcesses } from './lib/processes.ts';
import { start } from './lib/stack.ts';
import { b, ensureStacks } from './lib/stacks.ts';

beforeAll(async () => {
  await ensureStacks();
});
afterAll(endOwnProcesses);

const npmUp = () => start('npm', ['run', 'up', '--', '-s', b.name], { detached: true });
const locks = (): string[] => {
  try {
    return readdirSync(join(stateFolder, '.pulumi', 'locks'), { recursive: true, encoding: 'utf8' }).filter(
      (file) => file.endsWith('.json'),
    );
  } catch {
    return [];
  }
};
/** Waits until containers of the stack whose name matches are there, or not. */
const untilThere = (name: RegExp, there: boolean) =>
  until(
    async () => (await containersOf(b.name)).some((container) => name.test(nameOf(container))),
    (seen) => seen === there,
    { seconds: 60, every: 100 },
  );
const services = async () =>
  (await containersOf(b.name))
    .filter(({ Labels }) => !Labels['dev.taffrail.job'])
    .map((container) => `${nameOf(container)} ${container.State}`);

describe('interrupted runs', () => {
  it('3.5: kill -9 in the middle of `npm run up`, then `npm run up` goes on; a second one beside it gets a sentence', async () => {
    // Something new is made, so that a kill leaves things which are in no state.
    b.configure({ redis: { enabled: true } });
    const killed = npmUp();
    expect(await untilThere(/-redis/, true)).toBe(true);
    process.kill(-(killed.pid ?? 0), 'SIGKILL');
    expect((await killed).signal).toBe('SIGKILL');
    expect(locks()).not.toEqual([]);

    const first = npmUp();
    await sleep(1500);
    const second = await b.npm('up');
    expect(second.code).toBe(1);
    expect(second.output).toMatch(/being changed by another command: process \d+/);
    expect(second.output).toMatch(/kill -INT \d+/);
    const result = await first;
    expect(result.exitCode, result.all).toBe(0);
    expect(result.all).toMatch(/repair: removed the lock of process \d+/);
    expect(locks()).toEqual([]);
    expect((await services()).filter((line) => !line.endsWith(' running'))).toEqual([]);
    expect(await services()).toContain(`${b.project}-redis running`);
    // Pulumi's plugins are in process groups of their own, and outlive a CLI that was killed.
    expect(ownProcesses()).toEqual([]);
  });

  it('3.5: Ctrl-C ends a run with a sentence, and the next goes on', async () => {
    b.configure({ redis: undefined });
    const stopped = npmUp();
    expect(await untilThere(/-redis-exporter$/, false)).toBe(false);
    // A terminal tells the whole group.
    process.kill(-(stopped.pid ?? 0), 'SIGINT');
    const result = await stopped;
    expect(result.exitCode, result.all).not.toBe(0);
    expect(result.all).toMatch(/Stopped\. `npm run up -- -s e2e-b` goes on from here/);
    expect(result.all).not.toMatch(/\n\s+at .*:\d+:\d+/);

    const again = await b.npm('up');
    expect(again.code, again.output).toBe(0);
    expect((await services()).filter((line) => line.includes('redis'))).toEqual([]);
  });
});
