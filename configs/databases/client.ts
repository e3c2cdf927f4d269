// What the logic that prepares a database (`postgresRole.ts`, `redisRole.ts`) is given, and what it returns.
// It knows neither Docker nor Pulumi: tests give it plain objects, `components/jobs/` gives it the real thing.
import type { Duplex } from 'node:stream';
import type { Ended } from '../running.ts';
import type { DatabaseAddress } from './address.ts';

export interface DatabaseClient {
  /**
   * Runs a program of the database's image in a short-lived container on the database's network, with this standard
   * input, which may hold secrets; `command` never does. The container has no entrypoint and no terminal, its /tmp is a
   * writable tmpfs, and its user is not root.
   */
  run: (command: readonly string[], stdin: string) => Promise<Ended>;
  /**
   * A TCP connection from the database's network: a byte pipe through a short-lived container. Where nothing listens the
   * stream ends, or this rejects with `Unanswered`.
   */
  connect: (host: string, port: number) => Promise<Duplex>;
}

export interface Login {
  user: string;
  password: string;
}

/** Plain data, which holds secrets: it travels on secret standard input only. */
export interface RoleRequest {
  address: Omit<DatabaseAddress, 'network'>;
  /** The host's project (`taffrail-prod`), which marks the role as made by this stack: no other role is changed. */
  project: string;
  /** The exporter's. */
  password: string;
  /** Creates the role. Without it the role must exist, and is only verified. */
  admin?: Login | undefined;
}

export interface DatabaseResult {
  /** What is true now. */
  line: string;
  /** What the person who ran `up` must know although nothing failed. */
  warning?: string;
}

/** The database is not as required. The message says what is wrong and how to fix it, and holds no secret. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
}

/** How long to wait for a database that Taffrail runs: its container has started, the server may not have. */
export interface Patience {
  /** Default 120. */
  seconds?: number;
  /** Waits, in milliseconds. */
  pause?: (milliseconds: number) => Promise<void>;
}

/** The beginning of what a database said, for an error. */
export const excerpt = (text: string): string => text.trim().slice(0, 2000);

/** A line break would end the line on which a program reads the password. */
export function oneLine(password: string, whose: string): string {
  if (/[\0\r\n]/.test(password))
    throw new DatabaseError(`The password of ${whose} contains a line break or a NUL: choose another one.`);
  return password;
}
