import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, describe, expect, test } from 'vitest';
import { DatabaseError, type RoleRequest } from '../../configs/databases/client.ts';
import { postgresPassword, postgresRole } from '../../configs/databases/postgresRole.ts';
import { roleSql } from '../../configs/databases/roles.ts';
import type { Ended } from '../../configs/running.ts';

// What a real psql and a real Postgres make of it: test/e2e/2-side-by-side/roles.e2e.ts.

const passwords = { role: 'role:pass\\word 1', admin: 'admin-password-2' };
const questions = 'Enter new password for user "metrics": \nEnter it again: \n';
const ok: Ended = { exitCode: 0, output: '' };
const made: Ended = { exitCode: 0, output: questions };

interface Run {
  command: readonly string[];
  stdin: string;
}
let runs: Run[] = [];
afterEach(() => {
  for (const { command } of runs)
    for (const password of Object.values(passwords)) expect(command.join('\0')).not.toContain(password);
  runs = [];
});

/** Ends with each of these in turn; a run that is not foreseen fails. */
function scripted(...ends: Ended[]) {
  return {
    run: (command: readonly string[], stdin: string): Promise<Ended> => {
      const ended = ends[runs.length];
      runs.push({ command, stdin });
      return ended ? Promise.resolve(ended) : Promise.reject(new Error(`unforeseen: ${command.join(' ')}`));
    },
  };
}

const request: RoleRequest = {
  address: {
    name: 'shop',
    own: false,
    host: 'db',
    port: 5433,
    database: 'my "shop"',
    user: 'metrics',
    tls: false,
  },
  project: 'taffrail-prod',
  password: passwords.role,
};
const admin = { user: 'boss', password: passwords.admin };

/** What follows each flag of psql, in order. */
const values = ({ command }: Run, flag: string): string[] =>
  command.filter((_, at) => command[at - 1] === flag);
const role = async (request: RoleRequest, ...ends: Ended[]): Promise<string> => {
  const result = await postgresRole(scripted(...ends), request).catch((error: unknown) => error);
  expect(result).toBeInstanceOf(DatabaseError);
  return (result as Error).message;
};

