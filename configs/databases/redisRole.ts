// The exporter's ACL user in a Redis.
import { setTimeout } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { Unanswered } from '../running.ts';
import { everybody, exporterRole } from './address.ts';
import {
  type DatabaseClient,
  DatabaseError,
  type DatabaseResult,
  excerpt,
  type Login,
  type Patience,
  type RoleRequest,
} from './client.ts';
import { redisOwner, redisUserByHand, redisUserCommand } from './roles.ts';
import { type Reply, RespConnection, RespError } from './resp.ts';

type Address = RoleRequest['address'];
type Connect = Pick<DatabaseClient, 'connect'>;

/** None of these changes anything, whoever sends it. */
const forbidden: readonly (readonly [command: readonly string[], what: string])[] = [
  [['GET', 'taffrail-asks'], 'read the values of keys'],
  [['SET', 'taffrail-asks', '', 'XX'], 'change keys'],
  [['DEL', 'taffrail-asks'], 'remove keys'],
  [['SCAN', '0', 'COUNT', '1'], 'list the names of keys'],
  [['EVAL', 'return 1', '0'], 'run scripts'],
  [['CONFIG', 'GET', 'maxmemory'], 'read the configuration'],
  [['ACL', 'USERS'], 'see the users'],
];
const required = ['INFO all', 'LATENCY LATEST', 'SLOWLOG LEN', 'SLOWLOG GET 1'];

/**
 * Creates the least-privilege ACL user of an exporter, if an admin's password is given, then logs in as that user and
 * checks that it may read statistics and nothing else. Idempotent.
 *
 * @throws DatabaseError with what Redis said; without an admin also with the line to type
 */
export async function redisRole(
  client: Connect,
  request: RoleRequest,
  patience: Patience = {},
): Promise<DatabaseResult> {
  const { address, admin, password } = request;
  const { host, port, user } = address;
  try {
    const forgets =
      admin !== undefined &&
      (await withSession(client, address, admin, patience, (session) => create(session, request)));
    const line = await withSession(client, address, { user, password }, patience, (session) =>
      verify(session, address),
    );
    return {
      line,
      ...(forgets && { warning: `it has no aclfile: it forgets the user ${user} when it restarts` }),
    };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const advice = adviceOn(error, address, admin !== undefined);
    throw new DatabaseError(
      [
        `Cannot use the exporter's user ${user} of the Redis on ${host}:${port}:`,
        excerpt(error.message),
        ...advice,
      ].join('\n'),
    );
  }
}

/** What may be done about a refusal by hand. */
type Kind =
  /** Nothing. */
  | 'other'
  /** The user does not exist, or has another password. */
  | 'login'
  /** The user has other rights. It may be somebody's, so the person is told to create another one. */
  | 'rights';

class Refusal extends Error {
  readonly kind: Kind;

  constructor(message: string, kind: Kind = 'other') {
    super(message);
    this.kind = kind;
  }
}

/** Before Redis 6 there is one user and no ACL; some providers remove the ACL commands. */
const hasNoAcl = (text: string): boolean =>
  /^ERR (unknown command|wrong number of arguments for 'auth')/.test(text);

