import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { docker, inspect, lifeOf } from '../lib/engine.ts';
import { basic, json, until } from '../lib/http.ts';
import { inShell } from '../lib/stack.ts';
import { addressOfB, b, ensureStacks, extra, ports } from '../lib/stacks.ts';
import { metrics, prometheus, samples } from '../lib/stores.ts';

const container = `${b.project}-prometheus`;
const original = () => b.settings()['prometheus'] as Record<string, unknown>;
/** A stack trace is no answer to a person's mistake. */
const stackTrace = /\n\s+at .*:\d+:\d+/;
let before: Record<string, unknown>;
let grafanaBefore: Record<string, unknown>;

const grafana = `http://${addressOfB}:${String(ports[b.name]?.grafana)}`;
const dashboardFile = 'dashboards/own.json';
const dashboard = (title: string) => JSON.stringify({ uid: 'own', title, panels: [] });
const [firstPassword, secondPassword, carlPassword] = [
  'canary-bob-first-0123456789',
  'canary-bob-second-0123456789',
  'canary-carl-0123456789',
];
let admin: Record<string, string>;
/** The title of a dashboard, or the status of the refusal. */
async function titleOf(uid: string): Promise<string | number> {
  const { status, body } = await json<{ dashboard: { title: string } }>(
    `${grafana}/api/dashboards/uid/${uid}`,
    { headers: admin },
  );
  return status === 200 ? body.dashboard.title : status;
}
const signIn = async (login: string, password: string): Promise<number> =>
  (await json(`${grafana}/api/user`, { headers: basic(login, password) })).status;

