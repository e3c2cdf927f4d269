import { fields, type Fields, list, text } from '../reading.ts';
import { type Apply, ApplyError, expectStatus, json, type Running, Unanswered, until } from '../running.ts';
import { npmRun, shellWord } from '../whatToType.ts';
import { cloudBeaverStartSeconds } from './listen.ts';

export interface CloudBeaverTold {
  /** Named in every command that an error tells to type. */
  stack: string;
  /** `renderCloudBeaver` says both paths. */
  healthPath: string;
  apiPath: string;
  serverName: string;
  adminName: string;
  /** `loginDigest` of the password of the settings. */
  digest: string;
  /** The configuration key of that password's secret, named when the password in force is unknown. */
  passwordKey: string;
  /** Those of the settings. */
  connections: readonly { id: string; url: string }[];
}

/** What was in force when an earlier run ended well: CloudBeaver takes a new password only from who knows the old one. */
interface Note {
  admin: string;
  digest: string;
}

/** Milliseconds between two logins: CloudBeaver refuses a second one of a user within a second. */
const loginPause = 1300;
/** A login that is too frequent is tried this often: somebody may be signing in at the same time. */
const loginTries = 10;

/** Sets the administrator's password to that of the settings, then compares what runs with what was written. */
export const apply: Apply<CloudBeaverTold> = async (program, told) => {
  try {
    return await applied(program, told);
  } catch (error) {
    if (!(error instanceof Unanswered)) throw error;
    throw new ApplyError(
      `CloudBeaver stopped answering: ${error.message}
Its container's log says why. Then run: ${npmRun('up', told.stack)}`,
    );
  }
};

async function applied(program: Running, told: CloudBeaverTold): Promise<string> {
  await until(program, told.healthPath, {
    seconds: cloudBeaverStartSeconds,
    wanted: ({ status }) => status === 200,
  });
  const note = noteOf(await program.recall());
  if (note !== undefined && note.admin !== told.adminName) throw renamed(told, note.admin);
  const { cookie, changed } = await signIn(program, told, note?.digest);
  const next: Note = { admin: told.adminName, digest: told.digest };
  if (note?.digest !== next.digest) await program.remember(next);
  // What the workspace holds wins over the file, so it is read back.
  await checkServer(program, told, cookie);
  await checkConnections(program, told, cookie);
  const ids = told.connections.map(({ id }) => id);
  return `CloudBeaver runs as ${told.serverName}, without anonymous access; connections of the settings: ${ids.join(', ') || 'none'}${changed ? `; the password of ${told.adminName} was changed to that of the settings` : ''}`;
}

/**
 * A damaged note reads as none: it only helps when the password of the settings is refused, and then the error says
 * how to go on without it.
 */
function noteOf(recalled: unknown): Note | undefined {
  const { admin, digest } = fields(recalled);
  return typeof admin === 'string' && typeof digest === 'string' ? { admin, digest } : undefined;
}

function renamed({ stack, adminName }: CloudBeaverTold, inForce: string): ApplyError {
  return new ApplyError(
    `cloudbeaver.adminName is now ${adminName}, but CloudBeaver sets the administrator's name at its first start only: it is still ${inForce}.
Run: pulumi config set -s ${stack} --path taffrail:cloudbeaver.adminName ${shellWord(inForce)}`,
  );
}

/** Signs in with the password of the settings; with the one in force first, if the settings have a new one. */
async function signIn(
  program: Running,
  told: CloudBeaverTold,
  inForce: string | undefined,
): Promise<{ cookie: string; changed: boolean }> {
  const first = await login(program, told, told.digest);
  if (first.cookie !== undefined) return { cookie: first.cookie, changed: false };
  if (inForce === undefined || inForce === told.digest) throw unknownPassword(told, first.said);
  await program.pause(loginPause);
  const old = await login(program, told, inForce);
  if (old.cookie === undefined) throw unknownPassword(told, old.said);
  await setPassword(program, told, old.cookie);
  await program.pause(loginPause);
  const renewed = await login(program, told, told.digest);
  if (renewed.cookie === undefined)
    throw new ApplyError(
      `CloudBeaver took the new password of ${told.adminName} and now refuses it: ${renewed.said}
Its container's log says why. Then run: ${npmRun('up', told.stack)}`,
    );
  return { cookie: renewed.cookie, changed: true };
}

function unknownPassword({ stack, adminName, passwordKey }: CloudBeaverTold, whatItSaid: string): ApplyError {
  return new ApplyError(
    `CloudBeaver refuses the password of the settings for ${adminName}, and the one in force is unknown: it was changed in the browser.
CloudBeaver says: ${whatItSaid}
Put the password in force into the settings; from there you can change it:
  pulumi config set -s ${stack} --plaintext --path taffrail:cloudbeaver.adminPassword ${shellWord(passwordKey)}
  pulumi config set -s ${stack} --secret taffrail:${passwordKey}
  ${npmRun('up', stack)}`,
  );
}

type Login = { cookie: string } | { cookie?: undefined; said: string };

