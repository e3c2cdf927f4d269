/**
 * `npm run images:pin`: asks each registry for the digest of every tag and writes it into configs/images.ts.
 * Nothing is written unless every image was answered, so that the file never holds a mixture.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { imageKeys, images, splitName, type Image, type ImageKey } from '../configs/images.ts';

const FILE = new URL('../configs/images.ts', import.meta.url);
const TIMEOUT_MS = 15_000;
const INDEX_TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ');

/** Docker Hub's API does not live at its own name. */
const apiHost = (registry: string): string => (registry === 'docker.io' ? 'registry-1.docker.io' : registry);

type Fetch = typeof fetch;

/** Reads the realm, service and scope of a `WWW-Authenticate: Bearer ...` header. */
export function tokenUrl(challenge: string): string | undefined {
  if (!/^bearer /i.test(challenge)) return undefined;
  const parts = Object.fromEntries(
    [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]),
  );
  if (parts['realm'] === undefined) return undefined;
  const url = new URL(parts['realm']);
  for (const name of ['service', 'scope'])
    if (parts[name] !== undefined) url.searchParams.set(name, parts[name]);
  return url.href;
}

/**
 * The digest of an image's multi-arch index.
 * @throws Error with one sentence: registry not reached, tag not there, or not multi-arch
 */
export async function digestOf(image: Image, get: Fetch = fetch): Promise<string> {
  const { registry, repository } = splitName(image.name);
  const url = `https://${apiHost(registry)}/v2/${repository}/manifests/${image.tag}`;
  const ask = (headers: Record<string, string>): Promise<Response> =>
    get(url, {
      method: 'HEAD',
      headers: { accept: INDEX_TYPES, ...headers },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  let answer = await ask({});
  if (answer.status === 401) {
    const where = tokenUrl(answer.headers.get('www-authenticate') ?? '');
    if (where === undefined) throw new Error(`${registry} wants a login that this command does not know`);
    const reply = await get(where, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    const body = (await reply.json()) as { token?: string; access_token?: string };
    answer = await ask({ authorization: `Bearer ${body.token ?? body.access_token ?? ''}` });
  }
  if (answer.status === 404) throw new Error(`${registry} has no ${repository}:${image.tag}`);
  if (!answer.ok)
    throw new Error(`${registry} answered ${String(answer.status)} for ${repository}:${image.tag}`);
  const type = (answer.headers.get('content-type') ?? '').split(';')[0] ?? '';
  if (!INDEX_TYPES.includes(type) || type === '')
    throw new Error(`${repository}:${image.tag} is no multi-arch index`);
  const digest = answer.headers.get('docker-content-digest') ?? '';
  if (!/^sha256:[0-9a-f]{64}$/.test(digest))
    throw new Error(`${registry} gave no digest for ${repository}:${image.tag}`);
  return digest;
}

/** Puts digests into the text of configs/images.ts; every entry is one line there. */
export function withDigests(source: string, digests: Readonly<Record<string, string>>): string {
  return Object.entries(digests).reduce((text, [key, digest]) => {
    const line = new RegExp(
      `^(  ${key}: \\{ name: '[^']+', tag: '[^']+',)(?: digest: '[^']*',)?( .*\\},)$`,
      'm',
    );
    const wrapped = new RegExp(
      `(  ${key}: \\{\\n    name: '[^']+',\\n    tag: '[^']+',\\n)(?:    digest:\\s+'[^']*',\\n)?`,
    );
    if (line.test(text)) return text.replace(line, `$1 digest: '${digest}',$2`);
    if (wrapped.test(text)) return text.replace(wrapped, `$1    digest: '${digest}',\n`);
    throw new Error(`configs/images.ts has no entry ${key} in the expected form`);
  }, source);
}

async function main(): Promise<number> {
  const digests = {} as Record<ImageKey, string>;
  const failures: string[] = [];
  await Promise.all(
    imageKeys.map(async (key) => {
      try {
        digests[key] = await digestOf(images[key]);
      } catch (error) {
        failures.push(
          error instanceof TypeError || (error as Error).name === 'TimeoutError'
            ? `${splitName(images[key].name).registry} cannot be reached`
            : (error as Error).message,
        );
      }
    }),
  );
  if (failures.length > 0) {
    console.error(`No digest was written: ${[...new Set(failures)].sort().join('; ')}.`);
    return 1;
  }
  const before = await readFile(FILE, 'utf8');
  const after = withDigests(before, digests);
  if (after !== before) await writeFile(FILE, after);
  for (const key of imageKeys) console.log(`${images[key].name}:${images[key].tag} ${digests[key]}`);
  console.log(
    after === before
      ? 'configs/images.ts was up to date.'
      : 'Written: configs/images.ts. Run `npm run format`.',
  );
  return 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = await main();
