import { beforeAll, describe, expect, it } from 'vitest';
import { inspect, logsOf } from './lib/engine.ts';
import { until } from './lib/http.ts';
import { b, ensureStacks } from './lib/stacks.ts';
import { inOrder, lines, prometheus } from './lib/stores.ts';

const services = ['loki', 'prometheus'] as const;
const ids = async () =>
  Promise.all(services.map(async (service) => (await inspect(`${b.project}-${service}`)).Id));

interface Range {
  result: { values: [number, string][] }[];
}
/** Prometheus's own samples of `up` before a moment (seconds of the epoch). */
async function samplesBefore(moment: number): Promise<[number, string][]> {
  const { result } = await prometheus<Range>(b.project, 'query', {
    query: 'up{job="prometheus"}[10m]',
    time: String(moment),
  });
  return result[0]?.values ?? [];
}

beforeAll(async () => {
  await ensureStacks();
});

describe('a replaced container', () => {
  it('3.22: keeps what its volume holds: log lines and samples from before are there, none twice', async () => {
    const before = await ids();
    const selector = `{project="${b.project}", service="postgres"}`;
    const wanted = (await logsOf(`${b.project}-postgres`)).split('\n').filter(Boolean).length;
    const written = inOrder(
      await until(
        () => lines(b.project, selector, 3),
        (found) => inOrder(found).length >= wanted,
      ),
    );
    expect(written.length).toBeGreaterThan(3);
    const moment = Math.floor(Date.now() / 1000);
    const scraped = await samplesBefore(moment);
    expect(scraped.length).toBeGreaterThan(3);

    const { loki, prometheus: metrics } = b.settings();
    // Both are read at the start only, so both containers are made anew.
    b.configure({
      loki: { ...(loki as object), retention: '20d' },
      prometheus: { ...(metrics as object), retention: '20d' },
    });
    const up = await b.up();
    expect(up.code, up.output).toBe(0);
    const after = await ids();
    expect(after.filter((id) => before.includes(id))).toEqual([]);

    const kept = inOrder(
      await until(
        () => lines(b.project, selector, 3),
        (found) => inOrder(found).length >= written.length,
      ),
    );
    expect(kept.slice(0, written.length)).toEqual(written);
    expect(await samplesBefore(moment)).toEqual(scraped);
  });
});
