import { fileURLToPath } from 'node:url';
import { imageTag } from '../../../configs/images.ts';
import { exec } from './engine.ts';
import { until } from './http.ts';
import { type Run, runIn } from './stack.ts';

/** What a team runs beside stack B: a network, and on it a Postgres and a Redis, none of them made by Taffrail. */
export const team = {
  project: 'e2e-shop',
  network: 'taffrail-e2e-team',
  container: 'e2e-team-db',
  admin: 'boss',
  database: 'shop',
  redis: 'e2e-team-redis',
  redisPassword: 'the-password-of-the-team-s-redis',
} as const;

const file = fileURLToPath(new URL('../../workloads/team/compose.yaml', import.meta.url));

/** Docker's own compose: the rig's program, else the one that came with the engine. */
export async function compose(...args: string[]): Promise<Run> {
  const env = {
    TEAM_POSTGRES: imageTag('postgres'),
    TEAM_NETWORK: team.network,
    TEAM_ADMIN: team.admin,
    TEAM_DATABASE: team.database,
    TEAM_REDIS: imageTag('redis'),
    TEAM_REDIS_PASSWORD: team.redisPassword,
  };
  return runIn('compose', 'sh', ['-c', `${program} "$@"`, 'compose', ...args], { env });
}
const program = '$(command -v docker-compose || echo docker compose)';

/** Runs a statement in the team's database, within its container, as a user of it. */
export const teamSql = (sql: string, user: string = team.admin) =>
  exec(team.container, ['psql', '-h', '127.0.0.1', '-U', user, '-d', team.database, '-Atc', sql]);

/** Asks the team's Redis, within its container; as its `default` when no user is named. */
export const teamRedis = async (
  command: string[],
  { user, password } = { user: 'default', password: team.redisPassword as string },
): Promise<string> => {
  const login = ['redis-cli', '--no-auth-warning', '--user', user, '--pass', password];
  return (await exec(team.redis, [...login, ...command])).stdout.trim();
};

export async function ensureTeam(password: string): Promise<void> {
  const up = await compose('-f', file, 'up', '--detach', '--quiet-pull');
  if (up.code !== 0) throw new Error(`the team's own compose project does not come up:\n${up.output}`);
  const { code, stderr } = await until(
    () => teamSql(`ALTER ROLE ${team.admin} PASSWORD '${password}'`),
    (answer) => answer.code === 0,
  );
  if (code !== 0) throw new Error(`the team's database does not answer: ${stderr}`);
}
