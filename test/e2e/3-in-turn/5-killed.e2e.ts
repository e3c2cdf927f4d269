import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stateFolder } from '../lib/copy.ts';
import { containersOf, docker, livesOf, nameOf } from '../lib/engine.ts';
import { until } from '../lib/http.ts';
import { endOwnProcesses, ownProcesses } from '../lib/processes.ts';
import { inShell, start } from '../lib/stack.ts';
import { a, b, ensureStacks } from '../lib/stacks.ts';
import { metrics, targetsDown } from '../lib/stores.ts';

let livesOfA: string[];

beforeAll(async () => {
  await ensureStacks();
  livesOfA = await livesOf(a.name);
  expect(livesOfA.length).toBeGreaterThan(20);
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

    // 3.4: Pulumi takes its lock before the program runs; what to type is said all the same.
    const native = await inShell(`pulumi up -s ${b.name} --yes --skip-preview --non-interactive`);
    expect(native.code, native.output).toBe(1);
    expect(native.output).toMatch(/the stack is currently locked/);
    expect(native.output).toMatch(
      /The lock on the stack e2e-b was left by process \d+, which is dead\..*\n +npm run up -- -s e2e-b$/m,
    );

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

  it('3.5: Ctrl-C ends a run with a sentence', async () => {
    b.configure({ redis: undefined });
    const stopped = npmUp();
    expect(await untilThere(/-redis-exporter$/, false)).toBe(false);
    // A terminal tells the whole group.
    process.kill(-(stopped.pid ?? 0), 'SIGINT');
    const result = await stopped;
    expect(result.exitCode, result.all).not.toBe(0);
    expect(result.all).toMatch(/Stopped\. `npm run up -- -s e2e-b` goes on from here/);
    expect(result.all).not.toMatch(/\n\s+at .*:\d+:\d+/);
  });

  it('3.5: the next `up` goes on from there, and gives an engine that has lost its networks meanwhile new ones', async () => {
    const networks = () => docker.listNetworks({ filters: { label: [`dev.taffrail.stack=${b.name}`] } });
    const lost = await networks();
    expect(lost.length).toBeGreaterThan(3);
    for (const { Id } of lost) {
      const network = docker.getNetwork(Id);
      const { Containers } = (await network.inspect()) as { Containers: Record<string, unknown> };
      for (const Container of Object.keys(Containers)) await network.disconnect({ Container, Force: true });
      await network.remove();
    }
    const up = await b.npm('up');
    expect(up.code, up.output).toBe(0);
    expect(up.output).toMatch(/repair: comparing the state with the engine, because /);
    expect(up.output).toMatch(/repair: removing the container \S+-loki, which has lost a network/);
    expect((await networks()).map(({ Name }) => Name).sort()).toEqual(lost.map(({ Name }) => Name).sort());
    expect((await services()).filter((line) => !line.endsWith(' running') || line.includes('redis'))).toEqual(
      [],
    );
    // Its targets, not `up == 0`: a job that was taken away leaves its last sample for five minutes.
    const isDown = () => targetsDown(b.project);
    expect(await until(isDown, (found) => found.length === 0, { seconds: 60 })).toEqual([]);
    expect((await metrics(b.project, 'up == 1')).length).toBeGreaterThan(4);
  });

  it('3.18: after it all, no container of the other stack was touched', async () => {
    expect(await livesOf(a.name)).toEqual(livesOfA);
  });
});
