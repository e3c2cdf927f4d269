import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { renderGrafana } from '../../configs/grafana/render.ts';
import { type GrafanaSettings, grafanaSettings } from '../../configs/grafana/settings.ts';
import { script } from '../../configs/tools/scripts.ts';

// The users of Grafana, as its job makes them: by this machine's shell, against a pretended Grafana. The end-to-end
// test runs the same script by the job's own shell.

interface User {
  id: number;
  login: string;
  email: string;
  name: string;
  password: string;
  role: string;
}
type Body = Partial<Record<'login' | 'email' | 'name' | 'password' | 'role', string>>;
type Answer = [status: number, body: unknown];

const adminPassword = 'admin-0123456789';

/** Of Grafana what has to do with users: small letters, the login in place of an address, one name and address each. */
class Grafana {
  users: User[] = [];
  asked: string[] = [];
  /** Called when a user was made, before the answer. */
  made: () => void = () => undefined;

  constructor() {
    this.add({ login: 'admin', email: 'admin@localhost', password: adminPassword });
  }
  add({ login = '', email = login, name = login, password = '', role = 'Viewer' }: Body): User {
    const id = Math.max(0, ...this.users.map((user) => user.id)) + 1;
    const user = { id, login: login.toLowerCase(), email: email.toLowerCase(), name, password, role };
    this.users.push(user);
    return user;
  }
  find(name: string): User | undefined {
    const small = name.toLowerCase();
    return this.users.find(({ login, email }) => login === small || email === small);
  }
  signIn = (login: string, password: string): User | undefined => {
    const user = this.find(login);
    return user?.password === password ? user : undefined;
  };
  get others(): string[] {
    return this.users.slice(1).map(({ login, email, name, role }) => [login, email, name, role].join(' '));
  }

  answer(method: string, path: string, authorization: string, body: Body): Answer {
    this.asked.push(`${method} ${path}`);
    if (path === '/api/health') return [200, {}];
    const [login = '', password = ''] = Buffer.from(authorization.split(' ')[1] ?? '', 'base64')
      .toString()
      .split(':');
    const who = this.signIn(login, password);
    if (who === undefined) return [401, { message: 'Invalid username or password' }];
    if (path === '/api/user') return [200, who];
    if (/\/reload$/.test(path)) return [200, {}];
    const url = new URL(path, 'http://grafana');
    if (url.pathname === '/api/users/lookup')
      return this.shown(this.find(url.searchParams.get('loginOrEmail') ?? ''));
    if (path === '/api/admin/users') return this.create(body);
    const [, kind = '', id = '', part = ''] = /^\/api\/(\w+(?:\/\w+)?)\/(\d+)(\/\w+)?$/.exec(path) ?? [];
    const user = this.users.find((one) => String(one.id) === id);
    if (user === undefined || kind === '') return [404, { message: 'user not found' }];
    return this.change(`${method} ${kind}${part}`, user, body);
  }
  private shown(user: User | undefined): Answer {
    if (user === undefined) return [404, { message: 'user not found' }];
    const { password, role, ...rest } = user;
    return [200, { ...rest, orgId: 1, isDisabled: password === role }];
  }
  private create(body: Body): Answer {
    const { login = '', email = '' } = body;
    if (this.find(login) ?? this.find(email || login)) return [412, { message: 'already exists' }];
    const { id } = this.add(body);
    this.made();
    return [200, { id, message: 'User created' }];
  }
  private change(what: string, user: User, { login = '', email = '', name = '', ...body }: Body): Answer {
    if (what === 'GET users') return this.shown(user);
    if (what === 'DELETE admin/users') this.users = this.users.filter((one) => one !== user);
    else if (what === 'PUT users') {
      const taken = [this.find(login), this.find(email)].some((one) => one !== undefined && one !== user);
      if (taken) return [409, { message: 'Email or username already taken' }];
      Object.assign(user, { login: login.toLowerCase(), email: email.toLowerCase(), name });
    } else if (what === 'PUT admin/users/password' || what === 'PATCH org/users') Object.assign(user, body);
    else return [404, { message: what }];
    return [200, { message: 'done' }];
  }
}

let root: string;
const at = (path: string): string => join(root, path);
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'taffrail-grafana-'));
  for (const folder of ['tmp', 'bin', 'config', 'secrets', 'data']) mkdirSync(at(folder));
  writeFileSync(at('admin-password'), adminPassword);
  // Not every machine has one.
  const nc = `import { connect } from 'node:net';
    const socket = connect(Number(process.argv.at(-1)), process.argv.at(-2));
    process.stdin.pipe(socket);
    socket.pipe(process.stdout);
    socket.on('close', () => process.exit());`;
  writeFileSync(at('bin/nc.mjs'), nc);
  writeFileSync(at('bin/nc'), `#!/bin/sh\nexec '${process.execPath}' '${at('bin/nc.mjs')}' "$@"\n`, {
    mode: 0o755,
  });
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

type Users = { login: string; email?: string; role?: string }[];
const settingsOf = (users: Users, adminUser = 'admin'): GrafanaSettings =>
  grafanaSettings.parse({ adminUser, users: users.map((user) => ({ ...user, password: 'x' })) });