describe('S10: the role of an exporter', () => {
  test('is made by an admin in one session, then asked what it may do as itself', async () => {
    const result = await postgresRole(scripted(made, ok), { ...request, admin });
    expect(result).toEqual({ line: 'the role metrics may read the figures of my "shop", and no table' });
    const [create, verify] = runs as [Run, Run];
    expect(create.stdin.startsWith('*:*:*:*:admin-password-2\n-- Creates')).toBe(true);
    // Twice: psql asks again. Nothing follows that could be taken for an answer.
    expect(create.stdin.endsWith(`\n\\password :"role"\n${passwords.role}\n${passwords.role}\n`)).toBe(true);
    expect(values(create, '--set')).toEqual([
      'ON_ERROR_STOP=1',
      'role=metrics',
      'database=my "shop"',
      'owner=made by taffrail-prod',
      'limit=5',
    ]);
    expect(verify.stdin.startsWith('*:*:*:*:role\\:pass\\\\word 1\n-- Checks')).toBe(true);
    for (const [run, user] of [
      [create, 'boss'],
      [verify, 'metrics'],
    ] as const)
      expect(['--host', '--port', '--username', '--dbname'].flatMap((flag) => values(run, flag))).toEqual([
        'db',
        '5433',
        user,
        'my "shop"',
      ]);
  });

  test.each([
    [false, 'PGSSLMODE=disable'],
    [true, 'PGSSLMODE=require'],
  ])('with TLS: %s', async (tls, mode) => {
    await postgresRole(scripted(ok), { ...request, address: { ...request.address, tls } });
    expect(runs[0]?.command).toContain(mode);
  });

  test('that is there already is only verified, and the SQL to type ends what is said', async () => {
    const output =
      'psql: error: connection to server failed: FATAL:  password authentication failed for user "metrics"\n' +
      'password retrieved from file "/tmp/pgpass"\n';
    const message = await role(request, { exitCode: 2, output });
    expect(runs).toHaveLength(1);
    expect(message).toBe(
      `Cannot use the exporter's role metrics on db:5433, database my "shop":\n` +
        'psql: error: connection to server failed: FATAL:  password authentication failed for user "metrics"\n' +
        `As an admin, type in psql:\n${roleSql(request.address)}`,
    );
  });

  test.each([
    ['may do too much', { exitCode: 0, output: 'it may do too much: it is a superuser\n' }],
    ['lacks a right', { exitCode: 3, output: 'ERROR:  permission denied for function pg_ls_waldir\n' }],
  ])('that %s is refused', async (_, ended) => {
    expect(await role(request, ended)).toContain(ended.output);
    runs = [];
    const message = await role({ ...request, admin }, made, ended);
    expect(message).toContain(ended.output.trim());
    // It was made a moment ago: nobody has anything to type.
    expect(message).not.toContain('As an admin');
  });

  test("that is somebody else's is left as it is, and nobody asks what it may do", async () => {
    const output =
      'The role metrics already exists and this stack did not make it, so nothing was changed.\n';
    expect(await role({ ...request, admin }, { exitCode: 0, output })).toContain(output.trim());
    expect(runs).toHaveLength(1);
    const [script = ''] = [runs[0]?.stdin];
    // Before its password is asked for.
    expect(script.indexOf('\\q\n')).toBeGreaterThan(0);
    expect(script.indexOf('\\q\n')).toBeLessThan(script.lastIndexOf('\\password'));
  });

  test('is made although the server warns of something else', async () => {
    const warning =
      'WARNING:  database "shop" has a collation version mismatch\nDETAIL:  created with 1, now 2.\nHINT:  Rebuild.\n';
    const run = scripted({ ...made, output: `${warning}${questions}` }, { exitCode: 0, output: warning });
    await expect(postgresRole(run, { ...request, admin })).resolves.toHaveProperty('line');
    runs = [];
    const problem = 'it may do too much: it is a superuser\n';
    expect(await role(request, { exitCode: 0, output: `${warning}${problem}` })).toContain(problem);
  });

  test.each([
    [{ exitCode: 3, output: `${questions}ERROR:  must be superuser\n` }, 'ERROR:  must be superuser'],
    [{ exitCode: 127, output: '' }, 'psql ended with exit code 127'],
  ])('cannot be made: the questions of psql are not repeated', async (ended, said) => {
    expect(await role({ ...request, admin }, ended)).toBe(
      `Cannot use the exporter's role metrics on db:5433, database my "shop":\n${said}`,
    );
  });

  test.each([
    [{ password: 'two\nlines' }, 'metrics'],
    [{ admin: { user: 'boss', password: 'two\r' } }, 'boss'],
  ])('a password that would end its line early is refused before anything runs', async (change, whose) => {
    expect(await role({ ...request, ...change })).toMatch(
      new RegExp(`^The password of ${whose} contains a line break`),
    );
    expect(runs).toEqual([]);
  });
});

