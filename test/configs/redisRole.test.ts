import { duplexPair } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DatabaseError, type RoleRequest } from '../../configs/databases/client.ts';
import { exporterRights } from '../../configs/databases/redis.ts';
import { redisRole } from '../../configs/databases/redisRole.ts';
import { redisUserByHand, sha256 } from '../../configs/databases/roles.ts';
import { PretendedRedis } from './pretendedRedis.ts';

// What a real Redis makes of it: test/e2e/2-side-by-side/roles.e2e.ts.

const passwords = { admin: 'admin-password-1', exporter: 'a "b\\ c\n2' };
const rights = exporterRights.match(/(?<=\+)\S+/g) ?? [];
const may = (...more: string[]) => new Set([...rights, ...more]);
const mayNot = (...less: string[]) => new Set(rights.filter((right) => !less.includes(right)));

let redis: PretendedRedis;
beforeEach(() => {
  redis = new PretendedRedis(passwords.admin);
});
afterEach(() => {
  // Nothing is left open, whatever happened.
  expect(redis.streams.every((stream) => stream.destroyed)).toBe(true);
});

const address = (user = 'taffrail_exporter', more: Partial<RoleRequest['address']> = {}) => ({
  ...{ name: 'queue', own: false, host: 'cache', port: 6379, database: '', tls: false },
  user,
  ...more,
});
const request: RoleRequest = {
  address: address(),
  project: 'taffrail-prod',
  password: passwords.exporter,
};
const admin = { user: 'default', password: passwords.admin };
const as = (user: string, password = passwords.exporter): RoleRequest => ({
  ...request,
  address: address(user),
  password,
});
const refused = async (asked: RoleRequest): Promise<string> => {
  const result = await redisRole(redis, asked).catch((error: unknown) => error);
  expect(result).toBeInstanceOf(DatabaseError);
  const { message } = result as Error;
  for (const password of Object.values(passwords)) {
    expect(message).not.toContain(password);
    expect(message).not.toContain(sha256(password));
  }
  const [first, ...rest] = message.split('\n');
  expect(first).toBe(`Cannot use the exporter's user ${asked.address.user} of the Redis on cache:6379:`);
  return rest.join('\n');
};
const byHand = (user: string) =>
  [
    'As an admin, type in redis-cli, with a password in place of PASSWORD (an existing user of that name is replaced):',
    `${redisUserByHand(user)}Then type ACL SAVE if it has an aclfile; without one it forgets the user when it restarts.`,
    'Set `password` to that password',
  ].join('\n');
const line = 'the user taffrail_exporter may read the figures of cache:6379, and no key';
const wrongPassword = 'WRONGPASS invalid username-password pair or user is disabled.\n';

