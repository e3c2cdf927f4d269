import type * as docker from '@pulumi/docker';
import * as pulumi from '@pulumi/pulumi';
import { RandomPassword } from '@pulumi/random';
import { script } from '../configs/tools/scripts.ts';
import { secretsFolder } from '../configs/paths.ts';
import type { Host } from './host.ts';
import { Job, type Mount, pinnedImage, volume } from './service.ts';

/** One secret: given, or generated once and kept in the state. It may have several consumers. */
export class Credential extends pulumi.ComponentResource {
  readonly value: pulumi.Output<string>;
  /** A bcrypt hash, where a program wants one; of generated secrets only. */
  readonly bcryptHash: pulumi.Output<string> | undefined;

  constructor(
    name: string,
    given: pulumi.Output<string> | undefined,
    opts: pulumi.ComponentResourceOptions & { length?: number } = {},
  ) {
    const { length = 32, ...rest } = opts;
    super('taffrail:index:Credential', name, {}, rest);
    if (given !== undefined) {
      this.value = pulumi.secret(given);
    } else {
      // No special characters: it goes into URLs, YAML and prompts of many programs. 32 letters and digits are 190 bits.
      const generated = new RandomPassword(`${name}-generated`, { length, special: false }, { parent: this });
      this.value = pulumi.secret(generated.result);
      this.bcryptHash = pulumi.secret(generated.bcryptHash);
    }
    this.registerOutputs({});
  }
}

/** Who shows what to whom between the stores: each has several consumers, and is there when all of them run. */
export interface StoreCredentials {
  /** Asked for by Prometheus: of Grafana, of its own healthcheck, of the job that reads its configuration back. */
  prometheus: Credential | undefined;
  /** Asked for by Grafana's metrics, which its published port would give to anybody. */
  grafanaMetrics: Credential | undefined;
}

export const storeCredentials = (runs: { prometheus: boolean; grafana: boolean }): StoreCredentials => ({
  prometheus: runs.prometheus ? new Credential('prometheus-credential', undefined) : undefined,
  grafanaMetrics:
    runs.prometheus && runs.grafana ? new Credential('grafana-metrics-credential', undefined) : undefined,
});

/** The secrets of one service, as files on a small volume of its own: mode 0400, its uid. */
export class SecretFiles extends pulumi.ComponentResource {
  readonly volume: docker.Volume;
  readonly mount: Mount;
  readonly delivered: pulumi.Output<docker.Container>;

  constructor(
    name: string,
    host: Host,
    args: {
      owner: string;
      /** By file; where there is no secret there is no file. */
      files: Record<string, pulumi.Output<string> | undefined>;
    },
    opts: pulumi.ComponentResourceOptions,
  ) {
    super('taffrail:index:SecretFiles', name, {}, opts);
    this.volume = volume(name, host, this);
    this.mount = { volume: this.volume, path: secretsFolder, readOnly: true };
    this.delivered = new Job(
      `${name}-files`,
      host,
      {
        image: pinnedImage(host, 'tools'),
        user: { root: 'it writes a volume, which the engine makes as root' },
        command: ['sh', '/taffrail/secrets.sh', args.owner],
        files: {
          '/taffrail/secrets.sh': script('tools/secrets.sh'),
          ...Object.fromEntries(
            Object.entries(args.files).flatMap(([file, content]) =>
              content ? [[`/staging/${file}`, pulumi.secret(content)]] : [],
            ),
          ),
        },
        mounts: [{ volume: this.volume, path: '/target' }],
        capabilities: { add: ['CAP_CHOWN'], reason: 'the consumer, not root, owns its secret' },
      },
      { parent: this },
    ).done;
    this.registerOutputs({});
  }
}

/** The holes of a template, `{{name}}`, filled. Throws on a hole that nobody fills. */
export function filled(template: string, holes: Record<string, pulumi.Input<string>>): pulumi.Output<string> {
  return pulumi.output(holes).apply((values) =>
    template.replaceAll(/\{\{(\w+)\}\}/g, (_, hole: string) => {
      const value = values[hole];
      if (value === undefined) throw new Error(`nobody fills the hole ${hole}`);
      return value;
    }),
  );
}
