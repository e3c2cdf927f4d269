import { imageTag } from '../../../configs/images.ts';
import { created, ensureNetwork, exec } from './engine.ts';
import { until } from './http.ts';

/** What a team runs beside stack B: a network, and on it a Postgres, neither of them made by Taffrail. */
export const team = {
  network: 'taffrail-e2e-team',
  container: 'e2e-team-db',
  admin: 'boss',
  database: 'shop',
} as const;

/** Runs a statement in the team's database, within its container, as a user of it. */
export const teamSql = (sql: string, user: string = team.admin) =>
  exec(team.container, ['psql', '-h', '127.0.0.1', '-U', user, '-d', team.database, '-Atc', sql]);

export async function ensureTeam(password: string): Promise<void> {
  await ensureNetwork(team.network);
  const database = await created({
    name: team.container,
    image: imageTag('postgres'),
    network: team.network,
    aliases: ['db'],
    // As the official image is set up.
    command: ['postgres', '-c', 'listen_addresses=*'],
    environment: {
      POSTGRES_USER: team.admin,
      POSTGRES_DB: team.database,
      // Nobody knows it: the server's environment shows the first one for ever, and the search for secrets looks there.
      POSTGRES_PASSWORD_FILE: '/proc/sys/kernel/random/uuid',
    },
  });
  await database.start();
  const { code, stderr } = await until(
    () => teamSql(`ALTER ROLE ${team.admin} PASSWORD '${password}'`),
    (answer) => answer.code === 0,
  );
  if (code !== 0) throw new Error(`the team's database does not answer: ${stderr}`);
}
