import { parse } from 'yaml';
import type { Files } from '../../configs/files.ts';
import type { Asked } from '../../configs/running.ts';
import type { Answers } from './pretended.ts';

export interface User {
  id: number;
  login: string;
  email: string;
  name: string;
  password: string;
  role: string;
}
type Body = Partial<Record<'login' | 'email' | 'name' | 'password' | 'role', string>>;
type Said = [status: number, body: unknown];
type Model = Record<string, unknown> & { uid: string };

export const adminPassword = 'admin-0123456789';

/** Of Grafana what its apply asks: users as it keeps them, and datasources and dashboards as it read them from files. */
export class PretendedGrafana {
  users: User[] = [];
  asked: string[] = [];
  dashboards = new Map<string, Model>();
  datasources = new Map<string, Model>();
  /** Of a datasource's health, by uid; `OK` for others. */
  health: (uid: string) => Said = () => [200, { status: 'OK', message: 'Data source is working' }];
  /** Called when a user was created, before the answer. */
  made: () => void = () => undefined;
  resets: { command: readonly string[]; password: string }[] = [];

  constructor() {
    this.add({ login: 'admin', email: 'admin@localhost', password: adminPassword });
  }

  /** Takes over files, as a Grafana that has read them. */
  read(files: Files): this {
    const models = Object.entries(files).flatMap(([path, content]) =>
      path.startsWith('dashboards/') ? [JSON.parse(content) as Model] : [],
    );
    const { datasources } = parse(files['provisioning/datasources/taffrail.yml'] ?? '') as {
      datasources: Model[];
    };
    // It counts versions itself, and puts its own numbers into the model.
    this.dashboards = new Map(models.map((model) => [model.uid, { ...model, id: 7, version: 3 }]));
    this.datasources = new Map(
      datasources.map((source) => [
        source.uid,
        { basicAuth: false, ...source, readOnly: true, secureJsonData: undefined },
      ]),
    );
    return this;
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

  answers: Answers = (method, path, asked) => {
    this.asked.push(`${method} ${path}`);
    const [status, body] = this.#answer(method, path, asked);
    return { status, body: JSON.stringify(body) };
  };

  /** `grafana cli admin reset-admin-password`, of the first user whatever its name. */
  beside = (command: readonly string[], password: string) => {
    this.resets.push({ command, password });
    Object.assign(this.users[0] ?? {}, { password });
    return { exitCode: 0, output: 'New Password: \nAdmin password changed successfully ✔\n' };
  };

  #answer(method: string, path: string, { headers, json }: Asked): Said {
    if (path === '/api/health') return [200, { database: 'ok' }];
    const [login = '', password = ''] = Buffer.from(headers?.['authorization']?.split(' ')[1] ?? '', 'base64')
      .toString()
      .split(':');
    const who = this.signIn(login, password);
    if (who === undefined) return [401, { message: 'Invalid username or password' }];
    if (path === '/api/user') return [200, { id: who.id, login: who.login, isGrafanaAdmin: who.id === 1 }];
    if (path.endsWith('/reload')) return [200, { message: 'reloaded' }];
    const [, kind, uid = '', part] =
      /^\/api\/(dashboards|datasources)\/uid\/([^/]*)(\/health)?$/.exec(path) ?? [];
    if (kind !== undefined) return this.#provisioned(kind as 'dashboards' | 'datasources', uid, part);
    return this.#ofUsers(method, path, json ?? {});
  }

  #provisioned(kind: 'dashboards' | 'datasources', uid: string, part: string | undefined): Said {
    const found = this[kind].get(uid);
    if (found === undefined) return [404, { message: 'not found' }];
    if (part !== undefined) return this.health(uid);
    return [200, kind === 'datasources' ? found : { meta: { provisioned: true }, dashboard: found }];
  }

  #ofUsers(method: string, path: string, body: Body): Said {
    const url = new URL(path, 'http://grafana');
    if (url.pathname === '/api/users/lookup')
      return this.#shown(this.find(url.searchParams.get('loginOrEmail') ?? ''));
    if (path === '/api/admin/users') return this.#create(body);
    const [, kind = '', id = '', part = ''] = /^\/api\/(\w+(?:\/\w+)?)\/(\d+)(\/\w+)?$/.exec(path) ?? [];
    const user = this.users.find((one) => String(one.id) === id);
    if (user === undefined || kind === '') return [404, { message: 'user not found' }];
    return this.#change(`${method} ${kind}${part}`, user, body);
  }

  #shown(user: User | undefined): Said {
    if (user === undefined) return [404, { message: 'user not found' }];
    const { password, role, ...rest } = user;
    return [200, { ...rest, orgId: 1, isDisabled: password === role }];
  }

  #create(body: Body): Said {
    const { login = '', email = '' } = body;
    if (this.find(login) ?? this.find(email || login)) return [412, { message: 'already exists' }];
    const { id } = this.add(body);
    this.made();
    return [200, { id, message: 'User created' }];
  }

  #change(what: string, user: User, { login = '', email = '', name = '', ...body }: Body): Said {
    if (what === 'GET users') return this.#shown(user);
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
