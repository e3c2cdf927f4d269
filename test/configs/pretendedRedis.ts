import { type Duplex, duplexPair } from 'node:stream';
import { sha256 } from '../../configs/databases/roles.ts';
import { type Reply, RespError, RespReader } from '../../configs/databases/resp.ts';
import { Unanswered } from '../../configs/running.ts';

// Of Redis what has to do with users, in its own words (7.0.15, and 5 and 6 where they differ).

interface User {
  /** Of its password; absent where any will do. */
  hash?: string;
  /** `info`, `slowlog|get`; or everything. */
  may: Set<string> | 'everything';
  channels: string[];
}

const denied = (user: string, command: string): RespError =>
  new RespError(`NOPERM User ${user} has no permissions to run the '${command}' command`);
const ok = 'OK';

export class PretendedRedis {
  version = '7.0.15';
  hasAclFile = false;
  /** Commands that a provider has removed. */
  removed = new Set<string>();
  /** Said instead of any answer. */
  greeting: string | undefined;
  /** So many connections find nobody, as long as it starts. */
  starting = 0;
  readonly users = new Map<string, User>();
  readonly asked: string[] = [];
  readonly streams: Duplex[] = [];
  readonly #saved = new Set<string>();

  constructor(password?: string) {
    this.set('default', password, 'everything');
  }

  set(name: string, password: string | undefined, may: Set<string> | 'everything', channels: string[] = []) {
    const hash = password === undefined ? {} : { hash: sha256(password) };
    this.users.set(name, { ...hash, may, channels });
  }

  get saved(): string[] {
    return [...this.#saved];
  }

  readonly connect = (host: string, port: number): Promise<Duplex> => {
    if (`${host}:${port}` !== 'cache:6379') return Promise.reject(new Error(`nothing at ${host}:${port}`));
    if (this.starting-- > 0) return Promise.reject(new Unanswered('connection refused'));
    const [near, far] = duplexPair();
    this.streams.push(near);
    void this.#serve(far).catch(() => far.destroy());
    return Promise.resolve(near);
  };

  async #serve(stream: Duplex): Promise<void> {
    const session = { user: this.users.get('default')?.hash === undefined ? 'default' : undefined };
    const reader = new RespReader(stream);
    for (;;) {
      const words = (await reader.next()) as string[];
      if (this.greeting !== undefined) stream.end(this.greeting);
      else stream.write(encodeReply(this.#answer(words, session)));
    }
  }

  #answer(words: string[], session: { user: string | undefined }): Reply {
    const [verb = '', second = ''] = words;
    const old = this.version < '6';
    if (this.removed.has(verb) || (old && verb === 'ACL'))
      return new RespError(
        `ERR unknown command '${verb}', with args beginning with: ${words
          .slice(1)
          .map((word) => `'${word}' `)
          .join('')}`,
      );
    if (verb === 'AUTH') return this.#logIn(words.slice(1), session, old);
    const { user } = session;
    if (user === undefined) return new RespError('NOAUTH Authentication required.');
    this.asked.push(`${user}: ${words.join(' ')}`);
    const command = ['ACL', 'CONFIG', 'LATENCY', 'SLOWLOG'].includes(verb)
      ? `${verb}|${second}`.toLowerCase()
      : verb.toLowerCase();
    const { may = 'everything' } = this.users.get(user) ?? {};
    if (may !== 'everything' && !may.has(command)) return denied(user, command);
    return this.#run(command, words);
  }

  #logIn(words: string[], session: { user: string | undefined }, old: boolean): Reply {
    if (old && words.length > 1) return new RespError("ERR wrong number of arguments for 'auth' command");
    const [name = '', password = ''] = words.length > 1 ? words : ['default', ...words];
    const user = this.users.get(name);
    if (words.length === 1 && user !== undefined && user.hash === undefined)
      return new RespError(
        old
          ? 'ERR Client sent AUTH, but no password is set'
          : 'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
      );
    if (user === undefined || (user.hash !== undefined && user.hash !== sha256(password)))
      return new RespError(
        old ? 'ERR invalid password' : 'WRONGPASS invalid username-password pair or user is disabled.',
      );
    session.user = name;
    return ok;
  }

  #run(command: string, words: string[]): Reply {
    const name = words[2] ?? '';
    switch (command) {
      case 'info':
        return `# Server\r\nredis_version:${this.version}\r\nredis_mode:standalone\r\n`;
      case 'acl|getuser':
        return this.#describe(this.users.get(name));
      case 'acl|setuser': {
        const rules = words.slice(3);
        const of = (sign: string) =>
          rules.filter((rule) => rule.startsWith(sign)).map((rule) => rule.slice(1));
        const [hash = ''] = of('#');
        this.users.set(name, { hash, may: new Set(of('+')), channels: of('&') });
        return ok;
      }
      case 'acl|save':
        if (!this.hasAclFile)
          return new RespError(
            'ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration.',
          );
        for (const user of this.users.keys()) this.#saved.add(user);
        return ok;
      case 'get':
        return new RespError('NOPERM No permissions to access a key');
      case 'slowlog|get':
        return [[1, 1700000000, 12, ['SET', 'a', 'b'], '10.0.0.2:1', '']];
      default:
        return null;
    }
  }

  #describe(user: User | undefined): Reply {
    if (user === undefined) return null;
    const since7 = this.version >= '7';
    return [
      ...['flags', ['on', 'sanitize-payload'], 'passwords', user.hash === undefined ? [] : [user.hash]],
      ...['commands', user.may === 'everything' ? '+@all' : `-@all ${[...user.may].join(' ')}`],
      ...['keys', since7 ? '~*' : ['*']],
      ...['channels', since7 ? user.channels.map((one) => `&${one}`).join(' ') : user.channels],
      ...(since7 ? ['selectors', []] : []),
    ];
  }
}

function encodeReply(reply: Reply): string {
  if (reply === null) return '$-1\r\n';
  if (reply instanceof RespError) return `-${reply.message}\r\n`;
  if (typeof reply === 'number') return `:${reply}\r\n`;
  if (typeof reply === 'string')
    return reply === ok ? '+OK\r\n' : `$${Buffer.byteLength(reply)}\r\n${reply}\r\n`;
  return `*${reply.length}\r\n${reply.map(encodeReply).join('')}`;
}
