import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addressOf, docker, inspect, lifeOf, runOnce } from '../lib/engine.ts';
import { basic, json, until } from '../lib/http.ts';
import { inForce } from '../lib/jobs.ts';
import { inShell } from '../lib/stack.ts';
import { addressOfB, b, ensureStacks, extra, ports } from '../lib/stacks.ts';
import { metrics, prometheus, samples } from '../lib/stores.ts';

const container = `${b.project}-prometheus`;
const original = () => b.settings()['prometheus'] as Record<string, unknown>;
/** A stack trace is no answer to a person's mistake. */
const stackTrace = /\n\s+at .*:\d+:\d+/;
let before: Record<string, unknown>;
let grafanaBefore: Record<string, unknown>;
let promtailBefore: Record<string, unknown>;

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
  promtailBefore = b.settings()['promtail'] as Record<string, unknown>;
  const { passwords } = (await b.outputs()) as { passwords: Record<string, string> };
  admin = basic('admin', passwords['grafana'] ?? '');
});
afterAll(() => {
  b.configure({
    prometheus: before,
    grafana: grafanaBefore,
    promtail: promtailBefore,
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
    // It names the files that change, and no others.
    const named = preview.differences.filter((difference) => difference.includes('.files['));
    expect([...new Set(named)].sort()).toEqual([
      'grafana-files: triggers[0].files["dashboards/Extra/own.json"]',
      'prometheus-files: triggers[0].files["prometheus.yml"]',
    ]);
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
  let config: string;

  it('3.14 3.22: a rejected file is told in promtool’s own words, with file and line, and harms nothing', async () => {
    const life = await lifeOf(container);
    config = await runningConfig(b.project);
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
    expect(up.errors).toMatch(/promtool refuses the new files; nothing was changed\. Output:/);
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
    // Each failure is told, and which files the program runs.
    expect(up.errors).toMatch(/Grafana has the new files\. .*POST \/api\/admin\/users answered 412/s);
    for (const job of ['prometheus-files', 'grafana-reload'])
      expect(up.output).toMatch(new RegExp(` ${job} .*failed`));
  });

  it('3.14 3.22: with the old rules again, a plain `up` converges; and it repeats the other job, whose cause is gone', async () => {
    extra(b, 'rules/own.yml');
    const removed = await fetch(`${grafana}/api/admin/users/${String(taken)}`, {
      method: 'DELETE',
      headers: admin,
    });
    expect(removed.status).toBe(200);
    // The control: nobody has repeated it yet.
    expect(await signIn('carl', carlPassword)).toBe(401);
    const again = await b.up();
    expect(again.code, again.output).toBe(0);
    // What failed is in no state: nothing has to be named to run again.
    for (const job of ['prometheus-files', 'grafana-reload'])
      expect(again.steps.filter((step) => step.includes(` ${job}`)).join(), job).toMatch(/create/);
    expect(await signIn('carl', carlPassword)).toBe(200);
    expect(await runningConfig(b.project)).toBe(config);
  });

  it('3.14: refused once more and then mended, a plain `up` delivers it', async () => {
    extra(b, 'rules/own.yml', bad);
    expect((await b.up()).code).not.toBe(0);
    extra(b, 'rules/own.yml', good);
    const mended = await b.up();
    expect(mended.code, mended.output).toBe(0);
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
    // Somebody has changed a file of Loki by hand, which no state shows: it is delivered again as the documentation says.
    const [volume = ''] = (await inspect(`${b.project}-loki`)).Mounts.flatMap(({ Name = '' }) =>
      Name.startsWith('loki-config') ? [Name] : [],
    );
    const written = await inForce(volume);
    await runOnce({
      name: 'e2e-tampered',
      network: 'none',
      binds: [`${volume}:/v`],
      command: ['sh', '-c', 'for file in /v/current/*.y*ml; do echo "# by hand" >>$file; done'],
    });
    expect(await inForce(volume)).not.toEqual(written);
    const urns = await inShell(`pulumi stack -s ${b.name} --show-urns | grep -e '-files$'`);
    const urn = /urn:\S+::loki-files$/m.exec(urns.output)?.[0] ?? '';
    expect(urn, urns.output).toContain('$command:local:Command::');
    const up = await b.up('--replace', urn);
    expect(up.code, up.output).toBe(0);
    const others = up.steps.filter((step) => !/prometheus|grafana/.test(step));
    expect(new Set(others.map((step) => step.split(' ')[1]))).toEqual(
      new Set(['loki-files', 'loki-restart']),
    );
    expect(await inForce(volume)).toEqual(written);
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
  it('3.3 3.14 3.22: `status` shows it, up fails with its last lines and the line to type; once it runs again a plain `up` converges without another edit', async () => {
    const promtail = `${b.project}-promtail`;
    await docker.getContainer(promtail).stop();
    // 3.3: seen on the one screen, too.
    expect((await b.npm('status')).output).toMatch(/^promtail +exited \(\d+\) /m);
    b.configure({
      promtail: { ...promtailBefore, refresh: '3s' },
      grafana: grafanaBefore,
      bobPassword: undefined,
    });
    extra(b, dashboardFile);
    // Native: `npm run up` would have started the service itself.
    const failed = await inShell(`pulumi up -s ${b.name} --yes --skip-preview --non-interactive`);
    expect(failed.code).not.toBe(0);
    expect(failed.output).toMatch(/promtail-reload \S*\*\*creating failed\*\*/);
    expect(failed.output).toMatch(
      /Promtail does not run: it ended with exit code \d+\. Its last lines:\n\s+.*level=/,
    );
    expect(failed.output).toContain(
      `Stack ${b.name} needs repair: promtail does not run. Run:\n  npm run up -- -s ${b.name}`,
    );
    expect(failed.output).not.toMatch(stackTrace);

    await docker.getContainer(promtail).start();
    const again = await b.up();
    expect(again.code, again.output).toBe(0);
    expect(new Set(again.steps.map((step) => step.split(' ')[1]))).toEqual(new Set(['promtail-reload']));
    const { body } = await json<string>(`http://${await addressOf(promtail, '-stores')}:9080/config`);
    expect(body).toMatch(/refresh_interval: 3s/);
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
