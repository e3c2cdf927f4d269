import { readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stateFolder } from '../lib/copy.ts';
import { configFolder } from '../../../configs/paths.ts';
import { containersOf, docker, engineSocket, inspect, livesOf, nameOf } from '../lib/engine.ts';
import { gateAt, requests } from '../lib/gate.ts';
import { until } from '../lib/http.ts';
import { inForce } from '../lib/jobs.ts';
import { place } from '../lib/place.ts';
import { endOwnProcesses, ownProcesses } from '../lib/processes.ts';
import { inShell, start } from '../lib/stack.ts';
import { a, b, ensureStacks, extra } from '../lib/stacks.ts';
import { metrics, prometheus, targetsDown } from '../lib/stores.ts';

let livesOfA: string[];

beforeAll(async () => {
  await ensureStacks();
  livesOfA = await livesOf(a.name);
  expect(livesOfA.length).toBeGreaterThan(12);
});
afterAll(async () => {
  extra(b, ruleFile);
  await endOwnProcesses();
});

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
  (await containersOf(b.name)).map((container) => `${nameOf(container)} ${container.State}`);

const ruleFile = 'rules/killed.yml';
const rule = (name: string): string =>
  `groups:\n  - name: ${name}\n    rules:\n      - record: ${name}:up\n        expr: sum(up)\n`;
const rulesOf = async (): Promise<string[]> =>
  (await prometheus<{ groups: { name: string }[] }>(b.project, 'rules')).groups.map(({ name }) => name);
/** Where the files of a service are. */
const volumeOf = async (container: string): Promise<string> =>
  (await inspect(container)).Mounts.find(({ Destination }) => Destination === configFolder)?.Name ?? '';

