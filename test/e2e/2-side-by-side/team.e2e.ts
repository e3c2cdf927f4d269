import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CloudBeaverClient } from '../lib/cloudbeaver.ts';
import { docker, exec, inspect, startContainer } from '../lib/engine.ts';
import { basic, until } from '../lib/http.ts';
import { doorsOf, knock } from '../lib/reach.ts';
import { b, ensureStacks, stacks } from '../lib/stacks.ts';
import { metrics, prometheusPassword } from '../lib/stores.ts';
import { compose, team, teamSql } from '../lib/team.ts';

const client = 'e2e-team-client';
const role = 'taffrail_exporter';

beforeAll(async () => {
  await ensureStacks();
  await startContainer({ name: client, network: team.network, command: ['sleep', '600'] });
});
afterAll(async () => {
  await docker.getContainer(client).remove({ force: true, v: true });
});

/** The address of a name, as containers on the team's network see it. */
async function resolved(name: string): Promise<string | undefined> {
  const { stdout } = await exec(client, ['nslookup', name]);
  return /Name:\s*\S+\s+Address: (\S+)/.exec(stdout)?.[1];
}

/** HTTP's status of a request to Prometheus from the team's network; 0 without an answer. */
async function asked(address: string, headers: Record<string, string> = {}): Promise<number> {
  const lines = Object.entries(headers).map(([key, value]) => `${key}: ${value}\r\n`);
  const request = `GET /api/v1/query?query=up HTTP/1.0\r\n${lines.join('')}\r\n`;
  const script = '{ printf %s "$1"; sleep 1; } | timeout 5 nc "$0" 9090 | head -n 1';
  const { stdout } = await exec(client, ['sh', '-c', script, address, request]);
  return Number(/^HTTP\/1\.\d (\d+)/.exec(stdout)?.[1] ?? 0);
}

describe('a database of the team’s own', () => {
  it('S10: its exporter is up', async () => {
    const value = async (query: string) => (await metrics(b.project, query)).map((sample) => sample.value[1]);
    expect(
      await until(
        () => value('pg_up{instance="team"}'),
        ([up]) => up === '1',
      ),
    ).toEqual(['1']);
    expect(await value('up{job="postgres", instance="team"}')).toEqual(['1']);
    expect(await value(`pg_database_size_bytes{instance="team", datname="${team.database}"}`)).toHaveLength(
      1,
    );
  });

  it('S10: the role that was made there may log in and watch, and is no superuser', async () => {
    const rights = async (name: string) =>
      (
        await teamSql(
          `SELECT rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,
             pg_has_role(oid, 'pg_monitor', 'MEMBER'), pg_has_role(oid, 'pg_read_all_data', 'MEMBER'),
             has_table_privilege(oid, 'orders', 'SELECT') FROM pg_roles WHERE rolname = '${name}'`,
        )
      ).stdout.trim();
    const made = await teamSql('CREATE TABLE IF NOT EXISTS orders (id int)');
    expect(made.code, made.stderr).toBe(0);
    expect(await rights(role)).toBe('t|f|f|f|f|f|t|f|f');
    // The control: who made it may do everything.
    expect(await rights(team.admin)).toBe('t|t|t|t|t|t|t|t|t');
    // It is the one that asks.
    const users = `SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name = 'postgres-exporter-team'`;
    expect(
      (
        await until(
          () => teamSql(users),
          ({ stdout }) => stdout !== '',
          { seconds: 20, every: 100 },
        )
      ).stdout.trim(),
    ).toBe(role);
  });
});

describe('a network of the team’s own', () => {
  it('S3: who joins it is there under the chosen alias, and asks for credentials', async () => {
    const address = await resolved('metrics');
    const { NetworkSettings } = await inspect(`${b.project}-prometheus`);
    expect(address).toBe(NetworkSettings.Networks[team.network]?.IPAddress);
    expect(await asked(address ?? '')).toBe(401);
    expect(await asked(address ?? '', basic('taffrail', 'wrong-password-wrong-password'))).toBe(401);
    // The control: with the right one it answers.
    expect(await asked(address ?? '', basic('taffrail', await prometheusPassword(b.project)))).toBe(200);
  });

  it('S3: nobody else joins it, and nothing else of the stack answers there', async () => {
    const { NetworkSettings } = await inspect(`${b.project}-loki`);
    expect(Object.keys(NetworkSettings.Networks)).not.toContain(team.network);
    for (const name of ['loki', 'grafana', 'prometheus', 'nobody'])
      expect(await resolved(name), name).toBeUndefined();
    const doors = (await doorsOf(b.name)).filter(({ network }) => network === team.network);
    const answers = await knock(
      client,
      doors.map(({ address, port }) => `${address}:${String(port)}`),
    );
    const open = doors.filter(({ address, port }) => answers.get(`${address}:${String(port)}`) !== 'closed');
    // CloudBeaver shows the team's database, so it has to be where that is; its own sign-in is before it.
    const web = open.find(({ container }) => container === `${b.project}-cloudbeaver`);
    const stranger = new CloudBeaverClient(`http://${web?.address ?? ''}:${String(web?.port)}`);
    expect(
      (await stranger.tryAsk<{ userConnections: unknown[] }>('query { userConnections { id } }')).data
        ?.userConnections ?? [],
    ).toEqual([]);
    expect(open.map(({ container, port }) => `${container} ${String(port)}`).sort()).toEqual([
      `${b.project}-cloudbeaver 8978`,
      `${b.project}-prometheus 9090`,
    ]);
  });
});

describe('Docker’s own compose', () => {
  it('3.13: lists each stack as a project, and its services, beside the team’s', async () => {
    const { code, output } = await compose('ls', '--format', 'json');
    expect(code, output).toBe(0);
    const projects = JSON.parse(output) as { Name: string; Status: string }[];
    const status = Object.fromEntries(projects.map(({ Name, Status }) => [Name, Status]));
    for (const name of [team.project, ...stacks.map(({ project }) => project)])
      expect(status[name]).toMatch(/\brunning\(\d+\)/);
    const ps = await compose('-p', b.project, 'ps', '--services');
    expect(ps.output.split('\n')).toEqual(
      expect.arrayContaining(['grafana', 'loki', 'prometheus', 'promtail']),
    );
  });
});
