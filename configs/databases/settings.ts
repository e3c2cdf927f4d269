import { z } from 'zod';
import { flag, name, port, secretName, service, text } from '../schema.ts';

/** A Postgres that Taffrail runs. */
export const postgresSettings = z.strictObject({
  ...service('512MiB', false),
  user: name('The superuser.', 'postgres').default('postgres'),
  database: name('The database made at the first start.', 'postgres').default('postgres'),
  password: secretName("The superuser's password; generated when not given.", 'postgresPassword').optional(),
});

/** A Redis that Taffrail runs. */
export const redisSettings = z.strictObject({
  ...service('128MiB', false),
  password: secretName('Its password; generated when not given.', 'redisPassword').optional(),
});

/** A Postgres or Redis of the team's own (S10). */
export const externalDatabase = z.strictObject({
  kind: z.enum(['postgres', 'redis']).meta({ description: 'What it is.', example: 'postgres' }),
  host: text('Its name on the network, or its address.', 'db'),
  port: port('Its port; default 5432 or 6379.', '5432').optional(),
  network: text('The external Docker network on which it answers.', 'shop_default').optional(),
  tls: flag('Whether it is asked by TLS; its certificate is not judged.', 'true').default(false),
  database: text('The database to connect to (postgres).', 'shop').default('postgres'),
  adminUser: text(
    'Who makes the exporter role, when `adminPassword` is given; default `postgres`, or `default` (redis).',
    'postgres',
  ).optional(),
  adminPassword: secretName(
    'The password of `adminUser`: with it a job makes the least-privilege role, or ACL user (redis). A Redis without an aclfile forgets it when it restarts; `up` says what to type then.',
    'shopAdminPassword',
  ).optional(),
  cloudbeaver: flag(
    'Show it in CloudBeaver (postgres), signed in as `adminUser`: who may use CloudBeaver may then do there what that user may.',
    'true',
  ).default(false),
  user: name(
    'Who the exporter is: its role, or its ACL user (redis); default `taffrail_exporter`. One that you made may read figures and nothing else, or `up` refuses it. A Redis older than 6 has only `default`.',
    'taffrail_exporter',
  ).optional(),
  password: secretName(
    'The password of that role, when you made the role yourself; `up` prints what to type.',
    'shopExporterPassword',
  ).optional(),
});

export type PostgresSettings = z.output<typeof postgresSettings>;
export type RedisSettings = z.output<typeof redisSettings>;
export type ExternalDatabase = z.output<typeof externalDatabase>;
