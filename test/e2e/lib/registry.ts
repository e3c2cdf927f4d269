import { createServer, type Server } from 'node:http';
import { extract } from 'tar-stream';
import { buffer } from 'node:stream/consumers';
import { docker } from './engine.ts';

interface Descriptor {
  mediaType: string;
  digest: string;
}

export interface Registry {
  /** What was asked for: `GET /v2/...`. */
  asked: string[];
  close: () => Promise<void>;
}

/**
 * A registry on loopback that has one image, as the engine saves it: an OCI layout. What it answers is the distribution
 * specification's; nobody can push.
 *
 * @param address host:port
 */
export async function registryWith(image: string, address: string): Promise<Registry> {
  const blobs = await saved(image);
  const { manifests } = JSON.parse((blobs.get('index.json') ?? '').toString()) as { manifests: Descriptor[] };
  const [top] = manifests;
  if (!top) throw new Error(`${image} cannot be saved`);
  const asked: string[] = [];
  const server: Server = createServer(({ method, url = '' }, answer) => {
    asked.push(`${method ?? ''} ${url}`);
    const [, kind, name = ''] = /^\/v2\/.+\/(manifests|blobs)\/([^/?]+)/.exec(url) ?? [];
    const digest = name.startsWith('sha256:') ? name : top.digest;
    const content = blobs.get(`blobs/${digest.replace(':', '/')}`);
    if (url === '/v2/' || url === '/v2') answer.writeHead(200).end('{}');
    else if (kind === undefined || content === undefined) answer.writeHead(404).end('{"errors":[]}');
    else {
      const type = kind === 'blobs' ? 'application/octet-stream' : typeOf(content, digest, top);
      answer.writeHead(200, {
        'content-type': type,
        'content-length': content.length,
        'docker-content-digest': digest,
      });
      answer.end(method === 'HEAD' ? undefined : content);
    }
  });
  const [host = '', port = ''] = address.split(':');
  await new Promise<void>((listening, failed) => {
    server.on('error', failed);
    server.listen(Number(port), host, listening);
  });
  return {
    asked,
    close: () =>
      new Promise((closed) => {
        server.closeAllConnections();
        server.close(() => {
          closed();
        });
      }),
  };
}

const typeOf = (content: Buffer, digest: string, top: Descriptor): string =>
  digest === top.digest
    ? top.mediaType
    : ((JSON.parse(content.toString()) as { mediaType?: string }).mediaType ??
      'application/vnd.oci.image.manifest.v1+json');

/** The files of a saved image, by path. */
async function saved(image: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const archive = extract();
  (await docker.getImage(image).get()).pipe(archive);
  for await (const entry of archive) {
    const content = await buffer(entry);
    if (entry.header.type === 'file') files.set(entry.header.name, content);
  }
  return files;
}