/** Signs in with a password's digest. The cookie is that of the session; without one the password is another. */
async function login(program: Running, told: CloudBeaverTold, digest: string): Promise<Login> {
  const { stack, apiPath, adminName } = told;
  const query = 'query($c: Object!) { authLogin(provider: "local", credentials: $c) { authStatus } }';
  const credentials = { user: adminName, password: digest };
  for (let tries = 1; ; tries++) {
    const { data, errors, cookie } = await gql(program, apiPath, query, { c: credentials });
    if (fields(data['authLogin'])['authStatus'] === 'SUCCESS') return { cookie };
    const said = errors.join('; ') || 'nothing';
    if (said.includes('Blocked the possibility'))
      throw new ApplyError(
        `CloudBeaver refuses every login of ${adminName} for five minutes, because somebody typed wrong passwords: ${said}
Wait, then run: ${npmRun('up', stack)}`,
      );
    if (!said.includes('Too frequent')) return { said };
    if (tries === loginTries)
      throw new ApplyError(
        `CloudBeaver does not let ${adminName} sign in: ${said}
Something else signs in as ${adminName} all the time. Stop it, then run: ${npmRun('up', stack)}`,
      );
    await program.pause(loginPause);
  }
}

async function setPassword(
  program: Running,
  { stack, apiPath, adminName, digest }: CloudBeaverTold,
  cookie: string,
): Promise<void> {
  const variables = { u: adminName, c: { password: digest } };
  const set = (kind: 'query' | 'mutation') =>
    gql(
      program,
      apiPath,
      `${kind}($u: ID!, $c: Object!) { setUserCredentials(userId: $u, providerId: "local", credentials: $c) }`,
      variables,
      cookie,
    );
  // A query until 26. A version that moved it runs nothing of the query, so it is safe to ask again.
  const asked = await set('query');
  const { errors } = asked.invalid ? await set('mutation') : asked;
  if (errors.length > 0)
    throw new ApplyError(
      `CloudBeaver does not take the new password of ${adminName}: ${errors.join('; ')}
Its container's log says why. Then run: ${npmRun('up', stack)}`,
    );
}

async function checkServer(
  program: Running,
  { stack, apiPath, serverName }: CloudBeaverTold,
  cookie: string,
): Promise<void> {
  const data = await answered(
    program,
    apiPath,
    'query { serverConfig { name anonymousAccessEnabled } }',
    cookie,
  );
  const { name, anonymousAccessEnabled } = fields(data['serverConfig']);
  if (anonymousAccessEnabled !== false)
    throw new ApplyError(
      `CloudBeaver lets anonymous users in: somebody allowed it in the browser, and that wins over its file.
Switch it off in CloudBeaver (Settings > Administration > Server configuration), then run: ${npmRun('up', stack)}`,
    );
  if (name !== serverName)
    throw new ApplyError(
      `CloudBeaver runs as ${text(name)} instead of ${serverName}: the name was changed in the browser, and that wins over its file.
Change it there (Settings > Administration > Server configuration), then run: ${npmRun('up', stack)}
Or take it over: pulumi config set -s ${stack} --path taffrail:cloudbeaver.serverName ${shellWord(text(name))}`,
    );
}

async function checkConnections(
  program: Running,
  { stack, apiPath, connections }: CloudBeaverTold,
  cookie: string,
): Promise<void> {
  const data = await answered(program, apiPath, 'query { userConnections { id url } }', cookie);
  const shown = new Map(
    list(data['userConnections']).map((connection) => {
      const { id, url } = fields(connection);
      return [text(id), text(url)];
    }),
  );
  for (const { id, url } of connections) {
    const found = shown.get(id);
    if (found !== url)
      throw new ApplyError(
        `CloudBeaver ${found === undefined ? `does not show the connection ${id} to ${url}` : `shows the connection ${id} to ${found} instead of ${url}`}.
Its container's log says why. Then run: ${npmRun('up', stack)}`,
      );
  }
  const expected = new Set(connections.map(({ id }) => id));
  const dropped = [...shown.keys()].filter((id) => isOurs.test(id) && !expected.has(id));
  if (dropped.length > 0)
    throw new ApplyError(
      `CloudBeaver still shows connections that the settings no longer have: ${dropped.join(', ')}
Delete them in the browser, then run: ${npmRun('up', stack)}`,
    );
}

/** The ids that `shownConnections` gives. Those of people's own connections are longer. */
const isOurs = /^(postgres|team-.*)$/;

/** Asks as the administrator, and insists on an answer without errors. */
async function answered(program: Running, apiPath: string, query: string, cookie: string): Promise<Fields> {
  const { data, errors } = await gql(program, apiPath, query, {}, cookie);
  if (errors.length > 0) throw new ApplyError(`CloudBeaver does not answer ${query}: ${errors.join('; ')}`);
  return data;
}

interface GraphQl {
  data: Fields;
  /** CloudBeaver answers 200 to what it refuses, too. */
  errors: string[];
  /** The schema does not know the query. */
  invalid: boolean;
  /** The session's cookies, as the next request sends them. */
  cookie: string;
}

async function gql(
  { ask }: Running,
  path: string,
  query: string,
  variables: Fields,
  cookie?: string,
): Promise<GraphQl> {
  const answer = await expectStatus(ask, 200, 'POST', path, {
    json: { query, variables },
    ...(cookie !== undefined && { headers: { cookie } }),
  });
  const { data, errors } = fields(json(answer, `POST ${path}`));
  const set = answer.headers['set-cookie'] ?? [];
  return {
    data: fields(data),
    errors: list(errors).map((error) => text(fields(error)['message']) || JSON.stringify(error)),
    invalid: /validation ?error/i.test(JSON.stringify(errors ?? '')),
    cookie: (typeof set === 'string' ? [set] : set).map((one) => one.split(';')[0]?.trim()).join('; '),
  };
}
