import { mebibytes, type SecretFile } from '../files.ts';
import { exporterRole } from './address.ts';

export const redisDataFolder = '/data';

/** A healthcheck's account: it may ping, so its name is no secret; it also sees that loading is not over. */
const pinger = 'ping';
export const redisHealthcheck = [
  'redis-cli',
  '-e',
  '--no-auth-warning',
  '--user',
  pinger,
  '--pass',
  pinger,
  'ping',
];

/** Keys whose length is asked for, and INFO, and nothing else. */
export const exporterRights =
  '~* resetchannels -@all +ping +info +select +dbsize +latency|latest +latency|histogram +slowlog|len +slowlog|get +type +exists +strlen +llen +scard +zcard +hlen +xlen +xinfo|stream +xinfo|groups +xinfo|consumers +pfcount';

/** The whole configuration is a secret file, because passwords are in it. Holes: passwordHash, and exporterPasswordHash where it is watched. */
export function redisConf(memory: number, watched: boolean): SecretFile {
  const exporter = watched ? `user ${exporterRole} on "#{{exporterPasswordHash}}" ${exporterRights}\n` : '';
  return {
    name: 'redis.conf',
    template: `# Written by Taffrail; the next \`pulumi up\` overwrites it.
bind * -::*
dir ${redisDataFolder}
# Queues are data: every second on disk, and a snapshot beside it.
appendonly yes
appendfsync everysec
# Below the container's limit: a rewrite and the clients' buffers need room too. Full, it refuses to write; it forgets nothing.
maxmemory ${String(mebibytes(memory * 0.6))}mb
maxmemory-policy noeviction
# A client that does not read must not take the memory.
maxmemory-clients 10%
tcp-keepalive 60
user default on "#{{passwordHash}}" ~* &* +@all
${exporter}user ${pinger} on nopass resetkeys resetchannels -@all +ping
`,
  };
}
