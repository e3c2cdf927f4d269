import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestOf, tokenUrl, withDigests } from '../../commands/imagesPin.ts';
import { imageKeys, imageRef, images, imageTag, splitName } from '../../configs/images.ts';
import { engineAt } from './images.ts';
import { allContracts, contractFolder, contractOf, isBehind, olderSources } from './images/contracts.ts';
import { Rootfs } from './images/rootfs.ts';
import { parts } from './parts.ts';
import { rigDocument } from './rigDocs.ts';

describe('3.11: configs/images.ts', () => {
  test('every tag is a version, never a moving name', () => {
    for (const key of imageKeys)
      expect(images[key].tag, key).toMatch(/^v?\d+\.\d+(\.\d+)?(-(alpine|trixie|musl))?$/);
  });

  test('a reference: plain, overridden, mirrored', () => {
    expect(imageRef('prometheus')).toContain(imageTag('prometheus'));
    expect(imageRef('prometheus', 'r.example/p:1')).toBe('r.example/p:1');
    expect(imageRef('tools', undefined, 'r.example/hub/')).toContain(
      `r.example/hub/library/busybox:${images.tools.tag}`,
    );
    // A mirror of Docker Hub does not have what lives elsewhere.
    expect(imageRef('cadvisor', undefined, 'r.example/hub')).toContain(imageTag('cadvisor'));
    expect(imageRef('cadvisor', undefined, { 'ghcr.io': 'r.example/gh' })).toContain(
      'r.example/gh/google/cadvisor:',
    );
  });

  test('names split into registry and repository', () => {
    expect(splitName('redis')).toEqual({ registry: 'docker.io', repository: 'library/redis' });
    expect(splitName('prom/prometheus')).toEqual({ registry: 'docker.io', repository: 'prom/prometheus' });
    expect(splitName('ghcr.io/a/b')).toEqual({ registry: 'ghcr.io', repository: 'a/b' });
    expect(splitName('localhost:5000/a')).toEqual({ registry: 'localhost:5000', repository: 'a' });
  });
});

/** Every `from` of a contract, wherever it stands. */
function sourcesUsed(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(sourcesUsed);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    name === 'from' && typeof inner === 'string' ? [inner] : sourcesUsed(inner),
  );
}

describe.each(imageKeys)('contract of %s', (key) => {
  const contract = contractOf(key);

  test('is that of its folder, and every line has a source that is told', () => {
    expect(contract.image).toBe(key);
    const { sources, ...lines } = contract;
    const used = new Set(sourcesUsed(lines));
    expect([...used].filter((name) => !(name in sources))).toEqual([]);
    expect(Object.keys(sources).filter((name) => !used.has(name))).toEqual([]);
  });

  test('probes, checker and entrypoint use only what the image and the rig have', () => {
    const execs = [
      ...contract.health.map(({ exec }) => exec),
      ...(contract.checker ? [contract.checker.exec] : []),
    ];
    for (const [program = ''] of execs) expect(contract.provides(program), program).toBe(true);
    const [entry] = contract.config.entrypoint.is;
    if (entry === undefined) return;
    const at = entry.startsWith('.') ? posix.join(contract.config.workdir?.is ?? '/', entry) : entry;
    expect(contract.provides(at), at).toBe(true);
  });

  test('what it calls absent is not provided', () => {
    for (const { program } of contract.absent) expect(contract.provides(program), program).toBe(false);
  });

  test('its user has a name or a number that the files know', () => {
    const name = contract.config.user?.is.split(':')[0] ?? 'root';
    if (!/^\d+$/.test(name)) expect(contract.accounts.map(({ user }) => user)).toContain(name);
    const groups = new Set(contract.groups.map(({ gid }) => gid));
    for (const { user, gid } of contract.accounts) expect(groups, user).toContain(gid);
  });

  test('scripts of the rig lie beside it and nothing else does', async () => {
    const named = contract.programs
      .filter(({ rig }) => rig.startsWith('file:'))
      .map(({ rig }) => rig.slice(5));
    expect((await readdir(contractFolder(key))).sort()).toEqual(['contract.yaml', ...named].sort());
  });

  test("tells the rig's version and what it comes from", () => {
    const part = parts.find(({ image }) => image === key);
    expect(part).toBeDefined();
    expect(contract.rig.kind).toBe(part?.kind);
    expect(contract.rig.differs).not.toBe('');
    if (contract.rig.kind === 'debian') expect(contract.rig.packages).not.toEqual([]);
    else expect(contract.rig.part).toBe(part?.name);
    if (contract.rig.kind === 'built') {
      expect(contract.rig.version).toBe(part?.version);
      const outputs = part?.outputs?.map(({ file }) => file) ?? [];
      for (const { rig } of contract.programs)
        if (rig !== 'none' && !rig.includes(':')) expect(outputs, rig).toContain(rig);
    }
  });
});