describe('S10: with an admin’s secret', () => {
  test('the user is made, saved, and may read figures only', async () => {
    redis.hasAclFile = true;
    expect(await redisRole(redis, { ...request, admin })).toEqual({ line });
    expect(redis.users.get('taffrail_exporter')).toEqual({
      hash: sha256(passwords.exporter),
      may: may(),
      channels: ['made-by-taffrail-prod'],
    });
    expect(redis.saved).toContain('taffrail_exporter');
    // Who makes it asks nothing else, and it is the user itself who is asked what it may do.
    expect(redis.asked.map((asked) => asked.split(' ').slice(0, 3).join(' '))).toEqual([
      ...['default: ACL GETUSER', 'default: ACL SETUSER', 'default: ACL SAVE'],
      ...['INFO server', 'GET taffrail-asks', 'SET taffrail-asks', 'DEL taffrail-asks', 'SCAN 0'].map(
        (asked) => `taffrail_exporter: ${asked}`,
      ),
      ...['EVAL return', 'CONFIG GET', 'ACL USERS', 'INFO all', 'LATENCY LATEST', 'SLOWLOG LEN'].map(
        (asked) => `taffrail_exporter: ${asked}`,
      ),
      'taffrail_exporter: SLOWLOG GET',
    ]);
  });

  test('a Redis without an aclfile forgets it, which is a warning', async () => {
    expect(await redisRole(redis, { ...request, admin })).toEqual({
      line,
      warning: 'it has no aclfile: it forgets the user taffrail_exporter when it restarts',
    });
  });

  test.each(['7.0.15', '6.2.14'])('made again by its own stack only: Redis %s', async (version) => {
    redis.version = version;
    await redisRole(redis, { ...request, admin });
    await redisRole(redis, { ...request, admin, password: 'rotated' });
    const before = redis.users.get('taffrail_exporter');
    expect(before?.hash).toBe(sha256('rotated'));
    for (const project of ['taffrail-prod2', 'taffrail-pro', 'commands'])
      expect(await refused({ ...request, admin, project })).toBe(
        'The user taffrail_exporter already exists and this stack did not make it, so nothing was changed.\n' +
          'Either set `user` to another name, or keep this user: set `password` to its password and remove `adminPassword`.',
      );
    expect(redis.users.get('taffrail_exporter')).toBe(before);
  });

  test('a user that also has another channel is not ours', async () => {
    redis.set('taffrail_exporter', 'x', may(), ['made-by-taffrail-prod', 'news']);
    expect(await refused({ ...request, admin })).toContain('this stack did not make it');
  });

  test('the admin may have another name', async () => {
    redis.set('boss', passwords.admin, 'everything');
    redis.users.delete('default');
    expect(await redisRole(redis, { ...request, admin: { ...admin, user: 'boss' } })).toMatchObject({ line });
  });

  test('a Redis that asks for no password takes any', async () => {
    redis = new PretendedRedis();
    expect(await redisRole(redis, { ...request, admin })).toMatchObject({ line });
  });

  test('a wrong one is told, and nobody has anything to type', async () => {
    expect(await refused({ ...request, admin: { ...admin, password: 'wrong' } })).toBe(wrongPassword.trim());
    expect(redis.asked).toEqual([]);
  });

  test.each(['acl|getuser', 'acl|setuser', 'acl|save'])('who may not %s is told so', async (missing) => {
    const all = ['acl|getuser', 'acl|setuser', 'acl|save'];
    redis.set('weak', passwords.admin, new Set(all.filter((one) => one !== missing)));
    expect(await refused({ ...request, admin: { ...admin, user: 'weak' } })).toBe(
      `NOPERM User weak has no permissions to run the '${missing}' command`,
    );
  });
});

describe('S10: without an admin’s secret', () => {
  test('the line to type is told; typed, the user passes', async () => {
    expect(await refused(as('metrics'))).toBe(`${wrongPassword}${byHand('metrics')}.`);
    redis.set('metrics', passwords.exporter, may());
    expect(await redisRole(redis, as('metrics'))).toEqual({
      line: line.replace('taffrail_exporter', 'metrics'),
    });
  });

  test('nobody is told to make `default` anew', async () => {
    expect(await refused(as('default'))).toBe(
      `${wrongPassword}${byHand('taffrail_exporter')} and \`user: taffrail_exporter\`.`,
    );
  });

  test('a user that may do everything is refused, and nothing is taken from it', async () => {
    const what = [
      ...['read the values of keys', 'change keys', 'remove keys', 'list the names of keys', 'run scripts'],
      ...['read the configuration', 'see the users'],
    ];
    const wrong = what.map((one) => `it may do too much: it may ${one}\n`).join('');
    expect(await refused(as('default', passwords.admin))).toBe(
      `${wrong}${byHand('taffrail_exporter')} and \`user: taffrail_exporter\`.`,
    );
  });

  test.each([
    // For other keys than ours: Redis refuses the key, not the command.
    ['too much: it may read the values of keys', () => may('get')],
    ['too much: it may change keys', () => may('set')],
    ['too much: it may remove keys', () => may('del')],
    ['too much: it may list the names of keys', () => may('scan')],
    ['too much: it may run scripts', () => may('eval')],
    ['too much: it may read the configuration', () => may('config|get')],
    ['too much: it may see the users', () => may('acl|users')],
    ['too little: it may not ask LATENCY LATEST', () => mayNot('latency|latest')],
    ['too little: it may not ask SLOWLOG LEN', () => mayNot('slowlog|len')],
    ['too little: it may not ask SLOWLOG GET 1', () => mayNot('slowlog|get')],
    ['too little: it may not ask INFO', () => mayNot('info')],
  ])('a user that may do %s', async (wrong, allowed) => {
    redis.set('metrics', passwords.exporter, allowed());
    expect(await refused(as('metrics'))).toBe(
      `it may do ${wrong}\n${byHand('taffrail_exporter')} and \`user: taffrail_exporter\`.`,
    );
    redis.set('taffrail_exporter', passwords.exporter, allowed());
    expect(await refused(request)).toBe(`it may do ${wrong}\n${byHand('taffrail_exporter')}.`);
  });

  test('what a provider has removed, nobody may do', async () => {
    redis.set('taffrail_exporter', passwords.exporter, may('config|get', 'acl|users'));
    redis.removed = new Set(['CONFIG', 'ACL']);
    expect(await redisRole(redis, request)).toEqual({ line });
  });
});

