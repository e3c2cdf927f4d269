import { fields, text } from '../reading.ts';
import {
  type Answer,
  type Apply,
  ApplyError,
  type Ask,
  basic,
  expectStatus,
  json,
  type Running,
  shown,
  Unanswered,
  until,
} from '../running.ts';
import { npmRun, shellWord } from '../whatToType.ts';
import type { ExpectedDashboard, ExpectedDatasource, GrafanaExpected } from './expected.ts';
import { grafanaStartSeconds } from './listen.ts';
import { Notebook } from './note.ts';
import { applyUsers } from './users.ts';

export interface GrafanaTold {
  /** Named in every command that an error tells to type. */
  stack: string;
  adminUser: string;
  adminPassword: string;
  /** The path of `grafana.ini` in the container: resetting the password must find the same database. */
  configFile: string;
  expected: GrafanaExpected;
  /** The passwords of `expected.users`, by login. */
  passwords: Readonly<Record<string, string>>;
}

/** Seconds for the store behind a datasource, which may still be starting. */
const storeTime = 240;
/** Seconds for Grafana to read files: it reads dashboards in the background. */
const readTime = 30;

/** Grafana as its administrator, with what the steps below share. */
export interface Session extends Pick<Running, 'pause'> {
  /** Signed in. */
  ask: Ask;
  stack: string;
  adminId: number;
}

/** Reloads Grafana's files, reads back what it runs, and creates, updates and deletes the further users. */
export const apply: Apply<GrafanaTold> = async (program, told) => {
  try {
    return await applied(program, told);
  } catch (error) {
    if (!(error instanceof Unanswered)) throw error;
    throw new ApplyError(
      `Grafana stopped answering: ${error.message}
Its container's log says why. Then run: ${npmRun('up', told.stack)}`,
      'unknown',
    );
  }
};

async function applied(program: Running, told: GrafanaTold): Promise<string> {
  await until(program, '/api/health', {
    seconds: grafanaStartSeconds,
    wanted: ({ status }) => status === 200,
    runs: 'unknown',
  });
  const notebook = await Notebook.open(program, told.stack);
  const session = await signIn(program, told, notebook.note.admin);
  const { datasources, dashboards } = told.expected;
  await rememberExpected(notebook, told);
  for (const kind of ['datasources', 'dashboards'])
    await expectStatus(
      session.ask,
      200,
      'POST',
      `/api/admin/provisioning/${kind}/reload`,
      { json: {} },
      'unknown',
    );
  await applyDatasources(session, notebook, datasources);
  await applyDashboards(session, notebook, dashboards);
  const deleted = await applyUsers(session, notebook, told);
  return `Grafana runs ${count(datasources, 'datasource')}, ${count(dashboards, 'dashboard')}, ${count(told.expected.users, 'further user')}${deleted.length === 0 ? '' : `; deleted ${count(deleted, 'user')} no longer in grafana.users`}`;
}

const count = ({ length }: readonly unknown[], what: string): string =>
  `${length} ${what}${length === 1 ? '' : 's'}`;

/** Signs in as the administrator. The password file counts at Grafana's first start only, so a changed password is reset. */
async function signIn(program: Running, told: GrafanaTold, nameInForce: string): Promise<Session> {
  const headers = basic(told.adminUser, told.adminPassword);
  const ask: Ask = (method, path, asked = {}) =>
    program.ask(method, path, { ...asked, headers: { ...asked.headers, ...headers } });
  let answer = await ask('GET', '/api/user');
  if (answer.status === 401) {
    await resetPassword(program, told);
    answer = await ask('GET', '/api/user');
  }
  if (answer.status === 401) throw refused(told, nameInForce);
  if (answer.status !== 200)
    throw new ApplyError(
      `GET /api/user answered ${answer.status} instead of 200:\n${shown(answer)}`,
      'unknown',
    );
  const { id } = fields(json(answer, 'GET /api/user'));
  return { ask, pause: program.pause, stack: told.stack, adminId: Number(id) };
}

