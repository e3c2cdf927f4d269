import { z } from 'zod';
import {
  absolutePath,
  duration,
  list,
  name,
  publishable,
  secretName,
  service,
  size,
  text,
} from '../schema.ts';

const scrapeJob = z.strictObject({
  name: name('The name of the scrape job.'),
  targets: z
    .array(z.string().regex(/^([^\s/:]+|\[[0-9a-f:]+\]):\d{1,5}$/i))
    .min(1)
    .meta({ description: 'Who is scraped.', example: 'bot:8080', wanted: 'a list of host:port' }),
  path: absolutePath('The path of the metrics.', '/metrics').default('/metrics'),
  interval: duration('How often; the default is the general interval.', '15s').optional(),
  scheme: z.enum(['http', 'https']).default('http').meta({ description: 'The protocol.', example: 'http' }),
  username: text('The user of basic authentication.', 'metrics').optional(),
  password: secretName('The password of basic authentication.', 'botMetricsPassword').optional(),
});

export const prometheusSettings = z.strictObject({
  ...service('512MiB'),
  retention: duration(
    'How long metrics are kept. They are deleted by the block: some stay a tenth longer.',
  ).prefault('30d'),
  retentionSize: size('How much disk metrics may take; the oldest go first.', '10GB').prefault('10GB'),
  scrapeInterval: duration('How often targets are scraped and rules evaluated.', '15s').prefault('15s'),
  scrapeJobs: list(scrapeJob, 'Your own scrape jobs.'),
  publish: publishable(9090),
});

export type ScrapeJobSettings = z.output<typeof scrapeJob>;