describe('the versions at which contracts were read', () => {
  test.each([
    ['3.13.4', 'v3.13.4', false],
    ['3.13.2', 'v3.13.4', true],
    ['3.14', 'v3.13.4', false],
    ['13', '13.2.3', true],
    ['3.4.10', '3.4.6-alpine', false],
    ['16.13', '16.15-trixie', true],
    ['0.28.0', 'v0.28.0', false],
    ['main of 2026', '13.2.3', true],
  ])('%s for %s', (version, shipped, behind) => {
    expect(isBehind(version, shipped)).toBe(behind);
  });

  test('docs/rig.md lists each that is older than what ships', () => {
    const text = rigDocument();
    const listed = text.slice(text.indexOf('### Read at an older version'));
    for (const contract of allContracts())
      for (const source of Object.values(contract.sources)) {
        const row = `| \`${imageTag(contract.key)}\` | ${source.repository} | ${source.file} | read at ${source.version}`;
        expect(listed.includes(row), row).toBe(olderSources(contract).includes(source));
      }
    expect(listed).toContain('| docker-library/haproxy | 3.4/alpine/Dockerfile | read at 3.4.2 (ec437dd2) |');
    expect(olderSources(contractOf('prometheus'))).toEqual([]);
  });
});

test('only images with a shell get one', () => {
  const shells = allContracts().map((contract) => [contract.key, contract.provides('sh')] as const);
  expect(shells.filter(([, has]) => !has).map(([key]) => key)).toEqual(['loki']);
  expect(contractOf('tools').provides('wget')).toBe(true);
  expect(contractOf('promtail').provides('wget')).toBe(false);
  expect(contractOf('loki').provides('lokitool')).toBe(false);
  expect(contractOf('postgres').provides('pg_dump')).toBe(true);
});

describe('root file system', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'taffrail-rootfs-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const sample = (reverse: boolean): Rootfs => {
    const rootfs = new Rootfs();
    const names = ['tool', 'other'];
    for (const name of reverse ? names.reverse() : names) rootfs.file(`/bin/${name}`, 'x', { mode: 0o755 });
    rootfs.link('/usr/bin/link', 'tool');
    rootfs.directory('/data', { uid: 999, gid: 999, mode: 0o1777 });
    return rootfs;
  };

  test('same content gives the same bytes, in whatever order it came', async () => {
    const first = await sample(false).save(join(folder, 'a.tar'));
    const second = await sample(true).save(join(folder, 'b.tar'));
    expect(second).toBe(first);
    const bytes = await readFile(join(folder, 'a.tar'));
    expect(`sha256:${createHash('sha256').update(bytes).digest('hex')}`).toBe(first);
  });

  test('follows links and the merged /usr', () => {
    const rootfs = sample(false);
    rootfs.link('/usr/lib/db/16', '15');
    expect(rootfs.canonical('/bin/x')).toBe('/usr/bin/x');
    expect(rootfs.canonical('/usr/lib/db/16/bin/x')).toBe('/usr/lib/db/15/bin/x');
    expect(rootfs.has('/usr/bin/tool')).toBe(true);
    expect(() => {
      rootfs.copy('/not/there', '/x');
    }).toThrow('/not/there');
  });
});

test('the engine is reached by unix or tcp only', () => {
  expect(() => engineAt('ssh://root@host')).toThrow('unix:// or tcp://');
});

describe('3.11: images:pin', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  const source = new URL('../../configs/images.ts', import.meta.url);
  const index = {
    'content-type': 'application/vnd.oci.image.index.v1+json',
    'docker-content-digest': digest,
  };
  const answering = (...replies: Response[]): typeof fetch => {
    const left = [...replies];
    return () => Promise.resolve(left.shift() ?? new Response(null, { status: 500 }));
  };

  test('reads the way to a token', () => {
    expect(tokenUrl('Bearer realm="https://a.example/token",service="s",scope="repository:x:pull"')).toBe(
      'https://a.example/token?service=s&scope=repository%3Ax%3Apull',
    );
    expect(tokenUrl('Basic realm="x"')).toBeUndefined();
  });

  test('asks for a token and takes the digest of the index', async () => {
    const challenge = { 'www-authenticate': 'Bearer realm="https://a.example/token",service="s"' };
    const get = answering(
      new Response(null, { status: 401, headers: challenge }),
      Response.json({ token: 't' }),
      new Response(null, { headers: index }),
    );
    expect(await digestOf(images.prometheus, get)).toBe(digest);
  });

  test('a missing tag and a single-platform image are said', async () => {
    await expect(digestOf(images.redis, answering(new Response(null, { status: 404 })))).rejects.toThrow(
      'has no library/redis',
    );
    const single = { ...index, 'content-type': 'application/vnd.oci.image.manifest.v1+json' };
    await expect(digestOf(images.redis, answering(new Response(null, { headers: single })))).rejects.toThrow(
      'multi-arch',
    );
  });

  test('writes every digest, and again over formatted text', async () => {
    const before = await readFile(source, 'utf8');
    const all = Object.fromEntries(imageKeys.map((key) => [key, digest]));
    const once = withDigests(before, all);
    expect(once.split(digest)).toHaveLength(imageKeys.length + 1);
    const { format, resolveConfig } = await import('prettier');
    const config = { ...(await resolveConfig(source)), parser: 'typescript' };
    const other = digest.replaceAll('a', 'b');
    const again = withDigests(
      await format(once, config),
      Object.fromEntries(imageKeys.map((key) => [key, other])),
    );
    expect(again).not.toContain(digest);
    expect(again.split(other)).toHaveLength(imageKeys.length + 1);
  });
});
