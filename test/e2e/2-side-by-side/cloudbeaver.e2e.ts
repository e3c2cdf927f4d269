import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { CloudBeaverClient } from '../lib/cloudbeaver.ts';
import { exec, logsOf } from '../lib/engine.ts';
import { json } from '../lib/http.ts';
import { onRig } from '../lib/place.ts';
import { a, ensureStacks, ports } from '../lib/stacks.ts';

const base = `http://127.0.0.1:${String(ports[a.name]?.cloudbeaver)}`;
let password = '';

beforeAll(async () => {
  password = (await ensureStacks()).secrets['cloudbeaverAdminPassword'] ?? '';
  const made = await exec(`${a.project}-postgres`, [
    ...['psql', '-v', 'ON_ERROR_STOP=1', '-U', 'postgres', '-c'],
    'CREATE TABLE IF NOT EXISTS users_e2e (id int primary key, name text); INSERT INTO users_e2e VALUES (1, $$anna$$), (2, $$boris$$) ON CONFLICT DO NOTHING',
  ]);
  expect(made.code, made.stderr + made.stdout).toBe(0);
});

describe('CloudBeaver', () => {
  it('A5 A2: signed in, the connection is there, tables are browsed, a query runs; no wizard, no password asked', async () => {
    // One sign-in a second for a user.
    await sleep(1100);
    const client = new CloudBeaverClient(base);
    const { errors } = await client.login('cbadmin', password);
    expect(errors ?? []).toEqual([]);
    const connections = await client.connections();
    expect(connections).toHaveLength(1);
    const { id = '', projectId } = connections[0] ?? {};
    const root = await client.open(id, projectId);
    expect(await client.find(root, 'users_e2e')).toBeDefined();
    const rows = await client.query(id, 'SELECT id, name FROM users_e2e ORDER BY id', projectId);
    expect(rows.map(([, name]) => name)).toEqual(['anna', 'boris']);
    // Without having signed in: no connection is shown, and this one cannot be used.
    const stranger = new CloudBeaverClient(base);
    expect(
      (await stranger.tryAsk<{ userConnections: unknown[] }>('query { userConnections { id } }')).data
        ?.userConnections ?? [],
    ).toEqual([]);
    await expect(stranger.open(id, projectId)).rejects.toThrow();
    await expect(stranger.query(id, 'SELECT 1', projectId)).rejects.toThrow();
    // The control: a wrong statement is an error, not an empty answer.
    await expect(client.query(id, 'SELECT * FROM no_such_table', projectId)).rejects.toThrow(/no_such_table/);
  });

  it('S8 A5: a wrong password is refused', async () => {
    await sleep(1100);
    expect(
      (await new CloudBeaverClient(base).login('cbadmin', 'wrong-password-wrong')).errors?.length,
    ).toBeGreaterThan(0);
  });
});

describe('what stands in for CloudBeaver', () => {
  it('3.9: says so in its log, on its page and when it refuses; the real one says no such thing', async () => {
    const page = await json<string>(base);
    const unknown = await json<unknown>(`${base}/api/gql`, { body: { query: '{ e2eNowhere }' } });
    const said = {
      log: await logsOf(`${a.project}-cloudbeaver`),
      page: JSON.stringify(page.body),
      unknown: JSON.stringify(unknown.body),
    };
    for (const [where, words] of Object.entries(said)) expect(/stand-in/.test(words), where).toBe(onRig);
  });
});