/** Resets the password of the first user, whatever its name. */
async function resetPassword(program: Running, { adminPassword, configFile }: GrafanaTold): Promise<void> {
  const { exitCode, output } = await program.beside(
    [
      ...['grafana', 'cli', '--homepath', '/usr/share/grafana', '--config', configFile],
      ...['admin', 'reset-admin-password', '--password-from-stdin'],
    ],
    adminPassword,
  );
  if (exitCode !== 0)
    throw new ApplyError(
      `Grafana's administrator password could not be reset; \`grafana cli\` ended with ${exitCode}:\n${output.trim().slice(-2000)}`,
      'unknown',
    );
}

function refused({ stack, adminUser }: GrafanaTold, nameInForce: string): ApplyError {
  const rename = (name: string) => `pulumi config set -s ${stack} --path taffrail:grafana.adminUser ${name}`;
  if (nameInForce !== '' && nameInForce !== adminUser)
    return new ApplyError(
      `grafana.adminUser is now ${adminUser}, but Grafana sets the administrator's name at its first start only: it is still ${nameInForce}.
Run: ${rename(shellWord(nameInForce))}`,
      'unknown',
    );
  return new ApplyError(
    `Grafana does not let ${adminUser} sign in with the password of the settings. Either grafana.adminUser was changed, which counts
at the first start only, or the administrator was renamed in the browser. Set the name in force:
  ${rename('<name>')}
  ${npmRun('up', stack)}
After five wrong passwords Grafana refuses a user for five minutes. If the name is right, wait and run the second command.`,
    'unknown',
  );
}

/** Notes what the reload brings before it happens: the next run must know it if this one is killed. */
async function rememberExpected(notebook: Notebook, { adminUser, expected }: GrafanaTold): Promise<void> {
  const { datasources, dashboards } = notebook.note;
  const known = new Set(dashboards.map(({ uid }) => uid));
  await notebook.write({
    admin: adminUser,
    datasources: [...new Set([...datasources, ...expected.datasources.map(({ uid }) => uid)])],
    dashboards: [
      ...dashboards,
      ...expected.dashboards
        .filter(({ uid }) => !known.has(uid))
        .map((dashboard) => ({ ...dashboard, revision: 0 })),
    ],
  });
}

async function applyDatasources(
  session: Session,
  notebook: Notebook,
  expected: readonly ExpectedDatasource[],
): Promise<void> {
  for (const datasource of expected) await readBack(session, datasource);
  for (const datasource of expected) await answers(session, datasource);
  const uids = expected.map(({ uid }) => uid);
  const dropped = notebook.note.datasources.filter((uid) => !uids.includes(uid));
  for (const uid of dropped) await gone(session, uid, 'datasources');
  await notebook.write({ datasources: uids });
}

/** Compares a datasource with its file, field by field. */
async function readBack({ ask, stack }: Session, { uid, ...expected }: ExpectedDatasource): Promise<void> {
  const path = `/api/datasources/uid/${uid}`;
  const found = fields(json(await expectStatus(ask, 200, 'GET', path), `GET ${path}`));
  const jsonData = fields(found['jsonData']);
  const differences = [
    ...Object.entries(expected.fields).map(([key, value]) => [key, found[key], value] as const),
    ...Object.entries(expected.jsonData).map(
      ([key, value]) => [`jsonData.${key}`, jsonData[key], value] as const,
    ),
  ].flatMap(([key, found, value]) =>
    found === value
      ? []
      : [
          `  ${key}: found ${found === undefined ? 'nothing' : JSON.stringify(found)}, expected ${JSON.stringify(value)}`,
        ],
  );
  if (differences.length > 0)
    throw new ApplyError(
      `Grafana does not run the datasource ${uid} as written:
${differences.join('\n')}
Its container's log says why. Then run: ${npmRun('up', stack)}`,
    );
}

