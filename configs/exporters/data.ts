import type { Files, SecretFile } from '../files.ts';
import type { ImageKey } from '../images.ts';
import type { ScrapeJob } from '../prometheus/render.ts';

/** A network of the stack; every exporter is on `stores`, where Prometheus asks it. */
export type ExporterNetwork = 'apps' | 'databases' | 'socket';

/** A folder or file of the host. */
export interface HostMount {
  hostPath: string;
  path: string;
  /** Mounts that the host makes later are seen too. */
  propagation?: 'rslave';
}

/** A module below configs/ that applies (running.ts), and what it is told beside the stack's name. */
export interface Logic {
  logic: string;
  told: Readonly<Record<string, string>>;
}

/** An exporter is data: `components/exporter.ts` makes the same thing of each. */
export interface ExporterData {
  /** Its container and its name on the network. */
  name: string;
  /** The program as people call it. */
  title: string;
  image: ImageKey;
  imageOverride?: string | undefined;
  /** uid:gid, that of the image unless a comment says why not. */
  user: string;
  entrypoint?: string[];
  args: string[];
  /** Plain environment. Never a secret. */
  environment?: Record<string, string>;
  /** Files below /run/secrets; the component fills their holes. */
  secrets?: SecretFile[];
  port: number;
  /** Bytes. */
  memory: number;
  /** Beyond `stores`. */
  networks: ExporterNetwork[];
  /** External networks, by name. */
  external?: string[];
  mounts?: HostMount[];
  /** In exec form, with a program that the image's contract lists. */
  healthcheck: string[];
  /** What it reads from files: judged by its own checker, reloaded and read back. */
  config?: {
    files: Files;
    check: string[];
    apply: Logic;
  };
  /** Where a health check says too little: what shows that it works. */
  proof?: Logic;
  scrape: ScrapeJob[];
}

/**
 * The name that an exporter has on `stores` only. A program that listens on it answers Prometheus, and refuses
 * the applications and databases with which it shares another network.
 */
export const storesName = (name: string): string => `${name}.stores`;
/** host:port, as Prometheus asks it and as the exporter listens. */
export const storesAddress = (name: string, port: number): string => `${storesName(name)}:${String(port)}`;

/** Loopback for the healthcheck and the reload, `stores` for Prometheus, and nothing else. */
export const listenFlags = (name: string, port: number): string[] => [
  `--web.listen-address=127.0.0.1:${String(port)}`,
  `--web.listen-address=${storesAddress(name, port)}`,
];

/** Answers on loopback: busybox's wget, which every exporter's image has. */
export const wget = (port: number, path: string): string[] => [
  'wget',
  '-q',
  '-O',
  '/dev/null',
  `http://127.0.0.1:${String(port)}${path}`,
];

/** A label of every series, whatever the target says. */
export const fixed = (label: string, value: string): Record<string, unknown> => ({
  target_label: label,
  // $ would be a reference to a group.
  replacement: value.replaceAll('$', '$$$$'),
});