function adviceOn({ message, kind }: Refusal, { user, own }: Address, hasAdmin: boolean): string[] {
  if (hasNoAcl(message))
    return [
      'This Redis is older than 6 or has no ACL, so it has one user: remove `adminPassword`, and set `user: default` and `password`.',
    ];
  if (kind === 'other' || hasAdmin || own) return [];
  const name = kind === 'rights' || user === everybody ? exporterRole : user;
  return [
    'As an admin, type in redis-cli, with a password in place of PASSWORD (an existing user of that name is replaced):',
    redisUserByHand(name).trimEnd(),
    'Then type ACL SAVE if it has an aclfile; without one it forgets the user when it restarts.',
    `Set \`password\` to that password${name === user ? '' : ` and \`user: ${name}\``}.`,
  ];
}

/** Redis repeats the arguments of an unknown command, which may hold a password. */
const said = ({ message }: RespError): string => message.replace(/,? with args beginning with:.*/s, '');

/** @returns whether Redis forgets the user when it restarts */
async function create(
  session: RespConnection,
  { address: { user }, password, project }: RoleRequest,
): Promise<boolean> {
  const expect = (reply: Reply): Reply => {
    if (reply instanceof RespError) throw new Refusal(said(reply));
    return reply;
  };
  const existing = expect(await session.ask(['ACL', 'GETUSER', user]));
  if (existing !== null && !isOurs(existing, redisOwner(project)))
    throw new Refusal(
      [
        `The user ${user} already exists and this stack did not make it, so nothing was changed.`,
        'Either set `user` to another name, or keep this user: set `password` to its password and remove `adminPassword`.',
      ].join('\n'),
    );
  expect(await session.ask(redisUserCommand(user, password, project)));
  const saved = await session.ask(['ACL', 'SAVE']);
  if (saved instanceof RespError && saved.message.includes('not configured to use an ACL file')) return true;
  expect(saved);
  return false;
}

/** `channels` is a string since Redis 7, and a list before. */
function isOurs(user: Reply, owner: string): boolean {
  if (!Array.isArray(user)) return false;
  const fields: readonly Reply[] = user;
  const channels = fields[fields.findIndex((field, at) => at % 2 === 0 && field === 'channels') + 1];
  return [channels].flat().some((channel) => channel === owner || channel === `&${owner}`);
}

/** @returns what is true now */
async function verify(session: RespConnection, { host, port, user }: Address): Promise<string> {
  const info = await session.ask(['INFO', 'server']);
  if (info instanceof RespError)
    throw info.message.startsWith('NOPERM')
      ? new Refusal('it may do too little: it may not ask INFO', 'rights')
      : new Refusal(said(info), 'login');
  const [, version] = /^redis_version:(\d+)/m.exec(typeof info === 'string' ? info : '') ?? [];
  if (version === undefined) throw new Refusal('INFO does not name its version');
  if (Number(version) < 6)
    return `the user ${user} may read the figures of ${host}:${port}; before Redis 6, its password allows everything`;

  // If Redis refuses only the key, the command is allowed for other keys.
  const may = async (command: readonly string[]): Promise<boolean> => {
    const reply = await session.ask(command);
    return !(reply instanceof RespError && /^(NOPERM .* to run the |ERR unknown )/.test(reply.message));
  };
  const wrong: string[] = [];
  for (const [command, what] of forbidden)
    if (await may(command)) wrong.push(`it may do too much: it may ${what}`);
  for (const command of required)
    if (!(await may(command.split(' ')))) wrong.push(`it may do too little: it may not ask ${command}`);
  if (wrong.length > 0) throw new Refusal(wrong.join('\n'), 'rights');
  return `the user ${user} may read the figures of ${host}:${port}, and no key`;
}

/**
 * Uses a connection that is logged in, and closes it.
 *
 * @throws Refusal when Redis refuses the login, or does not answer: at once, or after a while where Taffrail runs it
 */
async function withSession<Result>(
  client: Connect,
  address: Address,
  login: Login,
  { seconds = 120, pause = setTimeout }: Patience,
  use: (session: RespConnection) => Promise<Result>,
): Promise<Result> {
  const end = Date.now() + (address.own ? seconds * 1000 : 0);
  for (;;) {
    let session: RespConnection | undefined;
    try {
      session = await open(client, address);
      await logIn(session, login);
      return await use(session);
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
      if (Date.now() >= end)
        throw new Refusal(
          address.own
            ? `${error.message}, also after ${seconds} s. Read its log.`
            : `${error.message}. Check \`host\`, \`port\`, \`network\` and \`tls\`.`,
        );
      await pause(1000);
    } finally {
      session?.close();
    }
  }
}

async function open(client: Connect, { host, port, tls }: Address): Promise<RespConnection> {
  const stream = await client.connect(host, port);
  if (!tls) return new RespConnection(stream);
  const secured = connectTls({ socket: stream, rejectUnauthorized: false });
  stream.on('error', (error) => secured.destroy(error));
  secured.on('close', () => stream.destroy());
  return new RespConnection(secured);
}

async function logIn(session: RespConnection, { user, password }: Login): Promise<void> {
  // With one word, as before Redis 6.
  const reply = await session.ask(['AUTH', ...(user === everybody ? [] : [user]), password]);
  if (!(reply instanceof RespError) || needsNoPassword.test(reply.message)) return;
  throw new Refusal(said(reply), 'login');
}

/** Since Redis 6, and before. */
const needsNoPassword =
  /^ERR (AUTH <password> called without any password|Client sent AUTH, but no password is set)/;
