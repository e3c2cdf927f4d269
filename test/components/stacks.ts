import { readFileSync } from 'node:fs';
import type { StackConfig } from '../stacks/load.ts';
import { stackConfig } from './harness.ts';

/** Every kind of component, and every setting that leads a secret somewhere. */
export const everythingYaml = `
config:
  taffrail:networks:
    - { name: shop_default, alias: metrics, attach: [prometheus] }
  taffrail:postgres: { enabled: true, password: postgresSecret }
  taffrail:redis: { enabled: true, password: redisSecret }
  taffrail:grafana:
    adminPassword: grafanaSecret
    users: [{ login: anna, role: Editor, password: annaSecret }]
    oauth: { provider: github, clientId: id, clientSecret: oauthSecret, allowedOrganizations: [acme] }
  taffrail:cloudbeaver: { adminPassword: cloudbeaverSecret }
  taffrail:prometheus:
    scrapeJobs: [{ name: web, targets: ['web:8080'], username: metrics, password: webSecret }]
  taffrail:blackboxExporter:
    probes: [{ name: site, url: 'https://example.com/health' }]
  taffrail:databases:
    shop: { kind: postgres, host: db, network: shop_default, adminPassword: shopAdminSecret, cloudbeaver: true }
    books: { kind: postgres, host: db.example.com, user: reader, password: booksSecret }
    queue: { kind: redis, host: queue, network: shop_default, password: queueSecret }
  taffrail:apps:
    bot:
      image: registry.example.com/bot:1.0.0
      secrets: { token: botSecret, database: postgres.password, cache: redis.password }
      metrics: { port: 8080 }
      needs: [postgres, redis]
      healthcheck: ['true']
    worker: { build: test/workloads/bot }
`;

/** The names of its secrets. */
export const everythingSecrets = [...everythingYaml.matchAll(/\b(\w+Secret)\b/g)]
  .map(([, name = '']) => name)
  .filter((name) => name !== 'clientSecret');

/** The whole of it, each secret with the value given for its name, and the YAML as it is changed. */
export const everything = (
  value = (name: string) => `synthetic-${name}-0123456789`,
  change = (yaml: string) => yaml,
): StackConfig =>
  stackConfig(
    change(everythingYaml),
    Object.fromEntries(everythingSecrets.map((name) => [name, value(name)])),
  );

export const defaults = (): StackConfig => stackConfig('');

export const systemA = (): StackConfig =>
  stackConfig(readFileSync(new URL('../stacks/system-a/Pulumi.system-a.yaml', import.meta.url), 'utf8'));
