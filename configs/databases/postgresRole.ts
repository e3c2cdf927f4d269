// The exporter's role in a Postgres, and the superuser's password in the one that Taffrail runs.
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { Ended } from '../running.ts';
import { postgresPort } from './address.ts';
import {
  type DatabaseClient,
  DatabaseError,
  type DatabaseResult,
  excerpt,
  type Login,
  oneLine,
  type Patience,
  type RoleRequest,
} from './client.ts';
import { passwordLine, postgresOwner, roleConnections, roleSql } from './roles.ts';

const sql = (file: 'role.sql' | 'verify.sql'): string => readFileSync(new URL(file, import.meta.url), 'utf8');

interface Session {
  host: string;
  port: number;
  database: string;
  user: string;
  tls: boolean;
  /** psql's variables. */
  variables?: Readonly<Record<string, string>>;
}

/** The first line of standard input becomes psql's password file; psql reads the rest. A password needs no argument. */
const readPassword =
  'umask 077; IFS= read -r line; printf "%s\\n" "$line" >/tmp/pgpass; PGPASSFILE=/tmp/pgpass exec psql "$@"';

const psql = ({ host, port, database, user, tls, variables = {} }: Session): string[] => [
  'env',
  // English questions, whatever the image's locale; and a home that this user can read.
  'LC_ALL=C',
  'HOME=/tmp',
  'PGCLIENTENCODING=UTF8',
  'PGAPPNAME=taffrail',
  'PGCONNECT_TIMEOUT=5',
  `PGSSLMODE=${tls ? 'require' : 'disable'}`,
  ...['sh', '-c', readPassword, 'psql'],
  ...['--no-psqlrc', '--no-password', '--quiet', '--set', 'ON_ERROR_STOP=1'],
  ...['--host', host, '--port', String(port), '--username', user, '--dbname', database],
  ...Object.entries(variables).flatMap(([key, value]) => ['--set', `${key}=${value}`]),
];

/** Without a terminal psql reads the password, twice, from its script. It sends the server the hash only. */
const setPassword = (password: string): string => `\\password :"role"\n${password}\n${password}\n`;

/** What psql printed, without the prompts of `\password` and the path of the password file, which is gone. */
const said = ({ output }: Ended): string =>
  excerpt(
    output
      .replace(/Enter new password(?: for user ".*")?: \n?|Enter it again: \n?/g, '')
      .replace(/^password retrieved from file .*\n?/gm, ''),
  );

/** A warning of the server, such as one about a collation's version when psql connects. An error would end psql. */
const remark = /^\p{L}+: {2}.*$/gmu;

/** The scripts print a line for each problem, and nothing else. */
const succeeded = (ended: Ended): boolean =>
  ended.exitCode === 0 && said(ended).replace(remark, '').trim() === '';

/** What psql said when it failed, which may be nothing. */
const failure = (ended: Ended): string => said(ended) || `psql ended with exit code ${ended.exitCode}`;

/**
 * Creates the least-privilege role of an exporter, if an admin's password is given, then logs in as that role and
 * checks that it may read statistics and nothing else. Idempotent.
 *
 * @throws DatabaseError with what Postgres said; without an admin also with the SQL to type
 */
export async function postgresRole(
  client: Pick<DatabaseClient, 'run'>,
  { address, project, password, admin }: RoleRequest,
): Promise<DatabaseResult> {
  const { host, port, database, user } = address;
  const check = (ended: Ended): void => {
    if (succeeded(ended)) return;
    const byHand = admin ? '' : `\nAs an admin, type in psql:\n${roleSql(address)}`;
    throw new DatabaseError(
      `Cannot use the exporter's role ${user} on ${host}:${port}, database ${database}:\n${failure(ended)}${byHand}`,
    );
  };
  const pgpass = passwordLine(oneLine(password, user));
  if (admin) {
    const variables = { role: user, database, owner: postgresOwner(project), limit: String(roleConnections) };
    check(
      await client.run(
        psql({ ...address, user: admin.user, variables }),
        `${passwordLine(oneLine(admin.password, admin.user))}${sql('role.sql')}${setPassword(password)}`,
      ),
    );
  }
  check(await client.run(psql(address), `${pgpass}${sql('verify.sql')}`));
  return { line: `the role ${user} may read the figures of ${database}, and no table` };
}

/**
 * Gives the superuser of the Postgres that Taffrail runs the password of the settings, then logs in with it. The image
 * sets a password at the first start only; inside the container's own network Postgres trusts loopback, so a rotation
 * does not need the old password. Idempotent. Waits for the server: the temporary one of the image's first start has a
 * socket only, so it is not mistaken for the real one.
 *
 * @param client runs in the network namespace of the server
 * @throws DatabaseError with what Postgres said
 */
export async function postgresPassword(
  client: Pick<DatabaseClient, 'run'>,
  { user, password, database }: Login & { database: string },
  patience: Patience = {},
): Promise<DatabaseResult> {
  const session = { port: postgresPort, database, user, tls: false };
  const check = (ended: Ended): void => {
    if (!succeeded(ended))
      throw new DatabaseError(`Cannot set the password of ${user} in Postgres:\n${failure(ended)}`);
  };
  oneLine(password, user);
  const set = () =>
    client.run(
      psql({ ...session, host: '127.0.0.1', variables: { role: user } }),
      // Trusted: no password is asked for.
      `\n${setPassword(password)}`,
    );
  let ended = await set();
  if (ended.exitCode === noConnection) {
    await ready(client, user, patience);
    ended = await set();
  }
  check(ended);
  // Not by loopback: this login needs the password.
  check(await client.run(psql({ ...session, host: 'postgres' }), passwordLine(password)));
  return { line: `the password of ${user} matches the settings` };
}

/** psql's exit code. */
const noConnection = 2;

async function ready(
  { run }: Pick<DatabaseClient, 'run'>,
  user: string,
  { seconds = 120, pause = setTimeout }: Patience,
): Promise<void> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const { exitCode, output } = await run(
      // It does not log in, but without -U it fails if the uid has no name.
      ['pg_isready', '-h', '127.0.0.1', '-p', String(postgresPort), '-U', user, '-t', '3'],
      '',
    );
    if (exitCode === 0) return;
    if (Date.now() >= end)
      throw new DatabaseError(
        `Postgres does not accept connections after ${seconds} s. Read its log. pg_isready said:\n${excerpt(output)}`,
      );
    await pause(1000);
  }
}
