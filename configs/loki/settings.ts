import { z } from 'zod';
import { day, duration, list, publishable, service, size, text } from '../schema.ts';

const earlierSchema = z.strictObject({
  from: day('The first day of the period.', '2020-10-24'),
  store: z
    .enum(['boltdb-shipper', 'tsdb'])
    .meta({ description: 'The index of that period.', example: 'boltdb-shipper' }),
  schema: z.enum(['v11', 'v12', 'v13']).meta({ description: 'The schema of that period.', example: 'v11' }),
  prefix: text('The prefix of its index tables.', 'index_').default('index_'),
});

export const lokiSettings = z.strictObject({
  ...service('512MiB'),
  retention: duration('How long log lines are kept; the compactor then deletes them.').prefault('30d'),
  ingestionRate: size(
    'How much each stream source may send in a second, on average.',
    '8MiB',
    '1MiB',
  ).prefault('8MiB'),
  schemaFrom: day(
    'The first day of the current schema (tsdb, v13); once lines are stored it stays. Data already there of an earlier one: list it in `earlierSchemas`.',
    '2025-06-01',
  ).default('2024-01-01'),
  earlierSchemas: list(earlierSchema, 'Periods of data that an older Loki wrote, oldest first.'),
  publish: publishable(3100),
});

export type LokiSettings = z.output<typeof lokiSettings>;
