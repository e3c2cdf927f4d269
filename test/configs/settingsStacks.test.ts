import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { memoryLimits } from '../../configs/checks/memory.ts';
import { MistakesError } from '../../configs/mistakes.ts';
import { parseSettings, type Settings } from '../../configs/settings.ts';
import { configOf, loadStack, secretsToSet } from '../stacks/load.ts';

const file = (path: string) => new URL(`../../${path}`, import.meta.url);
const read = (path: string) => readFileSync(file(path), 'utf8');

const botKeys = [
  'telegramBotToken',
  'anthropicApiKey',
  'e2bApiKey',
  'openaiApiKey',
  'googleApiKey',
  'privilegedUsers',
];
const stacks = [
  ['prod', 'Pulumi.prod.yaml'],
  ['staging', 'Pulumi.staging.yaml'],
  ['system-a', 'test/stacks/system-a/Pulumi.system-a.yaml'],
] as const;

const running = (settings: Settings) => memoryLimits(settings).map(([key]) => key);

describe.each(stacks)('3.19: the stack %s', (stack, path) => {
  test('is right once the secrets are set that its comments name', () => {
    expect(loadStack(file(path), stack).project).toBe(`taffrail-${stack}`);
    expect(secretsToSet(read(path))).toEqual(botKeys);
  });

  test('says of each secret that is not set what to type', () => {
    const parsed = () => parseSettings({ stack, ...configOf(read(path)), readFolder: () => ({}) });
    expect(parsed).toThrow(MistakesError);
    for (const key of botKeys) expect(parsed).toThrow(`type:   pulumi config set --secret taffrail:${key}\n`);
  });

  test('holds no secret', () => {
    for (const key of [...botKeys, 'postgresPassword'])
      expect(configOf(read(path)).config).not.toHaveProperty(key);
    expect(read(path)).not.toMatch(/secure:/);
  });
});

describe('3.19: one system in two environments', () => {
  const prod = loadStack(file('Pulumi.prod.yaml'), 'prod');
  const staging = loadStack(file('Pulumi.staging.yaml'), 'staging');

  test('the same components', () => {
    expect(running(staging)).toEqual(running(prod));
    expect(staging.apps['bot']?.secrets).toEqual(prod.apps['bot']?.secrets);
    expect(staging.collector).toEqual(prod.collector);
  });

  test('different in retention, sizes, protection and exposure', () => {
    const differing = ({ loki, prometheus, memory, production, grafana, cloudbeaver }: Settings) => ({
      logs: loki.retention,
      metrics: prometheus.retention,
      disk: prometheus.retentionSize,
      lokiMemory: loki.memory,
      memory,
      production,
      grafana: `${grafana.address}:${String(grafana.port)}`,
      cloudbeaver: `${cloudbeaver.address}:${String(cloudbeaver.port)}`,
    });
    const [one, other] = [differing(prod), differing(staging)];
    for (const key of Object.keys(one) as (keyof typeof one)[]) expect(other[key], key).not.toEqual(one[key]);
  });
});

describe('A1 to A5: system A', () => {
  const a = loadStack(file('test/stacks/system-a/Pulumi.system-a.yaml'), 'system-a');

  test('A1: what it runs, how often and for how long', () => {
    expect(running(a)).toEqual(
      expect.arrayContaining([
        'loki',
        'promtail',
        'prometheus',
        'grafana',
        'cloudbeaver',
        'postgres',
        'apps.bot',
      ]),
    );
    expect([a.loki.retention, a.prometheus.retention]).toEqual([30 * 86_400, 30 * 86_400]);
    expect([a.promtail.refresh, a.prometheus.scrapeInterval]).toEqual([5, 15]);
    expect(a.apps['bot']?.metrics).toEqual({ port: 8080, path: '/metrics' });
  });

  test('A2: seven secrets, one of them with three consumers', () => {
    const names = [
      'telegram_bot_token',
      'postgres_password',
      'anthropic_api_key',
      'e2b_api_key',
      'openai_api_key',
      'google_api_key',
      'privileged_users',
    ];
    expect(Object.keys(a.apps['bot']?.secrets ?? {}).sort()).toEqual(names.sort());
    expect(a.apps['bot']?.secrets['postgres_password']).toBe('postgres.password');
    expect(a.apps['bot']?.needs).toEqual(['postgres']);
    expect(a.apps['bot']?.environment['DATABASE_HOST']).toBe('postgres');
  });

  test('A3: labels and structured metadata', () => {
    expect(a.collector).toEqual({
      keep: 'own',
      labels: ['level', 'logger', 'handler'],
      metadata: ['user_id', 'chat_id', 'event'],
    });
  });

  test('A4: two ports, and nothing else', () => {
    expect([a.grafana.port, a.cloudbeaver.port]).toEqual([3000, 8978]);
    expect([a.loki.publish, a.prometheus.publish]).toEqual([undefined, undefined]);
  });

  test('A5: an administrator whom CloudBeaver accepts', () => {
    expect(a.cloudbeaver.adminName).toBe('cbadmin');
  });
});

test('3.24: what the README shows of a compose project’s file is right', () => {
  const [, example = ''] = /```yaml\n([^`]*)```/.exec(read('README.md')) ?? [];
  const config = configOf(`config:\n${example.replaceAll(/^/gm, '  ')}`, { shopAdminPassword: 'a-password' });
  const { collector, networks, prometheus, databases } = parseSettings({
    stack: 'mine',
    ...config,
    readFolder: () => ({}),
  });
  expect(collector.keep).toBe('all');
  expect(networks.map(({ name, attach }) => [name, attach])).toEqual([['shop_default', ['prometheus']]]);
  expect(prometheus.scrapeJobs.map(({ name }) => name)).toEqual(['shop']);
  expect(Object.keys(databases)).toEqual(['shop']);
});
