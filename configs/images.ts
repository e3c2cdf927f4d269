/**
 * Every image that Taffrail runs, pinned: the tag always, the digest once a registry has been asked
 * (`npm run images:pin` writes it). The rig builds its images under the same names and tags.
 *
 * A tag stands here only if it was seen in use or in the project's own release files; each entry says where.
 */

/** One image: where it lives, which tag, and since `images:pin` the digest of its multi-arch index. */
export interface Image {
  /** Repository without tag; no host means Docker Hub. */
  readonly name: string;
  readonly tag: string;
  /** `sha256:...` of the multi-arch index; absent until a registry was asked. */
  readonly digest?: string;
  /** The project publishes linux/arm64 under this tag (unproved here: read from its release files). */
  readonly arm64: boolean;
}

export const images = {
  // 3.13 is the long-term-support line, until July 2027. arm64: prometheus/prometheus Makefile.common (DOCKER_ARCHS).
  prometheus: { name: 'prom/prometheus', tag: 'v3.13.4', arm64: true },
  // arm64: grafana/loki .github/release-workflows.jsonnet (platforms.all).
  loki: { name: 'grafana/loki', tag: '3.7.8', arm64: true },
  // The last one: grafana/loki's release files build no promtail image from v3.6.12 on. End of life since 2026-03-02.
  promtail: { name: 'grafana/promtail', tag: '3.6.11', arm64: true },
  grafana: { name: 'grafana/grafana', tag: '13.2.3', arm64: true },
  // dbeaver/cloudbeaver README (changelog 26.2.2 of 2026-10-05); arm64: its wiki, "Deployment from docker image".
  cloudbeaver: { name: 'dbeaver/cloudbeaver', tag: '26.2.2', arm64: true },
  nodeExporter: { name: 'prom/node-exporter', tag: 'v1.12.1', arm64: true },
  // Below 0.60.5 container names are missing on Docker 29. arm64: its .github/workflows/publish-container.yml.
  cadvisor: { name: 'ghcr.io/google/cadvisor', tag: 'v0.60.6', arm64: true },
  postgresExporter: { name: 'prometheuscommunity/postgres-exporter', tag: 'v0.20.1', arm64: true },
  // The plain tag is FROM scratch: nothing in it could answer a healthcheck. arm64: its .github/workflows/release.yml.
  redisExporter: { name: 'oliver006/redis_exporter', tag: 'v1.89.0-alpine', arm64: true },
  blackboxExporter: { name: 'prom/blackbox-exporter', tag: 'v0.28.0', arm64: true },
  // The distribution is named so that a collation never changes under a database by a mere re-pull.
  // docker-library/official-images library/postgres (2026-08); 16.16 is likely out, no registry could be asked.
  postgres: { name: 'postgres', tag: '16.15-trixie', arm64: true },
  redis: { name: 'redis', tag: '8.10.2-trixie', arm64: true },
  // Long-term support (tag `lts`); the filter before the Docker socket. Alpine: has wget for the healthcheck.
  socketProxy: { name: 'haproxy', tag: '3.4.6-alpine', arm64: true },
  // Config jobs. musl: one static file that resolves names by itself, on arm64 too.
  tools: { name: 'busybox', tag: '1.37.0-musl', arm64: true },
} as const satisfies Record<string, Image>;

export type ImageKey = keyof typeof images;

export const imageKeys = Object.keys(images) as ImageKey[];

/**
 * Where images come from: a string stands for Docker Hub only (`registry.example.org/hub`),
 * a map names a mirror for each registry (`{ 'docker.io': ..., 'ghcr.io': ... }`).
 */
export type Mirror = string | Readonly<Record<string, string>>;

const HUB = 'docker.io';

/** Splits `ghcr.io/google/cadvisor` into registry and repository; official images get their `library/`. */
export function splitName(name: string): { registry: string; repository: string } {
  const [first = '', ...rest] = name.split('/');
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  if (isHost) return { registry: first, repository: rest.join('/') };
  return { registry: HUB, repository: rest.length === 0 ? `library/${name}` : name };
}

/**
 * The reference to give to the engine.
 *
 * @param override a whole reference from the settings; wins and is used as it stands
 * @param mirror see {@link Mirror}; an image whose registry has no mirror keeps its own
 * @returns `name:tag`, with `@sha256:...` where a digest is pinned
 */
export function imageRef(key: ImageKey, override?: string, mirror?: Mirror): string {
  if (override !== undefined) return override;
  const image: Image = images[key];
  const { registry, repository } = splitName(image.name);
  const host = typeof mirror === 'string' ? (registry === HUB ? mirror : undefined) : mirror?.[registry];
  const name = host === undefined ? image.name : `${host.replace(/\/+$/, '')}/${repository}`;
  return `${name}:${image.tag}${image.digest === undefined ? '' : `@${image.digest}`}`;
}

/** `name:tag` without digest: the name under which the rig makes the image. */
export function imageTag(key: ImageKey): string {
  return `${images[key].name}:${images[key].tag}`;
}