const countsBytes = { program: 'sh', locale: 'C' };
const countsCharacters = { program: 'bash', locale: 'C.UTF-8' };

/** Runs the job for these users; `signal` ends it. */
async function apply(
  grafana: Grafana,
  users: Users,
  { adminUser = 'admin', signal = AbortSignal.any([]), shell = countsBytes } = {},
) {
  const settings = settingsOf(users, adminUser);
  const written = renderGrafana({
    ...{ settings, datasources: [], dashboards: {}, metrics: false },
    ...{ dashboardsFolder: '/dashboards', secretsFolder: '/secrets' },
  });
  writeFileSync(at('config/users'), written['users'] ?? '');
  for (const list of ['datasources', 'dashboards']) writeFileSync(at(`config/expected-${list}`), '# none\n');
  for (const { login } of settings.users)
    writeFileSync(at(`secrets/grafana-user-${login}`), `of-"${login}\\`);
  const here = (code: string): string =>
    code.replaceAll(/(?<![\w.])\/(?:taffrail\/(?=http\.sh)|(?=tmp\/))/g, `${root}/`);
  writeFileSync(at('http.sh'), here(script('tools/http.sh')));
  writeFileSync(at('apply.sh'), here(script('grafana/apply.sh')));
  const server = createServer((request, response) => {
    void text(request).then((sent) => {
      const { method = '', url = '', headers } = request;
      const body = sent === '' ? {} : (JSON.parse(sent) as Body);
      const [status, answer] = grafana.answer(method, url, headers.authorization ?? '', body);
      response.writeHead(status).end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  try {
    const { port } = server.address() as AddressInfo;
    const folders = ['admin-password', 'config', 'secrets', 'data'].map(at);
    const run = await execa(shell.program, [at('apply.sh'), String(port), adminUser, ...folders, 'prod'], {
      env: { PATH: `${at('bin')}:${process.env['PATH'] ?? ''}`, LC_ALL: shell.locale },
      all: true,
      reject: false,
      cancelSignal: signal,
      forceKillAfterDelay: 1,
    });
    return { code: run.exitCode ?? 128, output: run.all };
  } finally {
    server.close();
    server.closeAllConnections();
  }
}
const ended = (count: number) => `Grafana runs 0 datasources, 0 dashboards, ${String(count)} further users`;

describe('S8: the further users of Grafana', () => {
  test('are made, changed and deleted as the settings say', async () => {
    const grafana = new Grafana();
    const first = await apply(grafana, [
      { login: 'Anna', email: 'Anna@example.com', role: 'Editor' },
      { login: 'a@b' },
    ]);
    expect(first).toEqual({ code: 0, output: ended(2) });
    expect(grafana.others).toEqual(['anna anna@example.com Anna Editor', 'a@b a@b a@b Viewer']);
    expect(grafana.signIn('anna', 'of-"Anna\\')).toBeDefined();
    expect(grafana.signIn('a@b', 'of-"a@b\\')).toBeDefined();

    // The name is a person's own.
    Object.assign(grafana.users[1] ?? {}, { name: 'Anna "B", {C}' });
    const second = await apply(grafana, [{ login: 'Anna', email: 'new@example.com' }]);
    expect(second).toEqual({
      code: 0,
      output: `deleted the user 3, who is no longer in grafana.users\n${ended(1)}`,
    });
    expect(grafana.others).toEqual(['anna new@example.com Anna "B", {C} Viewer']);

    // An address that was taken out goes, too.
    expect((await apply(grafana, [{ login: 'Anna' }])).code).toBe(0);
    expect(grafana.others).toEqual(['anna anna Anna "B", {C} Viewer']);
    grafana.asked = [];
    expect((await apply(grafana, [{ login: 'Anna' }])).code).toBe(0);
    expect(grafana.asked.filter((one) => /^(POST|PUT) \/api\/(admin\/)?users(\/\d+)?$/.test(one))).toEqual(
      [],
    );
  });

  test('may take another login: the old one gives the address free', async () => {
    const grafana = new Grafana();
    const email = 'anna@example.com';
    expect((await apply(grafana, [{ login: 'anna', email }])).code).toBe(0);
    const { code, output } = await apply(grafana, [{ login: 'anne', email }]);
    expect(output).toContain(ended(1));
    expect(code).toBe(0);
    expect(grafana.others).toEqual(['anne anna@example.com anne Viewer']);
  });

  test('may exchange their addresses', async () => {
    const grafana = new Grafana();
    const [anna, bob] = ['anna@example.com', 'bob@example.com'];
    const pair = (one: string, other: string) => [
      { login: 'anna', email: one },
      { login: 'bob', email: other },
    ];
    expect((await apply(grafana, pair(anna, bob))).code).toBe(0);
    const { code, output } = await apply(grafana, pair(bob, anna));
    expect(output).toContain(ended(2));
    expect(code).toBe(0);
    expect(grafana.others).toEqual(['anna bob@example.com anna Viewer', 'bob anna@example.com bob Viewer']);
  });

  test('may have names in any letters: a shell that counts characters sends all bytes', async () => {
    const grafana = new Grafana();
    expect((await apply(grafana, [{ login: 'jurgen' }])).code).toBe(0);
    Object.assign(grafana.users[1] ?? {}, { name: 'Jürgen Größe' });
    const email = 'jurgen@example.com';
    const { code, output } = await apply(grafana, [{ login: 'jurgen', email }], { shell: countsCharacters });
    expect(output).toContain(ended(1));
    expect(code).toBe(0);
    expect(grafana.others).toEqual(['jurgen jurgen@example.com Jürgen Größe Viewer']);
  });

  test('an address that Grafana does not take is said', async () => {
    const grafana = new Grafana();
    expect((await apply(grafana, [{ login: 'bob' }])).code).toBe(0);
    grafana.add({ login: 'robert', email: 'bob@example.com' });
    const changed = await apply(grafana, [{ login: 'bob', email: 'bob@example.com' }]);
    expect(changed.output).toMatch(/^PUT \/api\/users\/2 answered 409 instead of 200:/);
    expect(changed.code).toBe(1);
    const made = await apply(grafana, [{ login: 'bob' }, { login: 'bobby', email: 'bob@example.com' }]);
    expect(made.output).toMatch(/^POST \/api\/admin\/users answered 412 instead of 200:/);
    expect(made.code).toBe(1);
  });

  test.each([
    ['login', { login: 'Bob', email: 'robert@example.com' }],
    ['address', { login: 'robert', email: 'bob' }],
  ])('somebody of the same %s, whom a person made, is neither taken over nor deleted', async (_, theirs) => {
    const grafana = new Grafana();
    expect((await apply(grafana, [{ login: 'anna' }])).code).toBe(0);
    grafana.add({ ...theirs, password: 'of-a-person' });
    const before = structuredClone(grafana.users);
    const { code, output } = await apply(grafana, [{ login: 'anna' }, { login: 'bob' }]);
    expect(code).toBe(1);
    expect(output).toBe(
      `Grafana has a user bob already whom Taffrail did not make, but somebody in the browser, or OAuth: it is not taken over.
Remove it in Grafana (Administration > Users), then type npm run up -- -s prod; or type another login for yours:
  pulumi config set -s prod --path 'taffrail:grafana.users[1].login' <login>`,
    );
    expect(grafana.users).toEqual(before);
    expect((await apply(grafana, [{ login: 'anna' }])).code).toBe(0);
    expect(grafana.users).toEqual(before);
    // Removed, as the sentence says.
    grafana.users = grafana.users.filter(({ id }) => id !== 3);
    expect((await apply(grafana, [{ login: 'anna' }, { login: 'bob' }])).output).toBe(ended(2));
  });

  test('the administrator is not to be removed', async () => {
    const grafana = new Grafana();
    const { code, output } = await apply(grafana, [{ login: 'admin@localhost' }]);
    expect(output).toMatch(/^admin@localhost is the administrator's own name or address\. Type another/);
    expect(output).not.toContain('Remove');
    expect(code).toBe(1);
  });

  test('one whom a job made that was killed before the answer is Taffrail’s own', async () => {
    const grafana = new Grafana();
    const controller = new AbortController();
    grafana.made = () => {
      controller.abort();
    };
    expect((await apply(grafana, [{ login: 'anna' }], { signal: controller.signal })).code).not.toBe(0);
    expect(grafana.others).toHaveLength(1);
    grafana.made = () => undefined;
    expect(await apply(grafana, [{ login: 'anna' }])).toEqual({ code: 0, output: ended(1) });
    expect((await apply(grafana, [])).code).toBe(0);
    expect(grafana.others).toEqual([]);
  });
});

describe('S8: the name of the administrator', () => {
  test('is in force from the first start: a change is refused with the line that takes it back', async () => {
    const grafana = new Grafana();
    expect((await apply(grafana, [])).code).toBe(0);
    expect(readFileSync(at('data/taffrail-admin'), 'utf8')).toBe('admin\n');
    const { code, output } = await apply(grafana, [], { adminUser: 'boss' });
    expect(code).toBe(1);
    expect(output)
      .toBe(`grafana.adminUser is now boss, but Grafana takes it at its first start only: it is still admin.
Type: pulumi config set -s prod --path taffrail:grafana.adminUser admin`);
    expect((await apply(grafana, [])).code).toBe(0);
  });

  test('that was changed in the browser may be that of the settings', async () => {
    const grafana = new Grafana();
    expect((await apply(grafana, [])).code).toBe(0);
    Object.assign(grafana.users[0] ?? {}, { login: 'boss' });
    const { code, output } = await apply(grafana, []);
    expect(output).toMatch(/^Grafana refuses admin the password of the settings: .*renamed in the browser/s);
    expect(output).toMatch(/pulumi config set -s prod --path taffrail:grafana\.adminUser <name>$/);
    expect(code).toBe(1);
    expect((await apply(grafana, [], { adminUser: 'boss' })).code).toBe(0);
  });
});
