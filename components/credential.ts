import * as pulumi from '@pulumi/pulumi';
import { RandomPassword } from '@pulumi/random';

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
      // One of each kind: CloudBeaver refuses others, and one rule for all is simpler.
      const generated = new RandomPassword(
        `${name}-generated`,
        { length, special: false, minLower: 1, minUpper: 1, minNumeric: 1 },
        { parent: this },
      );
      this.value = pulumi.secret(generated.result);
      this.bcryptHash = pulumi.secret(generated.bcryptHash);
    }
    this.registerOutputs({});
  }
}

/** Credentials shared between stores; created only if every consumer is enabled. */
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

/** A template with its placeholders, `{{name}}`, replaced. Throws on a placeholder without a value. */
export const filled = (
  template: string,
  values: Record<string, pulumi.Input<string>>,
): pulumi.Output<string> =>
  pulumi.output(values).apply((known) =>
    template.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
      const value = known[name];
      if (value === undefined) throw new Error(`placeholder ${name} has no value`);
      return value;
    }),
  );
