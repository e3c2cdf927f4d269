import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { each, faults, none, numbers } from '../lib/counted.ts';
import { docker, ensureNetwork, gone, logsOf, startContainer } from '../lib/engine.ts';
import { until } from '../lib/http.ts';
import { a, collected, counterCommand, ensureStacks } from '../lib/stacks.ts';
import { lines, type Stream, targetsDown } from '../lib/stores.ts';

const counter = 'e2e-restarts';
const down = () => targetsDown(a.project);

beforeAll(async () => {
  await ensureStacks();
  await ensureNetwork(counter);
});
afterAll(async () => {
  await docker.getContainer(counter).remove({ force: true, v: true }).catch(gone);
  await docker.getNetwork(counter).remove();
});

describe('a service that stops for a while', () => {
  it('3.20: no line is lost or doubled, and the order stays, when Promtail and then Loki are started anew in the middle', async () => {
    await startContainer({
      name: counter,
      labels: { [collected.label]: 'yes' },
      network: counter,
      // 150 a second, for as long as both need.
      command: counterCommand(each, 15),
      user: '65534:65534',
    });
    // Loki answers nothing while it starts.
    const arrived = async () =>
      numbers(await lines(a.project, `{container="${counter}"}`).catch((): Stream[] => []));
    const begun = await until(arrived, (list) => list.length > 0, { seconds: 30, every: 100 });
    await docker.getContainer(`${a.project}-promtail`).restart();
    await docker.getContainer(`${a.project}-loki`).restart();
    // The control: it happened while lines came.
    expect(begun.length).toBeGreaterThan(0);
    expect((await logsOf(counter)).split('\n').filter(Boolean).length).toBeLessThan(each);
    const found = await until(arrived, (list) => list.length >= each, { seconds: 60 });
    expect(faults(found)).toEqual(none);
    expect(found).toHaveLength(each);
  });

  it('A1: a target whose program stops is seen as down', async () => {
    // Loki was away a moment ago.
    expect(await until(down, (list) => list.length === 0, { seconds: 30 })).toEqual([]);
    // The control: what finds every target up must be able to find one down.
    const exporter = docker.getContainer(`${a.project}-postgres-exporter`);
    await exporter.pause();
    try {
      expect(await until(down, (list) => list.length > 0, { seconds: 30 })).toEqual([
        expect.stringMatching(/^postgres /),
      ]);
    } finally {
      await exporter.unpause();
    }
    expect(await until(down, (list) => list.length === 0, { seconds: 30 })).toEqual([]);
  });
});
