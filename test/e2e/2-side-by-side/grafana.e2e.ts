import { beforeAll, describe, expect, it } from 'vitest';
import { logsOf } from '../lib/engine.ts';
import { basic, json, until } from '../lib/http.ts';
import { onRig } from '../lib/place.ts';
import { a, addressOfB, b, ensureStacks, ports } from '../lib/stacks.ts';

const base = `http://127.0.0.1:${String(ports[a.name]?.grafana)}`;
const baseB = `http://${addressOfB}:${String(ports[b.name]?.grafana)}`;
let admin: Record<string, string> = {};
let anna: Record<string, string> = {};

interface Datasource {
  uid: string;
  name: string;
  type: string;
  isDefault: boolean;
  readOnly: boolean;
}
interface Frames {
  results: Record<string, { error?: string; frames?: { data: { values: unknown[][] } }[] }>;
}

beforeAll(async () => {
  const { secrets } = await ensureStacks();
  admin = basic('admin', secrets['grafanaAdminPassword'] ?? '');
  anna = basic('anna', secrets['annaPassword'] ?? '');
});

/** How many values a datasource's answer to one query has. */
async function values(uid: string, query: Record<string, unknown>): Promise<number> {
  const { status, body } = await json<Frames>(`${base}/api/ds/query`, {
    headers: admin,
    body: {
      from: 'now-15m',
      to: 'now',
      queries: [{ refId: 'A', datasource: { uid }, intervalMs: 5000, maxDataPoints: 200, ...query }],
    },
  });
  expect(status, JSON.stringify(body)).toBe(200);
  return (body.results['A']?.frames ?? []).reduce((sum, { data }) => sum + (data.values[0]?.length ?? 0), 0);
}

describe('Grafana', () => {
  it('A4 S8: the administrator and a further user sign in with the given passwords, and nobody else does', async () => {
    expect((await json(`${base}/api/user`, { headers: admin })).body).toMatchObject({
      login: 'admin',
      isGrafanaAdmin: true,
    });
    expect((await json(`${base}/api/user`, { headers: anna })).body).toMatchObject({
      login: 'anna',
      isGrafanaAdmin: false,
    });
    // A Viewer may not look at users.
    expect((await json(`${base}/api/org/users`, { headers: anna })).status).toBe(403);
    expect((await json(`${base}/api/user`, { headers: basic('admin', 'admin') })).status).toBe(401);
  });

  it('S8: the generated password of the other stack works there, and that of this one does not', async () => {
    const { passwords } = (await b.outputs()) as { passwords: Record<string, string> };
    expect(passwords['grafana']?.length).toBeGreaterThanOrEqual(24);
    const generated = basic('admin', passwords['grafana'] ?? '');
    expect((await json(`${baseB}/api/user`, { headers: generated })).status).toBe(200);
    // Asked of that stack: five wrong passwords in five minutes would lock the administrator that later files need.
    expect((await json(`${baseB}/api/user`, { headers: admin })).status).toBe(401);
  });

  it('S8: anonymous access and sign-up are refused', async () => {
    for (const path of ['/api/user', '/api/org', '/api/search', '/api/datasources', '/api/dashboards/home']) {
      expect((await json(`${base}${path}`)).status, path).toBe(401);
    }
    expect((await json(`${base}/api/ds/query`, { body: { queries: [] } })).status).toBe(401);
    const signUp = await json(`${base}/api/user/signup`, { body: { email: 'x@example.com' } });
    expect(signUp.status).toBeGreaterThanOrEqual(400);
  });

  it('A4: Loki is the default datasource, Prometheus is there; both are healthy and read-only', async () => {
    const { body } = await json<Datasource[]>(`${base}/api/datasources`, { headers: admin });
    const byUid = Object.fromEntries(body.map((source) => [source.uid, source]));
    expect(byUid['loki']).toMatchObject({ type: 'loki', isDefault: true, readOnly: true });
    expect(byUid['prometheus']).toMatchObject({ type: 'prometheus', isDefault: false, readOnly: true });
    for (const uid of ['loki', 'prometheus']) {
      const health = await json<{ status: string }>(`${base}/api/datasources/uid/${uid}/health`, {
        headers: admin,
      });
      expect(health.body, uid).toMatchObject({ status: 'OK' });
      const changed = await fetch(`${base}/api/datasources/uid/${uid}`, { method: 'DELETE', headers: admin });
      expect(changed.status, uid).toBeGreaterThanOrEqual(400);
    }
  });

  it('A4: a panel’s query returns data, from Prometheus and from Loki', async () => {
    expect(
      await until(
        () => values('prometheus', { expr: 'up', range: true }),
        (count) => count > 0,
      ),
    ).toBeGreaterThan(0);
    expect(
      await until(
        () => values('loki', { expr: '{service="bot"}', queryType: 'range', maxLines: 50 }),
        (count) => count > 0,
      ),
    ).toBeGreaterThan(0);
    // The control: a query for nothing brings nothing.
    expect(await values('prometheus', { expr: 'up{job="nobody"}', range: true })).toBe(0);
  });

  it('A4: every panel of every dashboard that came along runs without an error', async () => {
    const { body: found } = await json<{ uid: string }[]>(`${base}/api/search?type=dash-db`, {
      headers: admin,
    });
    expect(found.length).toBeGreaterThan(0);
    for (const { uid } of found) {
      const { body } = await json<{
        dashboard: { panels: Panel[] };
        meta: { provisioned?: boolean; canSave?: boolean };
      }>(`${base}/api/dashboards/uid/${uid}`, { headers: admin });
      for (const panel of body.dashboard.panels) {
        for (const target of panel.targets ?? []) {
          const source = (target['datasource'] as { uid?: string } | undefined)?.uid ?? panel.datasource?.uid;
          // `$__…` is for the server to fill; a variable would be for the browser.
          if (!source || /\$(?!__)/.test(JSON.stringify(target))) continue;
          const answer = await json<Frames>(`${base}/api/ds/query`, {
            headers: admin,
            body: {
              from: 'now-15m',
              to: 'now',
              queries: [{ intervalMs: 5000, maxDataPoints: 100, ...target, datasource: { uid: source } }],
            },
          });
          const errors = Object.values(answer.body.results).flatMap(({ error }) => (error ? [error] : []));
          expect(errors, `${uid}, panel ${panel.title ?? ''}`).toEqual([]);
        }
      }
    }
  });
});

describe('what stands in for Grafana', () => {
  it('3.9: says so in its log, its health, its page and its refusals; the real one says no such thing', async () => {
    const health = await json<{ commit: string }>(`${base}/api/health`);
    const page = await json<string>(`${base}/login`);
    const unknown = await json<{ message: string }>(`${base}/api/e2e-nowhere`, { headers: admin });
    const made = await json<{ message: string }>(`${base}/api/datasources`, {
      headers: admin,
      body: { name: 'e2e', type: 'prometheus', url: 'http://127.0.0.1:1', access: 'proxy' },
    });
    expect(unknown.status).toBe(404);
    const said = {
      log: await logsOf(`${a.project}-grafana`),
      health: health.body.commit,
      page: JSON.stringify(page.body),
      unknown: unknown.body.message,
      made: made.body.message,
    };
    for (const [where, words] of Object.entries(said)) expect(/stand-in/.test(words), where).toBe(onRig);
  });
});

interface Panel {
  title?: string;
  datasource?: { uid?: string };
  targets?: Record<string, unknown>[];
}