/** Waits until Grafana can query a datasource. `/api/health` says nothing about the plugin or the store behind it. */
async function answers(session: Session, { uid, fields: { url } }: ExpectedDatasource): Promise<void> {
  const isOk = (answer: Answer) => answer.status === 200 && statusOf(answer).status === 'OK';
  const last = await eventually(session, `/api/datasources/uid/${uid}/health`, storeTime, isOk);
  if (last === undefined) return;
  throw new ApplyError(
    `Grafana still cannot query the datasource ${uid} at ${String(url)} after ${storeTime} s: ${last}
The log of that program or of Grafana says why. A datasource whose plugin is missing is an error too: an image set as
grafana.image must bring its plugins (the \`-slim\` images have none).
Then run: ${npmRun('up', session.stack)}`,
  );
}

async function applyDashboards(
  session: Session,
  notebook: Notebook,
  expected: readonly ExpectedDashboard[],
): Promise<void> {
  const known = notebook.note.dashboards;
  const behind: string[] = [];
  const read = new Map(known.map((dashboard) => [dashboard.uid, dashboard]));
  for (const dashboard of expected) {
    // One wait for all of them.
    const seconds = behind.length === 0 ? readTime : 0;
    if (await runsDashboard(session, dashboard, known, seconds)) read.set(dashboard.uid, dashboard);
    else behind.push(`${dashboard.uid} (revision ${dashboard.revision})`);
  }
  await notebook.write({ dashboards: [...read.values()] });
  if (behind.length > 0)
    throw new ApplyError(
      `Grafana does not run these dashboards as written: ${behind.join(', ')}
Its container's log says why. Then run: ${npmRun('up', session.stack)}`,
    );
  const uids = new Set(expected.map(({ uid }) => uid));
  for (const { uid } of known) if (!uids.has(uid)) await gone(session, uid, 'dashboards');
  await notebook.write({ dashboards: [...expected] });
}

async function runsDashboard(
  session: Session,
  { uid, revision, by }: ExpectedDashboard,
  known: readonly ExpectedDashboard[],
  seconds: number,
): Promise<boolean> {
  const wasRead = known.some(
    (one) => one.uid === uid && one.revision === revision && one.by === by && by === 'editable',
  );
  const runs = (answer: Answer): boolean => {
    if (answer.status !== 200) return false;
    const { dashboard } = fields(json(answer, `GET /api/dashboards/uid/${uid}`));
    return wasRead || fields(dashboard)['revision'] === revision;
  };
  return (await eventually(session, `/api/dashboards/uid/${uid}`, seconds, runs)) === undefined;
}

/** Waits until Grafana has dropped what the settings no longer have. */
async function gone(session: Session, uid: string, kind: 'datasources' | 'dashboards'): Promise<void> {
  const is404 = ({ status }: Answer) => status === 404;
  const last = await eventually(session, `/api/${kind}/uid/${uid}`, readTime, is404);
  if (last === undefined) return;
  throw new ApplyError(
    `Grafana still has ${uid} among its ${kind}, which the settings no longer have.
Its container's log says why. Then run: ${npmRun('up', session.stack)}`,
  );
}

/** Asks until the answer is as wanted. Returns what Grafana said last if that took too long. */
async function eventually(
  { ask, pause }: Session,
  path: string,
  seconds: number,
  wanted: (answer: Answer) => boolean,
): Promise<string | undefined> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    let last: string;
    try {
      const answer = await ask('GET', path);
      if (wanted(answer)) return undefined;
      last = statusOf(answer).message || `${answer.status} ${shown(answer)}`.trim();
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
      last = `no answer: ${error.message}`;
    }
    if (Date.now() >= end) return last;
    await pause(500);
  }
}

/** The status and the message that an answer tells; empty when it tells none. */
function statusOf(answer: Answer): { status: string; message: string } {
  try {
    const { status, message } = fields(JSON.parse(answer.body));
    return { status: text(status), message: text(message) };
  } catch {
    return { status: '', message: '' };
  }
}
