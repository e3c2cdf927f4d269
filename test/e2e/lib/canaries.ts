import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { entriesOf } from '../../../components/jobs/lib/archive.ts';
import { created, docker, gone, inspect, logsOf } from './engine.ts';
import type { Stack } from './stack.ts';

/** Secrets to look for: by name, each as it is, and as base64 would carry it at any place of a longer text. */
export class Canaries {
  readonly #patterns: { name: string; raw: Buffer; encoded: Buffer[] }[];
  readonly #longest: number;

  constructor(secrets: Record<string, string>) {
    this.#patterns = Object.entries(secrets).map(([name, value]) => {
      const raw = Buffer.from(value);
      const encoded = [0, 1, 2].map((shift) => {
        const text = Buffer.concat([Buffer.alloc(shift), raw]).toString('base64');
        // The first and last characters depend on what stands beside the secret.
        return Buffer.from(text.slice(shift === 0 ? 0 : 4, -4));
      });
      return { name, raw, encoded };
    });
    this.#longest = Math.max(...this.#patterns.map(({ encoded }) => (encoded[0]?.length ?? 0) + 8));
  }

  get names(): string[] {
    return this.#patterns.map(({ name }) => name);
  }

  /** The names of the secrets that are in it. */
  in(content: Buffer | string): string[] {
    const bytes = Buffer.isBuffer(content) ? content : Buffer.from(content);
    return this.#patterns
      .filter(({ raw, encoded }) => bytes.includes(raw) || encoded.some((pattern) => bytes.includes(pattern)))
      .map(({ name }) => name);
  }

  async inStream(stream: NodeJS.ReadableStream): Promise<string[]> {
    const found = new Set<string>();
    let pieces: Buffer[] = [];
    let size = 0;
    let tail = Buffer.alloc(0);
    const look = () => {
      const bytes = Buffer.concat([tail, ...pieces]);
      for (const name of this.in(bytes)) found.add(name);
      tail = bytes.subarray(-this.#longest);
      [pieces, size] = [[], 0];
    };
    for await (const chunk of stream) {
      pieces.push(chunk as Buffer);
      size += (chunk as Buffer).length;
      if (size > 4_000_000) look();
    }
    look();
    return [...found];
  }
}

/** `where: names` for each place in which something was found. */
export type Findings = string[];
const finding = (where: string, names: string[]): Findings =>
  names.length > 0 ? [`${where}: ${names.join(', ')}`] : [];

/** Every file below a folder. */
export function inFiles(canaries: Canaries, folder: string, skip: RegExp = /^$/): Findings {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).flatMap((file) => {
    const path = join(folder, file);
    if (skip.test(file) || !statSync(path, { throwIfNoEntry: false })?.isFile()) return [];
    return finding(file, canaries.in(readFileSync(path)));
  });
}

/** What the engine tells about a container: its settings and what it printed. */
export async function inContainer(canaries: Canaries, container: string): Promise<Findings> {
  return [
    ...finding(`inspect ${container}`, canaries.in(JSON.stringify(await inspect(container)))),
    ...finding(`log of ${container}`, canaries.in(await logsOf(container))),
  ];
}

/** The history and settings of an image. */
export async function inImage(canaries: Canaries, id: string): Promise<Findings> {
  const image = docker.getImage(id);
  const texts = [JSON.stringify(await image.inspect()), JSON.stringify(await image.history())];
  return finding(`image ${id}`, canaries.in(texts.join('\n')));
}

/** What a container has written to its own file system, volumes aside. */
export async function inChangedFiles(canaries: Canaries, container: string): Promise<Findings> {
  const handle = docker.getContainer(container);
  const changes = ((await handle.changes()) ?? []) as { Path: string; Kind: number }[];
  // A folder is listed when something in it changed: only the innermost paths are read.
  const { Mounts } = await inspect(container);
  const mounted = (path: string) =>
    Mounts.some(({ Destination: at }) => path === at || path.startsWith(`${at}/`));
  const paths = changes.filter(({ Kind, Path }) => Kind !== 2 && !mounted(Path)).map(({ Path }) => Path);
  const innermost = paths.filter(
    (path) => !path.endsWith('/docker-init') && !changes.some((other) => other.Path.startsWith(`${path}/`)),
  );
  const found = await Promise.all(
    innermost.map(async (path) => {
      const archive = await handle.getArchive({ path }).catch(gone);
      return archive ? finding(`${container}:${path}`, await canaries.inStream(archive)) : [];
    }),
  );
  return found.flat();
}

/** A volume's content, read through a container that never starts. */
export async function inVolume(canaries: Canaries, volume: string): Promise<string[]> {
  const reader = await created({
    name: `e2e-reader-${volume}`,
    command: ['true'],
    binds: [`${volume}:/volume:ro`],
  });
  try {
    return await canaries.inStream(await reader.getArchive({ path: '/volume' }));
  } finally {
    await reader.remove({ force: true, v: true });
  }
}

