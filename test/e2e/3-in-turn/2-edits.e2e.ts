import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { containersOf, docker, inspect, lifeOf, nameOf } from '../lib/engine.ts';
import { until } from '../lib/http.ts';
import { a, b, ensureStacks, extra } from '../lib/stacks.ts';
import { metrics, prometheus, samples } from '../lib/stores.ts';

const container = `${b.project}-prometheus`;
const original = () => b.settings()['prometheus'] as Record<string, unknown>;
/** A stack trace is no answer to a person's mistake. */
const stackTrace = /\n\s+at .*:\d+:\d+/;
const livesOf = async (stack: string) =>
  Promise.all((await containersOf(stack)).map((one) => lifeOf(nameOf(one))));
let before: Record<string, unknown>;
let livesOfA: string[];

beforeAll(async () => {
  await ensureStacks();
  before = original();
  livesOfA = await livesOf(a.name);
});
afterAll(() => {
  b.configure({ prometheus: before });
  extra(b, 'rules/own.yml');
});

const runningConfig = async (project: string): Promise<string> =>
  (await prometheus<{ yaml: string }>(project, 'status/config')).yaml;
const interval = async (job: string): Promise<string | undefined> =>
  (
    await prometheus<{ activeTargets: { labels: Record<string, string>; scrapeInterval: string }[] }>(
      b.project,
      'targets',
    )
  ).activeTargets.find(({ labels }) => labels['job'] === job)?.scrapeInterval;
/** The longest time between two scrapes of Prometheus itself within the last so many seconds. */
async function longestGap(seconds: number): Promise<number> {
  const [series] = await samples(b.project, 'up{job="prometheus"}', `${String(seconds)}s`);
  const stamps = (series?.values ?? []).map(([stamp]) => stamp);
  expect(stamps.length).toBeGreaterThan(1);
  return Math.max(...stamps.slice(1).map((stamp, index) => stamp - (stamps[index] ?? 0)));
}

describe('a live edit', () => {
  it('3.14 3.22: an own scrape job is taken up without a restart and without a missed scrape', async () => {
    const [life, begun] = [await lifeOf(container), Date.now()];
    b.configure({
      prometheus: { ...before, scrapeJobs: [{ name: 'own', targets: ['127.0.0.1:9091'], interval: '3s' }] },
    });
    const preview = await b.preview();
    // The preview says what will happen: a reload, not a restart.
    expect(preview.steps.some((step) => step.includes('prometheus-reload'))).toBe(true);
    expect(preview.steps.filter((step) => /-restart\b/.test(step))).toEqual([]);
    const up = await b.up();
    expect(up.code, up.output).toBe(0);
    expect(await interval('own')).toBe('3s');
    expect(
      (
        await until(
          () => metrics(b.project, 'up{job="own"}'),
          (found) => found.length > 0,
        )
      ).length,
    ).toBe(1);
    expect(await lifeOf(container)).toBe(life);
    await sleep(6000);
    // Every 5 s, and never later: a reload does not shift the scrapes.
    expect(await longestGap(Math.ceil((Date.now() - begun) / 1000) + 5)).toBeLessThan(7.5);
  });
});

describe('a broken edit', () => {
  const good = 'groups:\n  - name: own\n    rules:\n      - record: own:up\n        expr: sum(up)\n';
  const bad = 'groups:\n  - name: own\n    rules:\n      - record: own:up\n        expr: sum(up\n';

  it('3.14 3.22: fails with promtool’s own words, file and line, and harms nothing', async () => {
    const [life, config] = [await lifeOf(container), await runningConfig(b.project)];
    extra(b, 'rules/own.yml', bad);
    const up = await b.up();
    expect(up.code).not.toBe(0);
    expect(up.errors).toMatch(/own\.yml/);
    expect(up.errors).toMatch(/unclosed left parenthesis/);
    // Line 5 of the file is where the expression stands.
    expect(up.errors).toMatch(/own\.yml:? ?\D{0,12}(4|5):|group "own", rule 1/);
    expect(up.output).not.toMatch(stackTrace);
    expect(await lifeOf(container)).toBe(life);
    expect(await runningConfig(b.project)).toBe(config);
    expect(
      (await metrics(b.project, 'prometheus_config_last_reload_successful')).map(({ value }) => value[1]),
    ).toEqual(['1']);
  });

  it('3.14: corrected, the next up converges by itself', async () => {
    extra(b, 'rules/own.yml', good);
    const up = await b.npm('up');
    expect(up.code, up.output).toBe(0);
    const value = await until(
      () => metrics(b.project, 'own:up'),
      (found) => found.length > 0,
      { seconds: 30 },
    );
    expect(value).toHaveLength(1);
  });

  it('3.14: what is taken away is gone from the running configuration, and nothing else is touched', async () => {
    extra(b, 'rules/own.yml');
    b.configure({ prometheus: before });
    const up = await b.up();
    expect(up.code, up.output).toBe(0);
    expect(up.steps.filter((step) => !/prometheus/.test(step))).toEqual([]);
    const { groups } = await prometheus<{ groups: { name: string }[] }>(b.project, 'rules');
    expect(groups.map(({ name }) => name)).not.toContain('own');
    expect(await interval('own')).toBeUndefined();
  });
});

describe('a service that is down during an edit', () => {
  it('3.3 3.14 3.22: `status` shows it, up fails; once it runs again the next up converges without another edit', async () => {
    await docker.getContainer(container).stop();
    // 3.3: seen on the one screen, too.
    expect((await b.npm('status')).output).toMatch(/^prometheus +exited \(\d+\) /m);
    b.configure({ prometheus: { ...before, scrapeInterval: '4s' } });
    // Native: `npm run up` would have started the service itself.
    const failed = await b.up();
    expect(failed.code).not.toBe(0);
    expect(failed.errors).toMatch(/prometheus/);
    expect(failed.output).not.toMatch(stackTrace);

    await docker.getContainer(container).start();
    await until(
      async () => (await inspect(container)).State.Health?.Status,
      (status) => status === 'healthy',
    );
    const again = await b.npm('up');
    expect(again.code, again.output).toBe(0);
    expect(
      await until(
        () => runningConfig(b.project),
        (yaml) => yaml.includes('scrape_interval: 4s'),
      ),
    ).toContain('scrape_interval: 4s');
  });

  it('3.18: after it all, no container of the other stack was touched', async () => {
    expect(await livesOf(a.name)).toEqual(livesOfA);
  });
});
