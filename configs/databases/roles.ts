import { createHash } from 'node:crypto';
import { type DatabaseAddress, everybody } from './address.ts';
import { exporterRights } from './redis.ts';

/** Connections that an exporter may hold at once: a broken one cannot use up the server's. */
export const roleConnections = 5;

const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** What a person types in psql when Taffrail has no admin's secret (S10). */
export function roleSql({ user, database }: Pick<DatabaseAddress, 'user' | 'database'>): string {
  return [
    `CREATE ROLE ${identifier(user)} LOGIN CONNECTION LIMIT ${String(roleConnections)};`,
    `\\password ${identifier(user)}`,
    `GRANT pg_monitor TO ${identifier(user)};`,
    `GRANT CONNECT ON DATABASE ${identifier(database)} TO ${identifier(user)};`,
  ].join('\n');
}

/** One line of a psql password file for any server; `:` and `\` are what it needs escaped. */
export const passwordLine = (password: string): string => `*:*:*:*:${password.replace(/[\\:]/g, '\\$&')}\n`;

/** A text inside JSON, with its quotes. */
export const jsonText = (text: string): string => JSON.stringify(text);

/** What redis-cli reads from its input to log in: quoted, because it splits at spaces. */
export function redisLogin(user: string, password: string): string {
  const quoted = (text: string) => `"${text.replace(/[\\"]/g, '\\$&')}"`;
  // With one word, as before Redis 6.
  return `AUTH ${user === everybody ? '' : `${quoted(user)} `}${quoted(password)}\n`;
}

/** Whose an ACL user is: a channel by whose name we know ours again. Nobody may publish, so it gives no right. */
export const redisOwner = (project: string): string => `made-by-${project}`;

/** Makes the exporter's ACL user, or what it was before anew, in one step. */
export const redisUser = (user: string, password: string, project: string): string =>
  `ACL SETUSER ${user} reset on #${sha256(password)} ${exporterRights} &${redisOwner(project)}\n`;

/** What a person types in redis-cli when Taffrail has no admin's secret (S10). */
export const redisUserByHand = (user: string): string =>
  `ACL SETUSER ${user} reset on >PASSWORD ${exporterRights}\n`;

/** What Redis keeps of a password in its configuration: the password itself need not be there. */
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
