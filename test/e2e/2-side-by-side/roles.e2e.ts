// S10: the roles of exporters on the team's own databases, by the very jobs of the stack, started as the command plugin
// starts them. The roles have names of their own; that of stack B's exporter is not touched.
import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { warningMark } from '../../../components/jobs/database.ts';
import { imageTag } from '../../../configs/images.ts';
import { currentConfig } from '../../../configs/paths.ts';
import { type Ran, runProgram, stackConfig } from '../../components/harness.ts';
import { container, imageKeyOf, running, secretsOf } from '../../components/look.ts';
import { docker, exec } from '../lib/engine.ts';
import { until } from '../lib/http.ts';
import { helpersOf, jobNamed, pinned, realImage, runJob } from '../lib/jobs.ts';
import { ownLabel } from '../lib/place.ts';
import { ensureStacks } from '../lib/stacks.ts';
import { team, teamRedis, teamSql } from '../lib/team.ts';

const [given, made] = ['e2e_given', 'e2e_made'];
const secret = () => randomBytes(12).toString('hex');
const passwords = { given: secret(), made: secret(), admin: '' };
const table = 'e2e_roles_secrets';

beforeAll(async () => {
  passwords.admin = (await ensureStacks()).secrets['teamAdminPassword'] ?? '';
  await forget();
  ran = await watching('roles');
  another = await watching('roles2');
});
afterAll(forget);

async function forget(): Promise<void> {
  await teamSql(`DROP TABLE IF EXISTS ${table}`);
  await teamSql(`DROP OWNED BY ${given}`);
  await teamSql(`DROP ROLE IF EXISTS ${given}`);
  await teamRedis(['ACL', 'DELUSER', given, made]);
}

/** A stack that watches the team's databases in every way, and nothing else. */
function watching(stack: string): Promise<Ran> {
  const db = { kind: 'postgres', host: 'db', database: team.database, user: given, network: team.network };
  const cache = { kind: 'redis', host: 'cache', network: team.network };
  const databases = {
    given: { ...db, password: 'givenPassword' },
    'not-ours': { ...db, adminUser: team.admin, adminPassword: 'adminPassword' },
    'given-cache': { ...cache, user: given, password: 'givenPassword' },
    'made-cache': { ...cache, user: made, adminPassword: 'cachePassword' },
    everybody: { ...cache, user: 'default', password: 'cachePassword' },
  };
  const off = ['loki', 'grafana', 'cloudbeaver', 'cadvisor', 'nodeExporter', 'blackboxExporter'];
  const yaml = [
    ...off.map((part) => `taffrail:${part}: { enabled: false }`),
    `taffrail:databases: ${JSON.stringify(databases)}`,
  ];
  const secrets = {
    givenPassword: passwords.given,
    adminPassword: passwords.admin,
    cachePassword: team.redisPassword,
  };
  return runProgram(stackConfig(`config:\n${yaml.map((line) => `  ${line}\n`).join('')}`, secrets), {
    stack,
    password: () => passwords.made,
  });
}
let ran: Ran;
let another: Ran;

/** Runs a role's job to its end. No password is ever among its words, and no helper stays. */
async function job(name: string, of = ran): Promise<{ code: number; words: string }> {
  const recorded = running(of, 'database').find((one) => one.name === `${name}-role`);
  if (!recorded) throw new Error(`no job ${name}-role`);
  const { told } = recorded;
  const own = jobNamed(`${name}-role-${secret()}`);
  const { code, stdout, stderr } = await runJob('database', {
    ...told,
    job: own,
    tools: pinned('tools'),
    image: realImage(told.image),
  });
  expect(await helpersOf(own.name)).toEqual([]);
  const words = stdout + stderr;
  for (const password of [...Object.values(passwords), team.redisPassword])
    expect(words).not.toContain(password);
  return { code, words };
}

