import type { DatabaseAddress } from '../databases/address.ts';
import { secretPath } from '../paths.ts';
import { type ExporterData, fixed, storesAddress, storesName } from './data.ts';
import type { RedisExporterSettings } from './settings.ts';

const port = 9121;
const passwordFile = 'redis-exporter-password.json';

/** Figures of one Redis. Hole: `passwordJson`, the password as JSON text (see `jsonText`). */
export function redisExporter(settings: RedisExporterSettings, database: DatabaseAddress): ExporterData {
  const name = database.own ? 'redis-exporter' : `redis-exporter-${database.name}`;
  const uri = `${database.tls ? 'rediss' : 'redis'}://${database.host}:${String(database.port)}`;
  const named = database.user !== 'default';
  const keys = [...settings.keys].sort();
  return {
    name,
    title: 'redis_exporter',
    image: 'redisExporter',
    imageOverride: settings.image,
    user: '59000:59000',
    args: [
      `-redis.addr=${uri}`,
      ...(named ? [`-redis.user=${database.user}`] : []),
      `-redis.password-file=${secretPath(passwordFile)}`,
      // CONFIG would show passwords and paths, and is a right that the role has not.
      '-config-command=-',
      '-set-client-name=false',
      // The length of a key is a figure; its content is not ours.
      '-disable-exporting-key-values=true',
      ...(keys.length > 0 ? [`-check-single-keys=${keys.join(',')}`] : []),
      '-connection-timeout=5s',
      ...(database.tls ? ['-skip-tls-verification=true'] : []),
      // It takes one address only; see `storesName`.
      `-web.listen-address=${storesAddress(name, port)}`,
    ],
    secrets: [
      {
        name: passwordFile,
        // Keyed by the address; current versions look it up with the user in it, where there is one.
        template: `{${[uri, ...(named ? [uri.replace('//', `//${database.user}@`)] : [])]
          .map((key) => `${JSON.stringify(key)}: {{passwordJson}}`)
          .join(', ')}}\n`,
      },
    ],
    port,
    memory: settings.memory,
    networks: database.own ? ['databases'] : database.network === undefined ? ['apps'] : [],
    ...(database.network !== undefined && { external: [database.network] }),
    healthcheck: ['wget', '-q', '-O', '/dev/null', `http://${storesName(name)}:${String(port)}/health`],
    scrape: [
      {
        name: database.own ? 'redis' : `redis-${database.name}`,
        targets: [storesAddress(name, port)],
        relabel: [fixed('job', 'redis'), fixed('instance', database.name)],
      },
    ],
  };
}
