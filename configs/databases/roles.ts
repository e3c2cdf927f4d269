import { createHash } from 'node:crypto';
import type { DatabaseAddress } from './address.ts';
import { exporterRights } from './redis.ts';

/** Connections that an exporter may hold at once: a broken one cannot use up the server's. */
export const roleConnections = 5;

const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Marks a role as made by this stack: its comment. */
export const postgresOwner = (project: string): string => `made by ${project}`;

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

/** Marks an ACL user as made by this stack: a channel. Without PUBLISH or SUBSCRIBE it grants nothing. */
export const redisOwner = (project: string): string => `made-by-${project}`;

/** Creates the exporter's ACL user, or replaces what it was, in one step. */
export const redisUserCommand = (user: string, password: string, project: string): string[] => [
  ...['ACL', 'SETUSER', user, 'reset', 'on', `#${sha256(password)}`],
  ...exporterRights.split(' '),
  `&${redisOwner(project)}`,
];

/** What a person types in redis-cli when Taffrail has no admin's secret (S10). */
export const redisUserByHand = (user: string): string =>
  `ACL SETUSER ${user} reset on >PASSWORD ${exporterRights}\n`;

/** What Redis keeps of a password in its configuration: the password itself need not be there. */
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