describe('a Postgres of the team’s own', () => {
  const judged = () => job('postgres-given');
  const sql = async (...statements: string[]) => {
    for (const statement of statements) {
      const { code, stderr } = await teamSql(statement);
      expect(code, stderr).toBe(0);
    }
  };
  const login = `ALTER ROLE ${given} PASSWORD '${passwords.given}'`;

  it('S10: without an admin’s secret the SQL is printed; typed, the role passes', async () => {
    const { code, words } = await judged();
    expect({ code, words }).toMatchObject({ code: 1 });
    expect(words).toContain(`password authentication failed for user "${given}"`);
    const typed = words.split('As an admin, type in psql:\n')[1]?.trim().split('\n') ?? [];
    expect(typed).toHaveLength(4);
    // `\password` asks at a terminal.
    await sql(...typed.filter((line) => !line.startsWith('\\')), login);
    expect(await judged()).toEqual({
      code: 0,
      words: `the role ${given} may read the figures of ${team.database}, and no table\n`,
    });
  });

  it('S10: a role that may do too much is refused', async () => {
    await sql(`ALTER ROLE ${given} SUPERUSER`);
    const superuser = await judged();
    expect(superuser.code).not.toBe(0);
    expect(superuser.words).toContain('it may do too much: it is a superuser');

    await sql(`ALTER ROLE ${given} NOSUPERUSER CREATEROLE`, `GRANT pg_read_all_data TO ${given}`);
    const { code, words } = await judged();
    expect(code).not.toBe(0);
    for (const what of ['create roles', 'read all data'])
      expect(words).toContain(`it may do too much: it may ${what}`);
    expect(words).not.toContain('superuser');

    await sql(`ALTER ROLE ${given} NOCREATEROLE`, `REVOKE pg_read_all_data FROM ${given}`);
    await sql(`CREATE TABLE ${table} (id int)`, `GRANT SELECT ON ${table} TO ${given}`);
    expect((await judged()).words).toContain(`it may do too much: it may read the table public.${table}`);
    await sql(`DROP TABLE ${table}`);
    expect((await judged()).code).toBe(0);
  });

  it('S10: a role that may do too little is refused', async () => {
    await sql(`REVOKE pg_monitor FROM ${given}`);
    const { code, words } = await judged();
    expect(code).not.toBe(0);
    expect(words).toContain('it may do too little: it is no member of pg_monitor');
    await sql(`GRANT pg_monitor TO ${given}`);
  });

  it('S10: with an admin’s secret, somebody else’s role is left as it is', async () => {
    const { code, words } = await job('postgres-not-ours');
    expect(code).not.toBe(0);
    expect(words).toContain('this stack did not make it');
    // Its password is still the one that it had.
    expect((await judged()).code).toBe(0);
  });
});

/** An exporter as the stack would start it, on the team's network, with its secret files; it listens on loopback. */
async function started(name: string) {
  const recorded = container(ran, name);
  const key = imageKeyOf(recorded);
  if (key === undefined) throw new Error(`${name} runs an image that is not pinned`);
  const { entrypoints, command = [], user, envs = [] } = recorded.inputs;
  const one = await docker.createContainer({
    name: `e2e-${name}-${secret()}`,
    Image: imageTag(key),
    ...(entrypoints && { Entrypoint: entrypoints }),
    Cmd: command.map((word) => word.replace(/^(-web\.listen-address=).*/, '$1127.0.0.1:9121')),
    Env: envs,
    ...(user !== undefined && { User: user }),
    Labels: { [ownLabel]: '1' },
    HostConfig: { NetworkMode: team.network, Init: true, CapDrop: ['ALL'] },
  });
  const archive = pack();
  for (const [path, content] of Object.entries(secretsOf(ran, name)))
    archive.entry({ name: `${currentConfig.slice(1)}/${path}` }, content);
  archive.finalize();
  await one.putArchive(await buffer(archive), { path: '/' });
  await one.start();
  return one;
}