describe('interrupted runs', () => {
  it('3.5: kill -9 in the middle of `npm run up`, then `npm run up` goes on; a second one beside it gets a sentence', async () => {
    // Something new is made, so that a kill leaves things which are in no state.
    b.configure({ redis: { enabled: true } });
    const killed = npmUp();
    expect(await untilThere(/-redis/, true)).toBe(true);
    process.kill(-(killed.pid ?? 0), 'SIGKILL');
    expect((await killed).signal).toBe('SIGKILL');
    expect(locks()).not.toEqual([]);

    // Pulumi writes this file, which it can do without, bit by bit; killed meanwhile it leaves half of it.
    writeFileSync(join(stateFolder, '.pulumi', 'stacks', 'taffrail', `${b.name}.json.attrs`), '');

    // 3.4: Pulumi takes its lock before the program runs; what to type is said all the same.
    const native = await inShell(`pulumi up -s ${b.name} --yes --skip-preview --non-interactive`);
    expect(native.code, native.output).toBe(1);
    expect(native.output).toMatch(/the stack is currently locked|failed to load checkpoint/);
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
    expect(result.all).toMatch(/repair: removed a half-written file beside the state/);
    expect(locks()).toEqual([]);
    expect((await services()).filter((line) => !line.endsWith(' running'))).toEqual([]);
    expect(await services()).toContain(`${b.project}-redis running`);
    // Pulumi's plugins are in process groups of their own, and outlive a CLI that was killed.
    expect(
      await until(
        // The rig's language host waits for ever for a CLI that was killed before it called: a stand-in's fault.
        () => Promise.resolve(ownProcesses().filter(({ command }) => !command.includes('/host.ts'))),
        (left) => left.length === 0,
        { seconds: 20 },
      ),
    ).toEqual([]);
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

  it('3.14 3.5: the next `up` goes on from there, and heals what a person has removed by hand: networks, a volume of files with its container, an App', async () => {
    const before = await volumeOf(`${b.project}-prometheus`);
    await docker.getContainer(`${b.project}-prometheus`).remove({ force: true });
    await docker.getVolume(before).remove();
    await docker.getContainer(`${b.project}-hello`).remove({ force: true });
    // 3.14: native, it says so, and makes none in its place.
    extra(b, ruleFile, rule('healed'));
    const native = await b.up();
    expect(native.code).not.toBe(0);
    expect(native.errors).toContain(
      `The volume ${before} is gone: somebody removed it. To create it again, run: npm run up -- -s ${b.name}`,
    );
    await expect(docker.getVolume(before).inspect()).rejects.toMatchObject({ statusCode: 404 });
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
    const after = await volumeOf(`${b.project}-prometheus`);
    expect(after).not.toBe(before);
    expect((await inForce(after))['rules/killed.yml']).toBe(rule('healed'));
    expect(await rulesOf()).toContain('healed');
    expect(await services()).toContain(`${b.project}-hello running`);
    expect((await networks()).map(({ Name }) => Name).sort()).toEqual(lost.map(({ Name }) => Name).sort());
    expect((await services()).filter((line) => !line.endsWith(' running') || line.includes('redis'))).toEqual(
      [],
    );
    // Its targets, not `up == 0`: a job that was taken away leaves its last sample for five minutes.
    const isDown = () => targetsDown(b.project);
    expect(await until(isDown, (found) => found.length === 0, { seconds: 60 })).toEqual([]);
    expect((await metrics(b.project, 'up == 1')).length).toBeGreaterThan(4);
  });

  const held = (name: string) => ownProcesses().find(({ command }) => command.includes(name))?.pid ?? 0;
  it.each([
    // The checker's container comes first: of it are the first upload and the first start.
    ['kill -9 of the job, while the checker judges', requests.start, 1, 'old', () => held('jobs/files.ts')],
    ['kill -9 of the plugin, during the upload', requests.upload, 2, 'old', () => held('resource-command')],
    ['Ctrl-C, before the switch', requests.start, 2, 'old', undefined],
  ] as const)('3.5: %s: the next `up` converges', async (what, request, nth, files, victim) => {
    const volume = await volumeOf(`${b.project}-prometheus`);
    const name = `killed${String(nth)}${files}${request === requests.upload ? 'u' : 's'}`;
    const before = await inForce(volume);
    extra(b, ruleFile, rule(name));
    rmSync(join(place, 'killed.sock'), { force: true });
    const gate = await gateAt(join(place, 'killed.sock'), request, 'hold', nth);
    const args = ['up', '--yes', '--skip-preview', '--non-interactive', '--stack', b.name];
    const run = start('pulumi', args, { detached: true, env: { DOCKER_HOST: gate.dockerHost } });
    try {
      await gate.reached;
      if (victim === undefined) process.kill(-(run.pid ?? 0), 'SIGINT');
      else process.kill(victim(), 'SIGKILL');
      // A plugin that is gone leaves the job that it has started.
      if (!what.includes('plugin')) await run;
    } finally {
      gate.close();
    }
    // The state names that address as the engine's: `npm run up` compares with it.
    symlinkSync(engineSocket, join(place, 'killed.sock'));
    const { exitCode } = await run;
    expect(exitCode).not.toBe(0);
    const there = await inForce(volume);
    expect(there).toEqual(before);
    const helpers = async () =>
      (await containersOf(b.name)).filter(({ Labels }) => Labels['dev.taffrail.job'] !== undefined);
    expect((await helpers()).length).toBeLessThan(2);

    // What was being made is in no state: only this one repairs that.
    const up = await b.npm('up');
    expect(up.code, up.output).toBe(0);
    expect(await rulesOf()).toContain(name);
    expect((await inForce(volume))['rules/killed.yml']).toBe(rule(name));
    expect(await helpers()).toEqual([]);
    expect((await services()).filter((line) => !line.endsWith(' running'))).toEqual([]);
  });

  it('3.18: after it all, no container of the other stack was touched', async () => {
    expect(await livesOf(a.name)).toEqual(livesOfA);
  });
});
