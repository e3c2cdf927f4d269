import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { apply as applyGrafana } from '../../configs/grafana/apply.ts';
import { grafanaExpected } from '../../configs/grafana/expected.ts';
import type { GrafanaNote } from '../../configs/grafana/note.ts';
import { type GrafanaSettings, grafanaSettings } from '../../configs/grafana/settings.ts';
import { Unanswered } from '../../configs/running.ts';
import { Place, type Pretended } from './pretended.ts';
import { adminPassword, PretendedGrafana } from './pretendedGrafana.ts';

// Users and the administrator of Grafana; what it runs is grafanaReadBack.test.ts.

type Users = { login: string; email?: string; role?: string }[];
const settingsOf = (users: Users, adminUser = 'admin'): GrafanaSettings =>
  grafanaSettings.parse({ adminUser, users: users.map((user) => ({ ...user, password: 'x' })) });

let place: Place;
beforeEach(() => {
  place = new Place();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const note = (): GrafanaNote => JSON.parse(place.note ?? '') as GrafanaNote;

/** Runs apply for these users, on a Grafana without datasources and with the dashboard that Taffrail brings. */
function apply(
  grafana: Pretended & PretendedGrafana,
  users: Users,
  { adminUser = 'admin', password = adminPassword } = {},
) {
  const expected = grafanaExpected({
    ...{ settings: settingsOf(users, adminUser), datasources: [], dashboards: {}, metrics: false },
    ...{ dashboardsFolder: '/dashboards', secretsFolder: '/secrets' },
  });
  return place.apply(applyGrafana, grafana, {
    ...{ stack: 'prod', adminUser, adminPassword: password, configFile: '/etc/taffrail/current/grafana.ini' },
    expected: { ...expected, dashboards: [] },
    passwords: Object.fromEntries(users.map(({ login }) => [login, `of-"${login}\\`])),
  });
}
const ended = (count: number) =>
  `Grafana runs 0 datasources, 0 dashboards, ${String(count)} further user${count === 1 ? '' : 's'}`;

describe('S8: the further users of Grafana', () => {
  test('are made, changed and deleted as the settings say', async () => {
    const grafana = new PretendedGrafana();
    const first = await apply(grafana, [
      { login: 'Anna', email: 'Anna@example.com', role: 'Editor' },
      { login: 'a@b' },
    ]);
    expect(first).toEqual({ line: ended(2) });
    expect(grafana.others).toEqual(['anna anna@example.com Anna Editor', 'a@b a@b a@b Viewer']);
    expect(grafana.signIn('anna', 'of-"Anna\\')).toBeDefined();
    expect(grafana.signIn('a@b', 'of-"a@b\\')).toBeDefined();
    expect(note().users).toEqual([2, 3]);

    // The name is a person's own.
    Object.assign(grafana.users[1] ?? {}, { name: 'Anna "B", {C}' });
    const second = await apply(grafana, [{ login: 'Anna', email: 'new@example.com' }]);
    expect(second).toEqual({ line: `${ended(1)}; deleted 1 user no longer in grafana.users` });
    expect(grafana.others).toEqual(['anna new@example.com Anna "B", {C} Viewer']);

    // An address that was taken out goes, too.
    expect(await apply(grafana, [{ login: 'Anna' }])).toEqual({ line: ended(1) });
    expect(grafana.others).toEqual(['anna anna Anna "B", {C} Viewer']);
    grafana.asked = [];
    expect(await apply(grafana, [{ login: 'Anna' }])).toEqual({ line: ended(1) });
    expect(grafana.asked.filter((one) => /^(POST|PUT) \/api\/(admin\/)?users(\/\d+)?$/.test(one))).toEqual(
      [],
    );
  });

  test('may take another login: the old one gives the address free', async () => {
    const grafana = new PretendedGrafana();
    const email = 'anna@example.com';
    await apply(grafana, [{ login: 'anna', email }]);
    const { line } = await apply(grafana, [{ login: 'anne', email }]);
    expect(line).toContain(ended(1));
    expect(grafana.others).toEqual(['anne anna@example.com anne Viewer']);
  });

  test('may exchange their addresses', async () => {
    const grafana = new PretendedGrafana();
    const [anna, bob] = ['anna@example.com', 'bob@example.com'];
    const pair = (one: string, other: string) => [
      { login: 'anna', email: one },
      { login: 'bob', email: other },
    ];
    await apply(grafana, pair(anna, bob));
    expect(await apply(grafana, pair(bob, anna))).toEqual({ line: ended(2) });
    expect(grafana.others).toEqual(['anna bob@example.com anna Viewer', 'bob anna@example.com bob Viewer']);
  });

  test('may have names in any letters', async () => {
    const grafana = new PretendedGrafana();
    await apply(grafana, [{ login: 'jurgen' }]);
    Object.assign(grafana.users[1] ?? {}, { name: 'Jürgen Größe' });
    expect(await apply(grafana, [{ login: 'jurgen', email: 'jurgen@example.com' }])).toEqual({
      line: ended(1),
    });
    expect(grafana.others).toEqual(['jurgen jurgen@example.com Jürgen Größe Viewer']);
  });

  test('an address that Grafana does not take is said', async () => {
    const grafana = new PretendedGrafana();
    await apply(grafana, [{ login: 'bob' }]);
    grafana.add({ login: 'robert', email: 'bob@example.com' });
    const changed = await apply(grafana, [{ login: 'bob', email: 'bob@example.com' }]);
    expect(changed.error).toMatch(/^PUT \/api\/users\/2 answered 409 instead of 200:/);
    const made = await apply(grafana, [{ login: 'bob' }, { login: 'bobby', email: 'bob@example.com' }]);
    expect(made.error).toMatch(
      /^Grafana does not create the user bobby: POST \/api\/admin\/users answered 412 instead of 200:\n.*already exists/,
    );
    expect(made.error).not.toContain('of-"bobby');
    expect(note()).not.toHaveProperty('making');
  });

  test.each([
    ['login', { login: 'Bob', email: 'robert@example.com' }],
    ['address', { login: 'robert', email: 'bob' }],
  ])('somebody of the same %s, whom a person made, is neither taken over nor deleted', async (_, theirs) => {
    const grafana = new PretendedGrafana();
    await apply(grafana, [{ login: 'anna' }]);
    grafana.add({ ...theirs, password: 'of-a-person' });
    const before = structuredClone(grafana.users);
    const { error } = await apply(grafana, [{ login: 'anna' }, { login: 'bob' }]);
    expect(error).toBe(
      `Grafana already has a user bob that Taffrail did not create, but somebody in the browser, or OAuth. It is not taken over.
Delete it in Grafana (Administration > Users) and run: npm run up -- -s prod
Or set another login for yours:
  pulumi config set -s prod --path 'taffrail:grafana.users[1].login' <login>`,
    );
    expect(grafana.users).toEqual(before);
    expect(await apply(grafana, [{ login: 'anna' }])).toEqual({ line: ended(1) });
    expect(grafana.users).toEqual(before);
    // Deleted, as the error says.
    grafana.users = grafana.users.filter(({ id }) => id !== 3);
    expect(await apply(grafana, [{ login: 'anna' }, { login: 'bob' }])).toEqual({ line: ended(2) });
  });

  test('the administrator is not to be removed', async () => {
    const grafana = new PretendedGrafana();
    const { error } = await apply(grafana, [{ login: 'admin@localhost' }]);
    expect(error).toMatch(/^admin@localhost is the administrator's own login or address\. Set another/);
    expect(error).not.toContain('Delete');
    // Not even if an older Taffrail noted it as its own.
    place.note = JSON.stringify({ ...note(), users: [1] });
    expect(await apply(grafana, [])).toEqual({ line: ended(0) });
    expect(grafana.users).toHaveLength(1);
  });

  test('one whom a run made that was killed before the answer is Taffrail’s own', async () => {
    const grafana = new PretendedGrafana();
    grafana.made = () => {
      throw new Error('killed');
    };
    await expect(apply(grafana, [{ login: 'anna' }])).rejects.toThrow('killed');
    expect(grafana.others).toHaveLength(1);
    expect(note()).toMatchObject({ users: [], making: 'anna' });
    grafana.made = () => undefined;
    expect(await apply(grafana, [{ login: 'anna' }])).toEqual({ line: ended(1) });
    expect(note()).toMatchObject({ users: [2] });
    expect(note()).not.toHaveProperty('making');
    await apply(grafana, []);
    expect(grafana.others).toEqual([]);
  });

  test('one whom a run was about to make that was killed before the request is made by the next', async () => {
    const grafana = new PretendedGrafana();
    const { answers } = grafana;
    grafana.answers = (method, path, asked) => {
      if (path === '/api/admin/users') throw new Unanswered('socket hang up');
      return answers(method, path, asked);
    };
    const { error } = await apply(grafana, [{ login: 'anna' }]);
    expect(error).toBe(
      "Grafana stopped answering: socket hang up\nIts container's log says why. Then run: npm run up -- -s prod",
    );
    expect(note().making).toBe('anna');
    grafana.answers = answers;
    expect(await apply(grafana, [{ login: 'anna' }])).toEqual({ line: ended(1) });
  });

  test('one who was deleted by a run that was killed before the answer is no problem for the next', async () => {
    const grafana = new PretendedGrafana();
    await apply(grafana, [{ login: 'anna' }]);
    grafana.users = grafana.users.filter(({ id }) => id !== 2);
    expect((await apply(grafana, [])).line).toContain(ended(0));
    expect(note().users).toEqual([]);
  });
});

describe('S8: the administrator', () => {
  test('has a name from the first start: a change is refused with the line that takes it back', async () => {
    const grafana = new PretendedGrafana();
    await apply(grafana, []);
    expect(note().admin).toBe('admin');
    const { error } = await apply(grafana, [], { adminUser: 'boss' });
    expect(error).toBe(
      `grafana.adminUser is now boss, but Grafana sets the administrator's name at its first start only: it is still admin.
Run: pulumi config set -s prod --path taffrail:grafana.adminUser admin`,
    );
    expect(note().admin).toBe('admin');
    expect(await apply(grafana, [])).toEqual({ line: ended(0) });
  });

  test('may have another name in the settings, once it was changed in the browser', async () => {
    const grafana = new PretendedGrafana();
    await apply(grafana, []);
    Object.assign(grafana.users[0] ?? {}, { login: 'boss' });
    const { error } = await apply(grafana, []);
    expect(error).toMatch(
      /^Grafana does not let admin sign in .*renamed in the browser.*five wrong passwords/s,
    );
    expect(error).toContain(
      '  pulumi config set -s prod --path taffrail:grafana.adminUser <name>\n  npm run up -- -s prod\n',
    );
    expect(await apply(grafana, [], { adminUser: 'boss' })).toEqual({ line: ended(0) });
  });

  test('3.17: gets a new password beside the running program, on standard input', async () => {
    const grafana = new PretendedGrafana();
    await apply(grafana, []);
    expect(grafana.resets).toEqual([]);
    expect(await apply(grafana, [], { password: 'another' })).toEqual({ line: ended(0) });
    expect(grafana.resets).toEqual([
      {
        password: 'another',
        command: [
          ...['grafana', 'cli', '--homepath', '/usr/share/grafana'],
          ...['--config', '/etc/taffrail/current/grafana.ini'],
          ...['admin', 'reset-admin-password', '--password-from-stdin'],
        ],
      },
    ]);
    expect(grafana.signIn('admin', 'another')).toBeDefined();
  });

  test('is told why the password could not be set', async () => {
    const grafana = new PretendedGrafana();
    grafana.beside = () => ({ exitCode: 1, output: 'database is locked\n' });
    const { error } = await apply(grafana, [], { password: 'another' });
    expect(error).toBe(
      "Grafana's administrator password could not be reset; `grafana cli` ended with 1:\ndatabase is locked",
    );
  });
});

describe('3.14: the note', () => {
  test.each([
    [
      'users is not a list of whole numbers',
      { admin: 'admin', datasources: [], dashboards: [], users: ['1'] },
    ],
    ['admin is not a text', ['anna']],
    [
      'dashboards is not a list of uid, revision and by',
      { admin: 'admin', datasources: [], dashboards: [{ uid: 'own' }], users: [] },
    ],
  ])('that is damaged is said once, with what to do about users: %s', async (what, damaged) => {
    const grafana = new PretendedGrafana();
    await apply(grafana, [{ login: 'anna' }]);
    place.note = JSON.stringify(damaged);
    const { error } = await apply(grafana, [{ login: 'anna' }]);
    expect(error).toContain(`is damaged (${what})`);
    expect(error).toContain('Administration > Users');
    grafana.users = grafana.users.slice(0, 1);
    expect(await apply(grafana, [{ login: 'anna' }])).toEqual({ line: ended(1) });
  });
});
