import { beforeAll, describe, expect, it } from 'vitest';
import { docker, inspect, logsOf } from '../lib/engine.ts';
import { until } from '../lib/http.ts';
import { inShell } from '../lib/stack.ts';
import { a, b, ensureStacks } from '../lib/stacks.ts';
import { inOrder, lines, prometheus } from '../lib/stores.ts';

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
      // For the tests below, which need no further `up`.
      production: true,
      collector: { keep: 'all' },
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

  it('S2: a stack that is told to collects the lines of all containers', async () => {
    const theirs = `{project="${a.project}", service="bot"}`;
    // Before, it had its own only: 2-side-by-side/logs looks.
    expect(
      await until(
        () => lines(b.project, theirs),
        (found) => found.length > 0,
      ),
    ).not.toEqual([]);
  });

  it('3.13: the volumes of a stack that is marked as production are not deleted', async () => {
    const volumes = async () =>
      (await docker.listVolumes()).Volumes.map(({ Name }) => Name)
        .filter((name) => name.startsWith(b.project))
        .sort();
    const before = await volumes();
    const down = await b.npm('down', '--yes');
    expect(down.code).toBe(1);
    expect(down.output).toMatch(/Nothing was changed: .*prometheus-data.* are protected/);
    expect(down.output).toContain(`pulumi state unprotect --all --yes -s ${b.name}`);
    expect(await volumes()).toEqual(before);
    expect((await ids()).length).toBe(2);
    // The control: a stack that is not marked goes, in 7-down; once the mark is taken away.
    b.configure({ production: undefined, collector: undefined });
    const unprotect = await inShell(`pulumi state unprotect --all --yes -s ${b.name}`);
    expect(unprotect.code, unprotect.output).toBe(0);
  });
});
