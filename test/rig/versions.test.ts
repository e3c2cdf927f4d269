import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { imageKeys, images } from '../../configs/images.ts';
import { contractOf } from './images/contracts.ts';
import { partsTable } from './index.ts';
import { parts, shippedVersion } from './parts.ts';

describe.each(imageKeys)('the version of %s', (key) => {
  const [part, ...others] = parts.filter(({ image }) => image === key);
  const line = partsTable(true).find(({ name }) => name === part?.name);
  const shipped = (part && shippedVersion(part)) ?? '';
  const { rig } = contractOf(key);

  it("3.11: the shipped one is the tag's, and the table shows it wherever the rig has another", () => {
    expect(others).toEqual([]);
    expect(shipped).toMatch(/^\d+(\.\d+)+$/);
    expect(images[key].tag.split('-')[0]?.replace('v', '')).toBe(shipped);
    expect(line?.shippedVersion ?? line?.version).toBe(shipped);
    expect(line?.shippedVersion).not.toBe(line?.version);
  });

  it("3.11: its contract says by how much the rig's differs, of today's versions", () => {
    // Debian's have a version more exact than the table's; a stand-in's is told in the table only.
    if (rig.kind !== 'stand-in') expect(`${rig.version}.`.indexOf(`${part?.version ?? '?'}.`)).toBe(0);
    const named = rig.differs.match(/\b\d+(\.\d+)+\b/g) ?? [];
    if (rig.kind === 'stand-in') expect(rig.differs).toContain('a stand-in of our own');
    else if (part?.version === shipped) expect(named).toEqual([]);
    else {
      // Its line at least: "15 for 16".
      const numbers = rig.differs.match(/\b\d+(\.\d+)*\b/g) ?? [];
      expect(numbers.filter((number) => `${shipped}.`.startsWith(`${number}.`))).not.toEqual([]);
    }
    const whole = named.filter((version) => version.split('.').length > 2);
    expect(whole.filter((version) => version !== shipped && version !== rig.version)).toEqual([]);
  });
});

describe('versions of images are written once', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const source = 'configs/images.ts';
  const files = [
    'index.ts',
    ...['components', 'configs'].flatMap((folder) =>
      readdirSync(`${root}/${folder}`, { recursive: true, encoding: 'utf8' }).map(
        (path) => `${folder}/${path}`,
      ),
    ),
  ].filter((path) => path.endsWith('.ts'));

  /** Tags in a text, and names of images with any tag or digest. */
  const written = (text: string): string[] =>
    imageKeys.flatMap((key) => {
      const { name, tag } = images[key];
      const literal = (word: string): string => word.replaceAll('.', '\\.');
      return [
        ...(text.match(new RegExp(`(?<=[:'"\`])${literal(tag)}(?=[@'"\`])`, 'g')) ?? []),
        ...(text.match(new RegExp(`(?<=['"\`/])${literal(name)}[:@][\\w$]\\S*`, 'g')) ?? []),
      ];
    });

  it('3.11: in configs/images.ts and nowhere else in the product', () => {
    expect(files.length).toBeGreaterThan(50);
    const found = files.filter((path) => written(readFileSync(`${root}/${path}`, 'utf8')).length > 0);
    expect(found).toEqual([source]);
  });

  it('3.11: a second place would be noticed', () => {
    expect(written(`image: '${images.redis.name}:${images.redis.tag}'`)).not.toEqual([]);
    expect(written("image: 'docker.io/prom/prometheus:v9.9.9'")).not.toEqual([]);
    expect(written(`const tag = '${images.loki.tag}';`)).not.toEqual([]);
  });
});

it('3.7: stand-ins are the language host, the command plugin, Grafana and CloudBeaver; the rest is built from its module, or Debian’s', () => {
  const kinds = (kind: string) => parts.filter((one) => one.kind === kind);
  expect(kinds('stand-in').map(({ name }) => name)).toEqual([
    'pulumi-language-nodejs',
    'plugin-command',
    'grafana',
    'cloudbeaver',
  ]);
  const built = kinds('built').map(({ name }) => name);
  for (const name of [
    'engine',
    'pulumi',
    'plugin-docker',
    'plugin-random',
    'prometheus',
    'loki',
    'promtail',
    'compose',
  ])
    expect(built).toContain(name);
  for (const { name, module = '' } of kinds('built')) {
    expect(module, name).toMatch(/^go\//);
    // Each at an exact version, with its checksums.
    for (const file of ['go.mod', 'go.sum'])
      expect(existsSync(new URL(`${module}/${file}`, import.meta.url)), `${name} ${file}`).toBe(true);
  }
  for (const { name, module } of kinds('debian')) expect(module, name).toBeUndefined();
});
