import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { apply as applyCloudBeaver, type CloudBeaverTold } from '../../configs/cloudbeaver/apply.ts';
import { loginDigest } from '../../configs/cloudbeaver/render.ts';
import { Unanswered } from '../../configs/running.ts';
import { type Answers, Place } from './pretended.ts';

interface Asked {
  query: string;
  variables: { u?: string; c?: { user?: string; password?: string } };
}

/** As Gson writes it with pretty printing and HTML escaping. */
const gson = (value: unknown): string =>
  JSON.stringify(value, null, 2).replaceAll(
    /[<>&='\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** Of CloudBeaver what its apply asks. */
class PretendedCloudBeaver {
  digest: string;
  serverName = 'Taffrail';
  anonymous = false;
  connections = [{ id: 'postgres', url: 'jdbc:postgresql://postgres:5432/postgres' }];
  /** A version that has moved setUserCredentials. */
  setsBy: 'query' | 'mutation' = 'query';
  failures = 0;
  /** Called after a password was set, before the answer. */
  changed: () => void = () => undefined;
  readonly logins: string[] = [];
  readonly #place: Place;
  #lastLogin = -Infinity;

  constructor(place: Place, password: string) {
    this.#place = place;
    this.digest = loginDigest(password);
  }

  answers: Answers = (method, path, { json, headers }) => {
    if (method === 'GET' && path === '/cb/status') return { status: 200, body: '{"health":"ok"}' };
    if (method !== 'POST' || path !== '/cb/api/gql') return { status: 404, body: '' };
    const { query, variables } = json as Asked;
    const cookie = headers?.['cookie'] ?? '';
    const answer = this.#answer(query, variables, cookie.includes('cb-session-id=signed-in'));
    return {
      status: 200,
      body: gson(answer),
      headers: {
        'set-cookie': [
          'cb-session=2026-11-24T18:00:00Z; Path=/cb/',
          `cb-session-id=${'authLogin' in (answer.data ?? {}) ? 'signed-in' : 'stranger'}; Path=/cb/; HttpOnly`,
        ],
      },
    };
  };

  #answer(query: string, variables: Asked['variables'], signedIn: boolean) {
    if (query.includes('authLogin')) return this.#login(variables.c ?? {});
    if (query.includes('serverConfig'))
      return { data: { serverConfig: { name: this.serverName, anonymousAccessEnabled: this.anonymous } } };
    if (!signedIn) return refused('Access denied');
    if (query.includes('userConnections')) return { data: { userConnections: this.connections } };
    if (!query.startsWith(this.setsBy))
      return refused(
        "Validation error (FieldUndefined@[setUserCredentials]) : Field 'setUserCredentials' is undefined",
        {
          classification: 'ValidationError',
        },
      );
    if (variables.u !== 'cbadmin') return refused('no such user');
    this.digest = variables.c?.password ?? '';
    this.changed();
    return { data: { setUserCredentials: true } };
  }

  #login({ user, password = '' }: { user?: string; password?: string }) {
    this.logins.push(password);
    if (this.#place.waited - this.#lastLogin < 1000) return refused('Too frequent authentication requests');
    this.#lastLogin = this.#place.waited;
    if (this.failures >= 10) return refused('Blocked the possibility of login for this user for 287 seconds');
    if (user !== 'cbadmin' || password !== this.digest) return refused('Invalid user credentials');
    return { data: { authLogin: { authStatus: 'SUCCESS' } } };
  }
}

const refused = (message: string, extensions: object = {}) => ({
  data: null,
  errors: [{ message, locations: [{ line: 1, column: 1 }], extensions }],
});

let place: Place;
beforeEach(() => {
  place = new Place();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const apply = (
  program: PretendedCloudBeaver,
  { password = 'first', ...given }: Partial<CloudBeaverTold> & { password?: string } = {},
) =>
  place.apply(applyCloudBeaver, program, {
    ...{ stack: 'prod', healthPath: '/cb/status', apiPath: '/cb/api/gql', serverName: 'Taffrail' },
    ...{ adminName: 'cbadmin', digest: loginDigest(password), passwordKey: 'cloudbeaverAdminPassword' },
    connections: [{ id: 'postgres', url: 'jdbc:postgresql://postgres:5432/postgres' }],
    ...given,
  });
const ran = 'CloudBeaver runs as Taffrail, without anonymous access; connections of the settings: postgres';
const noteOf = (password: string) => ({ admin: 'cbadmin', digest: loginDigest(password) });
const note = (): unknown => JSON.parse(place.note ?? 'null');

describe('CloudBeaver is compared with what was written (A5)', () => {
  test('3.14: it ends well when that is what it runs', async () => {
    expect(await apply(new PretendedCloudBeaver(place, 'first'))).toEqual({ line: ran });
    expect(note()).toEqual(noteOf('first'));
  });

  test('3.14: Java may take minutes to start', async () => {
    const program = new PretendedCloudBeaver(place, 'first');
    const { answers } = program;
    program.answers = (method, path, asked) => {
      if (place.waited < 200_000) throw new Unanswered('connection refused');
      return answers(method, path, asked);
    };
    expect(await apply(program)).toEqual({ line: ran });
    program.answers = () => {
      throw new Unanswered('connection refused');
    };
    expect((await apply(program)).error).toBe(
      'not ready after 240 s: GET /cb/status was not answered: connection refused',
    );
  });

  test.each([`Tom's <R&D> "desk"`, 'a = b', 'Größe \\ 7'])(
    '3.14: a server may be called %s',
    async (name) => {
      const program = new PretendedCloudBeaver(place, 'first');
      program.serverName = name;
      expect(await apply(program, { serverName: name })).toEqual({
        line: ran.replace('Taffrail', () => name),
      });
    },
  );

  test('3.14: another name, set in the browser, is said with the lines that settle it', async () => {
    const program = new PretendedCloudBeaver(place, 'first');
    program.serverName = `Tom's desk`;
    expect((await apply(program)).error).toBe(
      `CloudBeaver runs as Tom's desk instead of Taffrail: the name was changed in the browser, and that wins over its file.
Change it there (Settings > Administration > Server configuration), then run: npm run up -- -s prod
Or take it over: pulumi config set -s prod --path taffrail:cloudbeaver.serverName 'Tom'\\''s desk'`,
    );
    // A name that only begins alike is another one.
    program.serverName = 'Taffrail prod';
    expect((await apply(program)).error).toContain('runs as Taffrail prod instead of Taffrail');
  });

  test('S8: anonymous access that was allowed in the browser is said', async () => {
    const program = new PretendedCloudBeaver(place, 'first');
    program.anonymous = true;
    expect((await apply(program)).error).toMatch(
      /^CloudBeaver lets anonymous users in: .*npm run up -- -s prod$/s,
    );
  });

  test('3.14: a connection that is not shown, or opens another database, is said', async () => {
    const program = new PretendedCloudBeaver(place, 'first');
    program.connections = [{ id: 'postgres', url: 'jdbc:postgresql://postgres:5432/postgres2' }];
    expect((await apply(program)).error).toMatch(
      /^CloudBeaver shows the connection postgres to jdbc:postgresql:\/\/postgres:5432\/postgres2 instead of jdbc:postgresql:\/\/postgres:5432\/postgres\./,
    );
    program.connections = [];
    expect((await apply(program)).error).toMatch(
      /^CloudBeaver does not show the connection postgres to jdbc:/,
    );
    expect(await apply(program, { connections: [] })).toEqual({ line: ran.replace(/postgres$/, 'none') });
  });

  test('3.14: a connection that left the settings must be gone; people’s own may stay', async () => {
    const program = new PretendedCloudBeaver(place, 'first');
    program.connections.push(
      { id: 'team-shop', url: 'jdbc:postgresql://db:5432/shop' },
      { id: 'postgres-jdbc-19a9ccb2c0e-201a227bc74f6a48', url: 'jdbc:postgresql://db:5432/own' },
    );
    expect((await apply(program)).error).toBe(
      `CloudBeaver still shows connections that the settings no longer have: team-shop
Delete them in the browser, then run: npm run up -- -s prod`,
    );
    program.connections = program.connections.filter(({ id }) => id !== 'team-shop');
    expect(await apply(program)).toEqual({ line: ran });
  });
});

describe("CloudBeaver's administrator (S8)", () => {
  test('3.17: has the new password of the settings, which the old one sets', async () => {
    const program = new PretendedCloudBeaver(place, 'first');
    await apply(program);
    place.waited += 5000;
    expect(await apply(program, { password: 'second' })).toEqual({
      line: `${ran}; the password of cbadmin was changed to that of the settings`,
    });
    expect(program.digest).toBe(loginDigest('second'));
    expect(note()).toEqual(noteOf('second'));
    place.waited += 5000;
    expect(await apply(program, { password: 'second' })).toEqual({ line: ran });
  });

  test('has it by a mutation, should a version have moved it', async () => {
    const program = new PretendedCloudBeaver(place, 'first');
    program.setsBy = 'mutation';
    await apply(program);
    place.waited += 5000;
    expect((await apply(program, { password: 'second' })).line).toContain('was changed');
    expect(program.digest).toBe(loginDigest('second'));
  });

  test('has it after a run that was killed before it could note it', async () => {
    const program = new PretendedCloudBeaver(place, 'first');
    await apply(program);
    place.waited += 5000;
    program.changed = () => {
      throw new Error('killed');
    };
    await expect(apply(program, { password: 'second' })).rejects.toThrow('killed');
    expect(note()).toEqual(noteOf('first'));
    program.changed = () => undefined;
    place.waited += 5000;
    expect(await apply(program, { password: 'second' })).toEqual({ line: ran });
    expect(note()).toEqual(noteOf('second'));
  });

  test('whose password was changed in the browser: the error says what to type', async () => {
    const program = new PretendedCloudBeaver(place, 'first');
    await apply(program);
    place.waited += 5000;
    program.digest = loginDigest('of-a-person');
    const { error } = await apply(program, { passwordKey: 'adminSecret' });
    expect(error).toBe(
      `CloudBeaver refuses the password of the settings for cbadmin, and the one in force is unknown: it was changed in the browser.
CloudBeaver says: Invalid user credentials
Put the password in force into the settings; from there you can change it:
  pulumi config set -s prod --plaintext --path taffrail:cloudbeaver.adminPassword adminSecret
  pulumi config set -s prod --secret taffrail:adminSecret
  npm run up -- -s prod`,
    );
    expect(error).not.toContain(loginDigest('first'));
    // Even where the settings have a new one, which the noted one cannot set.
    place.waited += 5000;
    expect((await apply(program, { password: 'second' })).error).toContain('was changed in the browser');
    place.waited += 5000;
    expect(await apply(program, { password: 'of-a-person' })).toEqual({ line: ran });
  });

  test('has another name in the settings: it counts at the first start only', async () => {
    const program = new PretendedCloudBeaver(place, 'first');
    await apply(program);
    expect((await apply(program, { adminName: 'boss' })).error).toBe(
      `cloudbeaver.adminName is now boss, but CloudBeaver sets the administrator's name at its first start only: it is still cbadmin.
Run: pulumi config set -s prod --path taffrail:cloudbeaver.adminName cbadmin`,
    );
  });

  test('signs in while somebody else does: too frequent a login is tried again', async () => {
    const program = new PretendedCloudBeaver(place, 'first');
    await apply(program);
    expect(await apply(program)).toEqual({ line: ran });
    expect(program.logins).toHaveLength(3);
    const { answers } = program;
    program.answers = (method, path, asked) =>
      (asked.json as Asked | undefined)?.query.includes('authLogin') === true
        ? { status: 200, body: gson(refused('Too frequent authentication requests')) }
        : answers(method, path, asked);
    expect((await apply(program)).error).toMatch(
      /^CloudBeaver does not let cbadmin sign in: Too frequent authentication requests\n.*npm run up -- -s prod$/s,
    );
  });

  test('who is locked out by wrong passwords is told to wait, and the old password is not tried', async () => {
    const program = new PretendedCloudBeaver(place, 'first');
    await apply(program);
    place.waited += 5000;
    program.failures = 10;
    const { error } = await apply(program, { password: 'second' });
    expect(error).toMatch(
      /^CloudBeaver refuses every login of cbadmin for five minutes, .*287 seconds\nWait, then/,
    );
    expect(program.logins).toHaveLength(2);
  });

  test.each([['a text'], [{ admin: 'cbadmin' }], [null]])(
    'a damaged note is as none, and is written anew: %j',
    async (damaged) => {
      place.note = JSON.stringify(damaged);
      expect(await apply(new PretendedCloudBeaver(place, 'first'))).toEqual({ line: ran });
      expect(note()).toEqual(noteOf('first'));
    },
  );
});

test('3.14: what CloudBeaver refuses is said in its words, and so is a page that is not its own', async () => {
  const program = new PretendedCloudBeaver(place, 'first');
  const { answers } = program;
  program.answers = (method, path, asked) =>
    (asked.json as Asked | undefined)?.query.includes('userConnections') === true
      ? { status: 200, body: gson(refused("Project 'g' is gone")) }
      : answers(method, path, asked);
  expect((await apply(program)).error).toBe(
    "CloudBeaver does not answer query { userConnections { id url } }: Project 'g' is gone",
  );
  program.answers = (method, path, asked) =>
    method === 'POST' ? { status: 200, body: '<html>' } : answers(method, path, asked);
  expect((await apply(program)).error).toMatch(/not JSON:\n<html>$/);
});
