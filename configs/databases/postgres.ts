import { mebibytes } from '../files.ts';

export const postgresDataFolder = '/var/lib/postgresql/data';

/**
 * Plain environment of the image's own start, which counts when there is no data yet. That start exports the password
 * that it reads, and the server's environment would show it for ever; so it reads one that nobody knows, and
 * postgres-password sets the real one.
 */
export const postgresEnvironment = (user: string, database: string) => ({
  POSTGRES_USER: user,
  POSTGRES_DB: database,
  POSTGRES_PASSWORD_FILE: '/proc/sys/kernel/random/uuid',
  POSTGRES_INITDB_ARGS: '--data-checksums',
});

/** The defaults are for a machine of 1997; these follow the container's limit, in bytes. */
export function postgresFlags(memory: number): string[] {
  const settings: Record<string, string> = {
    // The image's own; said, because a configuration without it would listen on loopback only.
    listen_addresses: '*',
    // A quarter for its own cache; the rest is the kernel's cache and the queries'.
    shared_buffers: `${String(mebibytes(memory / 4))}MB`,
    effective_cache_size: `${String(mebibytes(memory * 0.6))}MB`,
    // Each connection takes about 10 MB before it asks anything.
    max_connections: String(Math.max(20, Math.min(200, Math.floor(mebibytes(memory) / 10)))),
    work_mem: `${String(Math.max(1, mebibytes(memory / 128)))}MB`,
    maintenance_work_mem: `${String(Math.max(16, mebibytes(memory / 16)))}MB`,
    // Parallel workers share memory in files of /dev/shm, which has 64 MiB in a container: these go to the data folder.
    dynamic_shared_memory_type: 'mmap',
    // Can be set at a start only, and slow queries are asked for sooner or later.
    shared_preload_libraries: 'pg_stat_statements',
    track_io_timing: 'on',
    // An old md5 client would get a weaker hash.
    password_encryption: 'scram-sha-256',
    // What waits long for a lock is worth a line.
    log_lock_waits: 'on',
    log_min_duration_statement: '1s',
    // A statement that fails or is slow must not take its values into the log store.
    log_parameter_max_length: '0',
    log_parameter_max_length_on_error: '0',
  };
  return Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
}