describe('a Redis before 6', () => {
  const old =
    'This Redis is older than 6 or has no ACL, so it has one user: remove `adminPassword`, and set `user: default` and `password`.';
  beforeEach(() => {
    redis.version = '5.0.14';
  });

  test('has one user, which may do everything', async () => {
    const result = {
      line: 'the user default may read the figures of cache:6379; before Redis 6, its password allows everything',
    };
    expect(await redisRole(redis, as('default', passwords.admin))).toEqual(result);
    redis = new PretendedRedis();
    redis.version = '5.0.14';
    expect(await redisRole(redis, as('default'))).toEqual(result);
  });

  test('has no other user', async () => {
    expect(await refused(request)).toBe(`ERR wrong number of arguments for 'auth' command\n${old}`);
  });

  test('lets no user be made; what it repeats of a command is left out', async () => {
    expect(await refused({ ...request, admin })).toBe(`ERR unknown command 'ACL'\n${old}`);
    redis.removed = new Set(['AUTH']);
    expect(await refused(as('default'))).toBe(`ERR unknown command 'AUTH'\n${old}`);
  });

  test('with another password', async () => {
    expect(await refused(as('default'))).toContain('ERR invalid password');
  });
});

describe('no answer', () => {
  const check = 'Check `host`, `port`, `network` and `tls`.';

  test('from a Redis of the team is told at once', async () => {
    redis.starting = 1;
    expect(await refused(request)).toBe(`connection refused. ${check}`);
  });

  test.each([
    ['', 'the connection was closed without an answer'],
    ['HTTP/1.1 400 Bad Request\r\n\r\n', `the answer is not Redis' protocol: "HTTP/1.1 400 Bad Request"`],
  ])('that can be understood', async (greeting, said) => {
    redis.greeting = greeting;
    expect(await refused(request)).toBe(`${said}. ${check}`);
  });

  test('INFO without a version', async () => {
    redis.version = 'unknown';
    redis.set('taffrail_exporter', passwords.exporter, may());
    expect(await refused(request)).toBe('INFO does not name its version');
  });

  test('from the Redis that Taffrail runs is waited for', async () => {
    let waited = 0;
    const pause = (milliseconds: number) => {
      waited += milliseconds;
      return Promise.resolve();
    };
    redis.starting = 3;
    redis.set('taffrail_exporter', passwords.exporter, may());
    const own = { ...request, address: address('taffrail_exporter', { own: true }) };
    expect(await redisRole(redis, own, { pause })).toEqual({ line });
    expect(waited).toBe(3000);
    redis.starting = 1;
    await expect(redisRole(redis, own, { seconds: 0, pause })).rejects.toThrow(
      /connection refused, also after 0 s\. Read its log\.$/,
    );
  });

  test('a failure of the client itself is not taken for one of Redis', async () => {
    await expect(
      redisRole(redis, { ...request, address: address('x', { host: 'elsewhere' }) }),
    ).rejects.toThrow(new Error('nothing at elsewhere:6379'));
  });
});

test('with TLS the password is not sent in the clear', async () => {
  const [near, far] = duplexPair();
  const sent: Buffer[] = [];
  far.on('data', (chunk: Buffer) => {
    sent.push(chunk);
    far.end();
  });
  const secured = redisRole(
    { connect: () => Promise.resolve(near) },
    { ...request, address: address('x', { tls: true }) },
  );
  await expect(secured).rejects.toThrow(/closed without an answer/);
  expect(near.destroyed).toBe(true);
  // A handshake of TLS 1.x.
  expect([...Buffer.concat(sent).subarray(0, 2)]).toEqual([22, 3]);
});