describe("the superuser's password", () => {
  const settings = { user: 'metrics', password: passwords.role, database: 'bot' };
  /** How many seconds were waited, all in all. */
  let waited = 0;
  const patience = {
    seconds: 120,
    pause: (milliseconds: number) => {
      waited += milliseconds / 1000;
      return Promise.resolve();
    },
  };
  afterEach(() => {
    waited = 0;
  });
  const refused: Ended = { exitCode: 2, output: 'psql: error: connection refused\n' };
  const noResponse: Ended = { exitCode: 2, output: '127.0.0.1:5432 - no response\n' };
  const rejecting: Ended = { exitCode: 1, output: '127.0.0.1:5432 - rejecting connections\n' };
  const programs = () => runs.map(({ command }) => command.find((word) => /^(pg_isready|psql)$/.test(word)));
  const failed = async (...ends: Ended[]): Promise<string> => {
    const result = await postgresPassword(scripted(...ends), settings, { ...patience, seconds: 0 }).catch(
      (error: unknown) => error,
    );
    expect(result).toBeInstanceOf(DatabaseError);
    return (result as Error).message;
  };

  test('3.17: is set over loopback, without the old one, then used by the host name', async () => {
    expect(await postgresPassword(scripted(made, ok), settings)).toEqual({
      line: 'the password of metrics matches the settings',
    });
    const [set, login] = runs as [Run, Run];
    expect(set.stdin).toBe(`\n\\password :"role"\n${passwords.role}\n${passwords.role}\n`);
    expect(values(set, '--host')).toEqual(['127.0.0.1']);
    expect(values(set, '--set')).toContain('role=metrics');
    expect(login.stdin).toBe('*:*:*:*:role\\:pass\\\\word 1\n');
    expect(values(login, '--host')).toEqual(['postgres']);
    for (const run of [set, login])
      expect(['--port', '--username', '--dbname'].flatMap((flag) => values(run, flag))).toEqual([
        '5432',
        'metrics',
        'bot',
      ]);
  });

  test('waits for a server that is not ready', async () => {
    await postgresPassword(
      scripted(refused, noResponse, noResponse, rejecting, ok, made, ok),
      settings,
      patience,
    );
    expect(programs()).toEqual([
      'psql',
      ...['pg_isready', 'pg_isready', 'pg_isready', 'pg_isready'],
      'psql',
      'psql',
    ]);
    expect(waited).toBe(3);
    // By TCP: the first start's own server has a socket only. As somebody: its own user may have no name.
    expect(runs[1]?.command.slice(0, 7)).toEqual([
      ...['pg_isready', '-h', '127.0.0.1', '-p', '5432', '-U', 'metrics'],
    ]);
  });

  test('waits no longer than it may', async () => {
    expect(await failed(refused, rejecting)).toBe(
      'Postgres does not accept connections after 0 s. Read its log. pg_isready said:\n127.0.0.1:5432 - rejecting connections',
    );
  });

  test('is not set when the server is ready and refuses', async () => {
    const output = 'psql: error: FATAL:  database "bot" does not exist\n';
    expect(await failed({ exitCode: 2, output }, ok, { exitCode: 2, output })).toBe(
      `Cannot set the password of metrics in Postgres:\n${output.trim()}`,
    );
    expect(programs()).toEqual(['psql', 'pg_isready', 'psql']);
  });

  test('is not set when the login with it is refused', async () => {
    expect(await failed(made, refused)).toContain('connection refused');
  });
});

describe('the line of shell', () => {
  test('keeps the first line for psql alone, and gives psql the rest', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'taffrail-psql-'));
    try {
      await postgresRole(scripted(ok), request);
      const [{ command }] = runs as [Run];
      // A psql that shows what it was given.
      writeFileSync(
        join(folder, 'psql'),
        '#!/bin/sh\necho "$PGPASSFILE $PGSSLMODE"\nprintf "%s|" "$@"\ncat\n',
        {
          mode: 0o755,
        },
      );
      const [program = '', ...args] = command.map((word) =>
        word.replaceAll('/tmp/pgpass', join(folder, 'pgpass')),
      );
      const { stdout } = await execa(program, args, {
        input: ' *:a\\\\ b \nSELECT 1;\nmore\n',
        env: { PATH: `${folder}:${process.env['PATH'] ?? ''}` },
      });
      expect(readFileSync(join(folder, 'pgpass'), 'utf8')).toBe(' *:a\\\\ b \n');
      expect(statSync(join(folder, 'pgpass')).mode & 0o777).toBe(0o600);
      const given = command.slice(command.indexOf('--no-psqlrc')).map((word) => `${word}|`);
      expect(stdout).toBe(`${join(folder, 'pgpass')} disable\n${given.join('')}SELECT 1;\nmore`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