beforeAll(async () => {
  await ensureStacks();
  before = original();
  grafanaBefore = b.settings()['grafana'] as Record<string, unknown>;
  const { passwords } = (await b.outputs()) as { passwords: Record<string, string> };
  admin = basic('admin', passwords['grafana'] ?? '');
});
afterAll(() => {
  b.configure({
    prometheus: before,
    grafana: grafanaBefore,
    bobPassword: undefined,
    carlPassword: undefined,
  });
  extra(b, 'rules/own.yml');
  extra(b, dashboardFile);
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
  let lifeOfGrafana: string;

  it('3.14 3.22: an own scrape job is taken up without a restart and without a missed scrape', async () => {
    const [life, begun] = [await lifeOf(container), Date.now()];
    lifeOfGrafana = await lifeOf(`${b.project}-grafana`);
    await b.setSecrets({ bobPassword: firstPassword });
    b.configure({
      prometheus: { ...before, scrapeJobs: [{ name: 'own', targets: ['127.0.0.1:9091'], interval: '3s' }] },
      grafana: { ...grafanaBefore, users: [{ login: 'bob', password: 'bobPassword' }] },
    });
    extra(b, dashboardFile, dashboard('First'));
    const preview = await b.preview();
    // The preview says what will happen: a reload, not a restart.
    for (const job of ['prometheus-reload', 'grafana-reload'])
      expect(
        preview.steps.some((step) => step.includes(job)),
        job,
      ).toBe(true);
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

  it('3.14 S8: the same up brought Grafana an own dashboard and a user, without a restart', async () => {
    expect(await titleOf('own')).toBe('First');
    expect(await signIn('bob', firstPassword)).toBe(200);
    expect(await lifeOf(`${b.project}-grafana`)).toBe(lifeOfGrafana);
    // What a person makes in the browser is none of Taffrail's: seen again when the others are gone.
    const made = await json(`${grafana}/api/dashboards/db`, {
      headers: admin,
      body: { dashboard: { uid: 'by-hand', title: 'By hand', panels: [] } },
    });
    expect(made.status, JSON.stringify(made.body)).toBe(200);
  });
});

describe('an edit that fails', () => {
  const good = 'groups:\n  - name: own\n    rules:\n      - record: own:up\n        expr: sum(up)\n';
  const bad = 'groups:\n  - name: own\n    rules:\n      - record: own:up\n        expr: sum(up\n';
  const email = 'carl@example.com';
  const users = [
    { login: 'bob', password: 'bobPassword' },
    { login: 'carl', email, password: 'carlPassword' },
  ];
  let taken: number;
  /** What the failed job tells to type. */
  let line: string | undefined;

  it('3.14 3.22: a rejected file is told in promtool’s own words, with file and line, and harms nothing', async () => {
    const [life, config] = [await lifeOf(container), await runningConfig(b.project)];
    // Beside it, one that fails for a cause outside of the settings: somebody has that address.
    const robert = await json<{ id: number }>(`${grafana}/api/admin/users`, {
      headers: admin,
      body: { login: 'robert', email, password: 'by-hand-0123456789' },
    });
    expect(robert.status, JSON.stringify(robert.body)).toBe(200);
    taken = robert.body.id;
    await b.setSecrets({ carlPassword });
    b.configure({ grafana: { ...grafanaBefore, users } });
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
    // Each failure is told, with a line to type.
    expect(up.errors).toMatch(/grafana-reload failed/);
    expect(up.errors).toMatch(/POST \/api\/admin\/users answered 412 instead of 200/);
    line = new RegExp(`pulumi up -s ${b.name} --replace '[^']*grafana-reload'`).exec(up.output)?.[0];
    expect(line, up.output).toBeDefined();
  });

  it('3.14 3.22: corrected, an up converges by itself; the line that the other job printed repeats that one, once its cause is gone', async () => {
    extra(b, 'rules/own.yml', good);
    const removed = await fetch(`${grafana}/api/admin/users/${String(taken)}`, {
      method: 'DELETE',
      headers: admin,
    });
    expect(removed.status).toBe(200);
    // The control: nobody has repeated it yet.
    expect(await signIn('carl', carlPassword)).toBe(401);
    // As a person copies it; only the questions are left out.
    const again = await inShell(`${line ?? 'false'} --yes --skip-preview --non-interactive`);
    expect(again.code, again.output).toBe(0);
    expect(await signIn('carl', carlPassword)).toBe(200);
    const value = await until(
      () => metrics(b.project, 'own:up'),
      (found) => found.length > 0,
      { seconds: 30 },
    );
    expect(value).toHaveLength(1);
  });
});

describe('what is changed and what is taken away', () => {
  it('3.14: a rule and a scrape job are gone from the running configuration, and nothing else is touched', async () => {
    extra(b, 'rules/own.yml');
    extra(b, dashboardFile, dashboard('Second'));
    await b.setSecrets({ bobPassword: secondPassword });
    b.configure({
      prometheus: before,
      grafana: { ...grafanaBefore, users: [{ login: 'bob', password: 'bobPassword' }] },
      carlPassword: undefined,
    });
    expect(await titleOf('own')).toBe('First');
    const up = await b.up();
    expect(up.code, up.output).toBe(0);
    expect(up.steps.filter((step) => !/prometheus|grafana/.test(step))).toEqual([]);
    const { groups } = await prometheus<{ groups: { name: string }[] }>(b.project, 'rules');
    expect(groups.map(({ name }) => name)).not.toContain('own');
    expect(await interval('own')).toBeUndefined();
  });

  it('3.14 S8: the same up changed the dashboard and the user’s password; the user who left is gone', async () => {
    expect(await titleOf('own')).toBe('Second');
    expect(await signIn('bob', secondPassword)).toBe(200);
    expect(await signIn('bob', firstPassword)).toBe(401);
    const lookup = await json(`${grafana}/api/users/lookup?loginOrEmail=carl`, { headers: admin });
    expect(lookup.status).toBe(404);
  });
});

describe('a service that is down during an edit', () => {
  it('3.3 3.14 3.22: `status` shows it, up fails with the line to type; once it runs again that line converges without another edit', async () => {
    await docker.getContainer(container).stop();
    // 3.3: seen on the one screen, too.
    expect((await b.npm('status')).output).toMatch(/^prometheus +exited \(\d+\) /m);
    b.configure({
      prometheus: { ...before, scrapeInterval: '4s' },
      grafana: grafanaBefore,
      bobPassword: undefined,
    });
    extra(b, dashboardFile);
    // Native: `npm run up` would have started the service itself.
    const failed = await inShell(`pulumi up -s ${b.name} --yes --skip-preview --non-interactive`);
    expect(failed.code).toBe(1);
    expect(failed.output).toMatch(/prometheus-reload \*\*creating failed\*\*/);
    expect(failed.output).toContain(
      `Stopped in the stack ${b.name}: prometheus. To start it and go on:\n  npm run up -- -s ${b.name}`,
    );
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
    expect(again.output).toContain('prometheus-reload');
  });

  it('3.14 S8: the dashboard and the user that left the settings are gone; what a person made stays', async () => {
    expect(await titleOf('own')).toBe(404);
    expect(await signIn('bob', secondPassword)).toBe(401);
    const lookup = await json(`${grafana}/api/users/lookup?loginOrEmail=bob`, { headers: admin });
    expect(lookup.status).toBe(404);
    expect(await titleOf('by-hand')).toBe('By hand');
    const path = `${grafana}/api/dashboards/uid/by-hand`;
    expect((await fetch(path, { method: 'DELETE', headers: admin })).status).toBe(200);
  });
});