describe('a Redis of the team’s own', () => {
  const makes = (of?: Ran) => job('redis-made-cache', of);
  const judged = () => job('redis-given-cache');
  const mine = ['INFO', 'LATENCY LATEST', 'SLOWLOG GET 1', 'STRLEN key', 'TYPE key', 'XLEN key'];
  const others = [
    ...['GET key', 'SET key value', 'DEL key', 'FLUSHALL', 'SCAN 0', 'KEYS *', 'EVAL x 0', 'MONITOR'],
    ...[
      'CONFIG GET *',
      'CONFIG SET a b',
      'ACL LIST',
      'SHUTDOWN',
      'CLIENT LIST',
      'PUBLISH made-by-taffrail-roles x',
    ],
  ];
  /** Which of these commands a user may run, in the words of the server itself. */
  const allowed = async (user: string, commands: string[]): Promise<string[]> => {
    const script =
      'for one; do redis-cli --no-auth-warning --pass "$0" ACL DRYRUN ' + user + ' $one | head -n 1; done';
    const { stdout } = await exec(team.redis, ['sh', '-fc', script, team.redisPassword, ...commands]);
    const answers = stdout.split('\n');
    return commands.filter((_, at) => answers[at] === 'OK');
  };

  it('S10: with an admin’s secret the user is made, and may read figures and nothing else', async () => {
    const { code, words } = await makes();
    expect({ code, words }).toMatchObject({ code: 0 });
    expect(words).toContain(`the user ${made} may read the figures of cache:6379, and no key`);
    expect(words).toContain(`${warningMark}it has no aclfile: it forgets the user ${made} when it restarts`);
    expect(await allowed(made, [...mine, ...others])).toEqual(mine);
    // The control: who made it may do all of it.
    expect(await allowed('default', [...mine, ...others])).toEqual([...mine, ...others]);
    const as = { user: made, password: passwords.made };
    expect(await teamRedis(['SET', 'e2e-roles', 'secret', 'EX', '60'])).toBe('OK');
    expect(await teamRedis(['STRLEN', 'e2e-roles'], as)).toBe('6');
    expect(await teamRedis(['GET', 'e2e-roles'], as)).toMatch(/^NOPERM/);
  });

  it('S10: its exporter reads the figures as that user', async () => {
    const name = 'redis-exporter-made-cache';
    const exporter = await started(name);
    const figures = async () =>
      (await exec(exporter.id, ['wget', '-q', '-O', '-', 'http://127.0.0.1:9121/metrics'])).stdout;
    try {
      const text = await until(figures, (answer) => answer.includes('\nredis_up 1\n'), {
        seconds: 10,
        every: 100,
      });
      for (const line of ['redis_up 1', /^redis_connected_clients \d/m, /^redis_slowlog_length \d/m])
        expect(text).toMatch(line);
      // The control: it is this user who asks.
      await teamRedis(['ACL', 'DELUSER', made]);
      expect(await figures()).toMatch(/^redis_up 0$/m);
    } finally {
      await exporter.remove({ force: true, v: true });
    }
  });

  it('S10: made again by its own stack only', async () => {
    expect((await makes()).code).toBe(0);
    // As its job has said: without an aclfile it forgets.
    await docker.getContainer(team.redis).restart({ t: 5 });
    const user = () => teamRedis(['ACL', 'GETUSER', made]);
    const ping = () => teamRedis(['PING']);
    expect(await until(ping, (answer) => answer === 'PONG', { seconds: 10, every: 100 })).toBe('PONG');
    expect(await user()).toBe('');
    expect((await makes()).code).toBe(0);
    expect((await makes()).code).toBe(0);
    const before = await user();
    expect(before).toContain('made-by-taffrail-roles');
    const { code, words } = await makes(another);
    expect(code).not.toBe(0);
    expect(words).toContain('this stack did not make it');
    expect(await user()).toBe(before);
  });

  it('S10: without an admin’s secret the line is printed; typed, the user passes', async () => {
    const { code, words } = await judged();
    expect({ code, words }).toMatchObject({ code: 1 });
    expect(words).toContain('WRONGPASS');
    const line = words.split('\n').find((one) => one.startsWith(`ACL SETUSER ${given} `)) ?? '';
    expect(await teamRedis(line.replace('PASSWORD', passwords.given).split(' '))).toBe('OK');
    expect(await judged()).toEqual({
      code: 0,
      words: `the user ${given} may read the figures of cache:6379, and no key\n`,
    });
  });

  it('S10: a user that may do too much, or too little, is refused', async () => {
    const everybody = await job('redis-everybody');
    expect(everybody.code).not.toBe(0);
    for (const what of ['read the values of keys', 'change keys', 'read the configuration', 'see the users'])
      expect(everybody.words).toContain(`it may do too much: it may ${what}`);
    // What is there already is somebody's: what is to type takes nothing from it.
    expect(everybody.words).toContain('ACL SETUSER taffrail_exporter reset');
    expect(everybody.words).toContain('`user: taffrail_exporter`');

    // A right for other keys than those that the job asks for is a right too.
    await teamRedis(['ACL', 'SETUSER', given, 'resetkeys', '~app:*', '+get']);
    const reader = await judged();
    expect(reader.code).not.toBe(0);
    expect(reader.words.match(/^it may do too .*$/gm)).toEqual([
      'it may do too much: it may read the values of keys',
    ]);

    await teamRedis(['ACL', 'SETUSER', given, '-get', '-latency']);
    const blind = await judged();
    expect(blind.code).not.toBe(0);
    expect(blind.words.match(/^it may do too .*$/gm)).toEqual([
      'it may do too little: it may not ask LATENCY LATEST',
    ]);
  });
});
