import { fields, text } from '../reading.ts';
import { type Answer, ApplyError, expectStatus, isOk, json, shown } from '../running.ts';
import { npmRun, shellWord } from '../whatToType.ts';
import type { GrafanaTold, Session } from './apply.ts';
import type { ExpectedUser } from './expected.ts';
import type { Notebook } from './note.ts';

// The further users of Grafana. Only those that Taffrail created are changed or deleted; the note knows them by id.

/** A user as Grafana has it. */
interface User {
  id: number;
  login: string;
  email: string;
  /** The display name, which is the person's own. */
  name: string;
}

/**
 * Creates, updates and deletes the further users.
 *
 * @returns the ids of those that were deleted
 */
export async function applyUsers(
  session: Session,
  notebook: Notebook,
  { expected: { users }, passwords }: Pick<GrafanaTold, 'expected' | 'passwords'>,
): Promise<number[]> {
  await adoptUnfinished(session, notebook);
  const wanted = await existing(session, notebook, users);
  const dropped = notebook.note.users.filter((id) => id !== session.adminId && !wanted.includes(id));
  // First: a dropped user may have the address that another one gets.
  for (const id of dropped) await remove(session, id);
  await notebook.write({ users: wanted });
  await freeAddresses(session, users);
  for (const user of users) {
    const password = passwords[user.login];
    if (password === undefined) throw new Error(`no password for the user ${user.login}`);
    await applyUser(session, notebook, user, password);
  }
  return dropped;
}

/** An earlier run was killed while it created this user. */
async function adoptUnfinished(session: Session, notebook: Notebook): Promise<void> {
  const { making, users } = notebook.note;
  if (making === undefined) return;
  const user = await lookup(session, making);
  const adopted = user === undefined || users.includes(user.id) ? users : [...users, user.id];
  await notebook.write({ users: adopted, making: undefined });
}

/** The ids of those that are there. Throws when one of them is not Taffrail's, even if an older Taffrail noted it as such. */
async function existing(
  session: Session,
  { note }: Notebook,
  users: readonly ExpectedUser[],
): Promise<number[]> {
  const ids: number[] = [];
  for (const [index, { login }] of users.entries()) {
    const user = await lookup(session, login);
    if (user === undefined) continue;
    if (user.id === session.adminId || !note.users.includes(user.id))
      throw foreign(session, login, index, user.id === session.adminId);
    ids.push(user.id);
  }
  return ids;
}

function foreign({ stack }: Session, login: string, index: number, isAdmin: boolean): ApplyError {
  const another = `pulumi config set -s ${stack} --path ${shellWord(`taffrail:grafana.users[${index}].login`)} <login>`;
  return new ApplyError(
    isAdmin
      ? `${login} is the administrator's own login or address. Set another login for the further user:
  ${another}`
      : `Grafana already has a user ${login} that Taffrail did not create, but somebody in the browser, or OAuth. It is not taken over.
Delete it in Grafana (Administration > Users) and run: ${npmRun('up', stack)}
Or set another login for yours:
  ${another}`,
  );
}

async function remove({ ask }: Session, id: number): Promise<void> {
  const answer = await ask('DELETE', `/api/admin/users/${id}`);
  if (answer.status !== 200 && answer.status !== 404)
    throw unexpected(
      answer,
      `DELETE /api/admin/users/${id}`,
      `Grafana does not delete the user ${id}, who is no longer in grafana.users`,
    );
  await expectStatus(ask, 404, 'GET', `/api/users/${id}`);
}

/** Whoever gets another address gives up the old one first: another of the list may get it. */
async function freeAddresses(session: Session, users: readonly ExpectedUser[]): Promise<void> {
  for (const user of users) {
    const found = await lookup(session, user.login);
    if (found !== undefined && !isAsWritten(found, user))
      await rewrite(session, found, { login: user.login, email: user.login });
  }
}

async function applyUser(
  session: Session,
  notebook: Notebook,
  user: ExpectedUser,
  password: string,
): Promise<void> {
  const { ask } = session;
  const id = (await lookup(session, user.login))?.id ?? (await create(session, notebook, user, password));
  const found = await byId(session, id);
  if (!isAsWritten(found, user)) {
    await rewrite(session, found, user);
    if (!isAsWritten(await byId(session, id), user))
      throw new ApplyError(
        `Grafana does not take the login ${user.login} and the address ${user.email} for the user ${id}`,
      );
  }
  await expectStatus(ask, 200, 'PUT', `/api/admin/users/${id}/password`, { json: { password } });
  await expectStatus(ask, 200, 'PATCH', `/api/org/users/${id}`, { json: { role: user.role } });
}

/** Notes the login before it creates the user: a run that is killed in between must still know it. */
async function create(
  { ask }: Session,
  notebook: Notebook,
  { login, email }: ExpectedUser,
  password: string,
): Promise<number> {
  await notebook.write({ making: login });
  const answer = await ask('POST', '/api/admin/users', { json: { login, name: login, email, password } });
  if (answer.status !== 200) {
    await notebook.write({ making: undefined });
    throw unexpected(answer, 'POST /api/admin/users', `Grafana does not create the user ${login}`);
  }
  const { id } = fields(json(answer, 'POST /api/admin/users'));
  await notebook.write({ users: [...notebook.note.users, Number(id)], making: undefined });
  return Number(id);
}

async function lookup({ ask }: Session, login: string): Promise<User | undefined> {
  const path = `/api/users/lookup?loginOrEmail=${encodeURIComponent(login)}`;
  const answer = await ask('GET', path);
  if (answer.status === 404) return undefined;
  if (!isOk(answer))
    throw unexpected(answer, `GET ${path}`, `Grafana does not say whether it has the user ${login}`);
  return userOf(answer);
}

const byId = async ({ ask }: Session, id: number): Promise<User> =>
  userOf(await expectStatus(ask, 200, 'GET', `/api/users/${id}`));

function userOf(answer: Answer): User {
  const { id, login, email, name } = fields(json(answer, "Grafana's list of users"));
  return { id: Number(id), login: text(login), email: text(email), name: text(name) };
}

const rewrite = ({ ask }: Session, { id, name }: User, { login, email }: Pick<User, 'login' | 'email'>) =>
  expectStatus(ask, 200, 'PUT', `/api/users/${id}`, { json: { login, name, email } });

/** Grafana stores logins and addresses in lower case. */
const isAsWritten = (user: User, { login, email }: ExpectedUser): boolean =>
  user.login.toLowerCase() === login.toLowerCase() && user.email.toLowerCase() === email.toLowerCase();

const unexpected = (answer: Answer, request: string, what: string): ApplyError =>
  new ApplyError(`${what}: ${request} answered ${answer.status} instead of 200:\n${shown(answer)}`);
