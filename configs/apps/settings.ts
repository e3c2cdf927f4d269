import { z } from 'zod';
import { absolutePath, duration, flag, list, memoryLimit, port, sharedSecret, text } from '../schema.ts';

const mount = z.strictObject({
  source: absolutePath('The path on the host.', '/srv/bot'),
  target: absolutePath('The path in the container.', '/app'),
  readOnly: flag('Whether the container may only read it.', 'false').default(true),
});

const metrics = z.strictObject({
  port: port('The port of the metrics.'),
  path: absolutePath('The path of the metrics.', '/metrics').default('/metrics'),
  interval: duration('How often it is scraped; the default is the general interval.', '15s').optional(),
});

/** A workload that Taffrail runs itself (A2). */
export const appSettings = z.strictObject({
  image: text('The image.', 'ghcr.io/acme/bot:1.4.0').optional(),
  build: text(
    'A folder with a Dockerfile, instead of an image. Relative to this folder.',
    './bot',
  ).optional(),
  command: list(z.string(), "The command as a list, when not the image's own.", 'python', 'a list of texts'),
  environment: z
    .record(
      z.string(),
      z.string().meta({
        description: 'A text.',
        example: 'text',
        hidden: true,
        wanted: 'a text; a number goes in quotes',
      }),
    )
    .default({})
    .meta({
      description: 'Plain environment. Never a secret.',
      example: 'DATABASE_HOST: postgres',
      wanted: 'texts (numbers in quotes)',
      hidden: true,
    }),
  secrets: z
    .record(z.string().regex(/^[a-zA-Z0-9_.-]+$/), sharedSecret('What the file holds.', 'telegramBotToken'))
    .default({})
    .meta({
      description:
        'Files below /run/secrets, file: secret. `postgres.password` and `redis.password` stand for the passwords of the Postgres and Redis that Taffrail runs, given or generated.',
      example: 'telegram_bot_token: telegramBotToken',
      wanted: 'a file name of letters, digits, _, . and -',
    }),
  mounts: list(mount, 'Folders of the host.'),
  metrics: metrics.optional().meta({ description: 'Where its metrics are.' }),
  needs: list(
    z.enum(['postgres', 'redis']),
    'What must be healthy before it starts.',
    'postgres',
    'a list of postgres, redis',
  ),
  user: z
    .string()
    .regex(/^\d+(:\d+)?$/)
    .default('65534:65534')
    .meta({
      description: 'Who it runs as, uid:gid.',
      example: '1000:1000',
      wanted: "a uid, or uid:gid, in quotes: '1000:1000'",
    }),
  writableRoot: flag('Whether it may write to its root file system.').default(false),
  memory: memoryLimit('256MiB'),
  healthcheck: z.array(z.string()).min(1).optional().meta({
    description: 'A command in its image that says whether it is healthy, as a list.',
    example: 'true',
    wanted: 'a list of texts',
  }),
});

export type AppSettings = z.output<typeof appSettings>;