/** The files of a volume that hold a secret. */
export async function secretFilesIn(
  canaries: Canaries,
  volume: string,
): Promise<{ path: string; mode: number; names: string[] }[]> {
  const reader = await created({
    name: `e2e-reader-${volume}`,
    command: ['true'],
    binds: [`${volume}:/volume:ro`],
  });
  try {
    const entries = await entriesOf(await buffer(await reader.getArchive({ path: '/volume' })));
    return [...entries.values()].flatMap(({ path, mode, content = '' }) => {
      const names = canaries.in(content);
      return names.length > 0 ? [{ path: path.replace(/^volume\//, ''), mode, names }] : [];
    });
  } finally {
    await reader.remove({ force: true, v: true });
  }
}

/** A stack's volumes: by the name on the engine, and that which compose would give it. */
export const volumesOf = async (stack: string): Promise<{ name: string; label: string; isData: boolean }[]> =>
  (
    await docker.listVolumes({ filters: JSON.stringify({ label: [`dev.taffrail.stack=${stack}`] }) })
  ).Volumes.map(({ Name, Labels }) => {
    const label = Labels['com.docker.compose.volume'] ?? '';
    // Pulumi names what the next `up` writes again; data keeps its name.
    return { name: Name, label, isData: Name === `taffrail-${stack}-${label}` };
  });

/**
 * Looks at jobs while they run: at every process as often as that goes, and at each container of a job when it starts,
 * which is paused for that long.
 */
export async function watchJobs(canaries: Canaries, stack: string) {
  const findings = new Set<string>();
  const looked = { processes: 0, containers: [] as string[] };
  const underWay: Promise<void>[] = [];
  const filters = {
    type: ['container'],
    event: ['start'],
    label: [`dev.taffrail.stack=${stack}`, 'dev.taffrail.job'],
  };
  const events = Readable.from(await docker.getEvents({ filters: JSON.stringify(filters) }), {
    objectMode: false,
  });
  const lookAt = async (id: string, name: string): Promise<void> => {
    const container = docker.getContainer(id);
    await container.pause().catch(() => undefined); // it has ended already
    try {
      const settings = JSON.stringify(await container.inspect());
      const archive = await container.export();
      for (const found of [...canaries.in(settings), ...(await canaries.inStream(archive))])
        findings.add(`container ${name}: ${found}`);
      looked.containers.push(name);
    } catch (error) {
      // Removed before we came, or while we looked. The test says which ones must have been seen.
      const { statusCode = 0 } = error as { statusCode?: number };
      if (![404, 409].includes(statusCode)) throw error;
    } finally {
      await container.unpause().catch(() => undefined);
    }
  };
  events.on('data', (line: Buffer) => {
    for (const text of line.toString().split('\n').filter(Boolean)) {
      const { Actor } = JSON.parse(text) as { Actor: { ID: string; Attributes: { name: string } } };
      underWay.push(lookAt(Actor.ID, Actor.Attributes.name));
    }
  });
  const timer = setInterval(() => {
    const running = readdirSync('/proc').some((pid) => {
      try {
        return /components\/jobs\/\w+\.ts/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
      } catch {
        return false;
      }
    });
    if (!running) return;
    looked.processes++;
    for (const found of inProcesses(canaries)) findings.add(found);
  }, 50);
  return {
    end: async () => {
      clearInterval(timer);
      events.destroy();
      await Promise.all(underWay);
      return { findings: [...findings], looked };
    },
  };
}

/**
 * Command lines and environments of every process that may be read: as root on the engine's host, of all. One is left
 * out: Pulumi hands the program itself its settings in its environment, secrets in clear (PULUMI_CONFIG).
 */
export function inProcesses(canaries: Canaries): Findings {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) =>
      ['cmdline', 'environ'].flatMap((file) => {
        try {
          const content = readFileSync(`/proc/${pid}/${file}`);
          const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ');
          const command = words.slice(0, 200);
          // The program, and what it starts; never a job, which must not inherit it.
          const isPulumis = content.includes('PULUMI_CONFIG=') && !words.includes('components/jobs/');
          if (file === 'environ' && isPulumis) return [];
          return finding(`${file} of ${command}`, canaries.in(content));
        } catch {
          return [];
        }
      }),
    );
}

/** Generated passwords out of a stack's state, by the name of their resource. */
export async function generatedSecrets(stack: Stack): Promise<Record<string, string>> {
  const { deployment } = await stack.shownState();
  return Object.fromEntries(
    deployment.resources.flatMap(({ type, urn, outputs }) => {
      const result = type.startsWith('random:') ? plain(outputs?.['result']) : undefined;
      return result === undefined ? [] : [[`${stack.name}/${urn.split('::').at(-1) ?? ''}`, result]];
    }),
  );
}

/** A secret of an exported state is an object with its JSON in it. */
function plain(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  const { plaintext } = (value ?? {}) as { plaintext?: string };
  return plaintext === undefined ? undefined : (JSON.parse(plaintext) as string);
}
