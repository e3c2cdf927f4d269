import { adminOf, ownPostgres, teamDatabase } from '../databases/address.ts';
import type { Settings } from '../settings.ts';
import type { CloudBeaverConnection } from './render.ts';

/** A Postgres that CloudBeaver shows, with the secret and the network that it takes. */
export interface Shown extends CloudBeaverConnection {
  /** The key of its password's secret; undefined for Taffrail's own Postgres, whose password may be generated. */
  secret: string | undefined;
  /** The external network on which it answers. */
  network: string | undefined;
}

/** Taffrail's own Postgres, and those of the team that are to be shown. */
export function shownConnections(settings: Settings): Shown[] {
  const own = ownPostgres(settings.postgres);
  return [
    ...(settings.postgres.enabled
      ? [
          {
            ...own,
            id: 'postgres',
            user: settings.postgres.user,
            passwordHole: 'postgres',
            secret: undefined,
            network: undefined,
          },
        ]
      : []),
    ...Object.entries(settings.databases)
      .filter(([, { cloudbeaver }]) => cloudbeaver)
      .map(([name, database]) => ({
        ...teamDatabase(name, database),
        id: `team-${name}`,
        user: adminOf(database),
        passwordHole: `team_${name.replaceAll('-', '_')}`,
        secret: database.adminPassword,
        network: database.network,
      })),
  ];
}
