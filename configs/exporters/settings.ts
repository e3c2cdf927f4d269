import { z } from 'zod';
import { absolutePath, duration, list, name, service, text, url } from '../schema.ts';

export const nodeExporterSettings = z.strictObject({ ...service('64MiB') });
export const cadvisorSettings = z.strictObject({
  ...service('256MiB'),
  housekeeping: duration('How often containers are measured.', '15s').prefault('15s'),
  containerd: absolutePath(
    "The folder of the host in which the engine's containerd has its socket: through the filtering proxy it tells the containers apart. Default: `/run/containerd`, or the folder of the Docker socket where that is not the usual one.",
    '/run/containerd',
  ).optional(),
});
export const postgresExporterSettings = z.strictObject({ ...service('64MiB') });
export const redisExporterSettings = z.strictObject({
  ...service('64MiB'),
  keys: list(
    z.string().min(1),
    'Keys whose length is watched (lists, streams, sets).',
    'queue',
    'a list of names of keys',
  ),
});

const probe = z.strictObject({
  name: name('The name of the probe.', 'website'),
  url: url('What is asked.', 'https://example.com/health'),
  status: list(
    z.int().min(100).max(599),
    'Answers that are right; default any 2xx.',
    '200',
    'a list of HTTP status codes',
  ),
  contains: text('A regular expression that the answer must match.', '"status": *"healthy"').optional(),
});

export const blackboxExporterSettings = z.strictObject({
  ...service('64MiB'),
  probes: list(probe, 'Addresses that are asked at every scrape.'),
});

export type Probe = z.output<typeof probe>;
export type NodeExporterSettings = z.output<typeof nodeExporterSettings>;
/** As a stack has them: the folder is known. */
export type CadvisorSettings = z.output<typeof cadvisorSettings> & { containerd: string };
export type PostgresExporterSettings = z.output<typeof postgresExporterSettings>;
export type RedisExporterSettings = z.output<typeof redisExporterSettings>;
export type BlackboxExporterSettings = z.output<typeof blackboxExporterSettings>;
