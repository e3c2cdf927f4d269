import { z } from 'zod';
import { duration, service, text } from '../schema.ts';

export const promtailSettings = z.strictObject({
  ...service('128MiB'),
  refresh: duration('How often it looks for new containers.', '5s').prefault('5s'),
});

/** Which containers' lines are collected (S2). */
export const collectorSettings = z.strictObject({
  keep: z
    .union([
      z.literal('own'),
      z.literal('all'),
      z.array(
        z.union([
          z.strictObject({ project: text('A compose project.', 'shop') }),
          z.strictObject({ label: text('A container label.', 'logs'), value: text('Its value.', 'yes') }),
        ]),
      ),
    ])
    .default('own')
    .meta({
      description:
        'Whose lines are collected: `own` (this stack and its apps), `all`, or a list of compose projects and label selectors beside the own.',
      example: 'all',
      wanted: 'own, all, or a list of {project: shop} and {label: logs, value: "yes"}',
    }),
  labels: z
    .array(z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/))
    .default(['level', 'logger', 'handler'])
    .meta({
      description: 'Fields of a JSON line that become labels. Few values each.',
      example: 'level',
      wanted: 'a list of field names',
    }),
  metadata: z
    .array(z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/))
    .default(['user_id', 'chat_id', 'event'])
    .meta({
      description: 'Fields of a JSON line that become structured metadata: many values, never labels.',
      example: 'user_id',
      wanted: 'field names',
    }),
});

export type CollectorSettings = z.output<typeof collectorSettings>;
