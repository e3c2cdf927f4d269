import { createHash } from 'node:crypto';
import * as pulumi from '@pulumi/pulumi';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Ran, runProgram, types, valueOf } from './harness.ts';
import {
  container,
  delivery,
  job,
  jobs,
  labelsOf,
  openInputs,
  running,
  secretsOf,
  services,
  texts,
} from './look.ts';
import { everything, everythingSecrets } from './stacks.ts';

// 3.17: a value planted in each secret, configured or generated, is looked for wherever it could come out. Letters, digits
// and nothing else: no escaping hides it. Unproved here: what the engine shows of a running container (test/e2e).
const planted = (name: string) => `CANARY${name.replaceAll(/[^a-zA-Z0-9]/g, '')}0123456789abcdef`;
const canary = /CANARY\w+/g;

describe('3.17: secrets', () => {
  let ran: Ran;
  /** Every text of every resource, with the resource's name and the path. */
  let all: { at: string; path: string; text: string }[];
  beforeAll(async () => {
    ran = await runProgram(everything(planted), { password: planted });
    all = ran.resources.flatMap(({ type, name, inputs }) =>
      texts(inputs).map(([path, text]) => ({ at: `${type.split(':').at(-1) ?? ''} ${name}`, path, text })),
    );
  });

  test('each that is configured or generated arrives somewhere', () => {
    const found = new Set(all.flatMap(({ text }) => text.match(canary) ?? []));
    const generated = ran.resources.filter(({ type }) => type === types.password).map(({ name }) => name);
    // Of this one only fingerprints are made.
    const arrives = [...everythingSecrets, ...generated].filter((name) => name !== 'fingerprint-key');
    expect(arrives.filter((name) => !found.has(planted(name)))).toEqual([]);
    expect(arrives.length).toBeGreaterThan(14);
    expect(found).not.toContain(planted('fingerprint-key'));
  });

  test('is marked as secret, and only in the standard input of a job', () => {
    const places = new Set(
      all.filter(({ text }) => /CANARY/.test(text)).map(({ at, path }) => `${at.split(' ')[0] ?? ''}${path}`),
    );
    expect([...places]).toEqual(['Command.stdin.secret']);
  });

  test('is in no trigger, environment, command, label, health check or name', () => {
    for (const one of [...services(ran), ...jobs(ran)])
      expect(
        texts([one.name, openInputs(one)]).filter(([, text]) => text.includes('CANARY')),
        one.name,
      ).toEqual([]);
    for (const { name, inputs } of jobs(ran)) expect(Object.keys(inputs.stdin), name).toEqual(['secret']);
  });

  test('is in no file that everybody may read, and a checker sees a placeholder', () => {
    for (const { name, told } of running(ran, 'files')) {
      const { targets, ...rest } = told;
      const open = targets.map(({ volume, files, steady }) => [volume, files, steady]);
      expect(
        texts({ ...rest, open }).filter(([, text]) => text.includes('CANARY')),
        name,
      ).toEqual([]);
      // By path: the checker is told no content.
      if (told.check)
        expect([...told.check.secrets].sort(), name).toEqual(Object.keys(targets[0]?.secrets ?? {}).sort());
    }
  });

  test('goes to a volume of its one consumer, read-only, and to no other service', () => {
    const holding = running(ran, 'files').flatMap(({ name, told }) =>
      told.targets.flatMap(({ volume, secrets = {} }) =>
        Object.keys(secrets).length > 0 ? [[name.replace(/-files$/, ''), volume] as const] : [],
      ),
    );
    expect(holding.length).toBeGreaterThan(8);
    for (const [program, volume] of holding) {
      const users = services(ran).filter(({ inputs }) =>
        inputs.volumes?.some((one) => one.volumeName === volume),
      );
      expect(users.map(({ name }) => name)).toEqual([program]);
      const mount = users[0]?.inputs.volumes?.find((one) => one.volumeName === volume);
      expect(mount, program).toMatchObject({ readOnly: true });
      expect(['/etc/taffrail', '/run/secrets']).toContain(mount?.containerPath);
    }
  });

  test('is read where it is: a path of a secret that a program is told is one that is delivered', () => {
    const paths = /\/(?:etc\/taffrail\/current\/secrets|run\/secrets)\/([\w.-]+)/g;
    let count = 0;
    for (const { name, inputs } of services(ran)) {
      const files = jobs(ran).some((one) => one.name === `${name}-files`)
        ? delivery(ran, name).told.targets.map(({ files, steady }) => [files, steady?.files])
        : [];
      for (const [, text] of texts([inputs.envs, inputs.command, inputs.healthcheck, files]))
        for (const [path, file = ''] of text.matchAll(paths)) {
          count += 1;
          const below = path.startsWith('/run/') ? file : `secrets/${file}`;
          expect(Object.keys(secretsOf(ran, name)), `${name} ${path}`).toContain(below);
        }
    }
    expect(count).toBeGreaterThan(12);
  });

  test('A2: one password has several consumers, each with a file of its own', () => {
    const holders = jobs(ran)
      .filter(({ inputs }) => inputs.stdin.secret.includes(planted('postgresSecret')))
      .map(({ name }) => name);
    expect(holders.sort()).toEqual(['bot-files', 'cloudbeaver-files', 'postgres-password', 'postgres-role']);
    expect(secretsOf(ran, 'bot')).toEqual({
      token: planted('botSecret'),
      database: planted('postgresSecret'),
      cache: planted('redisSecret'),
    });
  });

  test('no consumer gets what is not its own', () => {
    const holders = (name: string) =>
      jobs(ran)
        .filter(({ inputs }) => inputs.stdin.secret.includes(planted(name)))
        .map((one) => one.name)
        .sort();
    expect(holders('shopAdminSecret')).toEqual(['cloudbeaver-files', 'postgres-shop-role']);
    expect(holders('booksSecret')).toEqual(['postgres-books-role', 'postgres-exporter-books-files']);
    expect(holders('webSecret')).toEqual(['prometheus-files']);
    expect(holders('oauthSecret')).toEqual(['grafana-files']);
    expect(holders('annaSecret')).toEqual(['grafana-reload']);
    expect(holders('botSecret')).toEqual(['bot-files']);
    expect(holders('redisSecret')).toEqual(['bot-files']);
    // Redis is told hashes.
    expect(secretsOf(ran, 'redis')['secrets/redis.conf']).not.toContain('CANARY');
  });

  test('no file has a placeholder, or a word for nothing, where a secret belongs', () => {
    for (const { name } of running(ran, 'files'))
      for (const [file, content] of Object.entries(secretsOf(ran, name.replace(/-files$/, ''))))
        expect(content, `${name} ${file}`).not.toMatch(/undefined|null|\{\{|^\s*$/);
  });

  test('the admins’ passwords are secret outputs, the addresses are not', async () => {
    const passwords = ran.outputs['passwords'] as Record<string, pulumi.Output<string>>;
    expect(Object.keys(passwords).sort()).toEqual(['cloudbeaver', 'grafana', 'postgres', 'redis']);
    for (const [name, password] of Object.entries(passwords)) {
      expect(await pulumi.isSecret(password), name).toBe(true);
      expect(await valueOf(password), name).toContain('CANARY');
    }
    expect(JSON.stringify(ran.outputs['addresses'])).not.toContain('CANARY');
  });

  test('S8: what is generated has at least 24 characters, and no sign that some reader would take apart', () => {
    const made = ran.resources.filter(({ type }) => type === types.password);
    expect(made.length).toBeGreaterThan(3);
    for (const { name, inputs } of made) {
      expect(inputs['length'], name).toBeGreaterThanOrEqual(24);
      expect(inputs['special'], name).toBe(false);
    }
  });

  test('a value in clear is noticed: the search can fail', () => {
    const { inputs } = container(ran, 'grafana');
    const leaking = { ...inputs, envs: [...(inputs.envs ?? []), `PASSWORD=${planted('grafanaSecret')}`] };
    expect(texts(leaking).filter(([, text]) => text.includes('CANARY'))).toHaveLength(1);
  });
});

describe('3.17: fingerprints of secrets', () => {
  const key = 'fingerprint-key';
  const run = (secrets: Record<string, string> = {}, generated: Record<string, string> = {}) =>
    runProgram(
      everything((name) => secrets[name] ?? `synthetic-${name}-0123456789`),
      {
        password: (name) => generated[name] ?? `generated-for-${name}`,
      },
    );
  const triggers = (ran: Ran) => Object.fromEntries(jobs(ran).map((one) => [one.name, one.triggers]));
  const revisions = (ran: Ran) =>
    Object.fromEntries(services(ran).map((one) => [one.name, labelsOf(one)['dev.taffrail.revision']]));
  /** The names whose values differ. */
  const changed = <Value>(one: Record<string, Value>, other: Record<string, Value>): string[] =>
    Object.keys(one)
      .filter((name) => JSON.stringify(one[name]) !== JSON.stringify(other[name]))
      .sort();
  let first: Ran;
  beforeAll(async () => {
    first = await run();
  });

  test('are the same for the same secrets', async () => {
    const again = await run();
    expect(changed(triggers(first), triggers(again))).toEqual([]);
    expect(changed(revisions(first), revisions(again))).toEqual([]);
  });

  test('are plain, short, and by the path of the file that changes', async () => {
    const { secrets } = delivery(first, 'bot').triggers;
    expect(Object.keys(secrets ?? {}).sort()).toEqual(['cache', 'database', 'token']);
    for (const value of Object.values(secrets ?? {})) expect(value).toMatch(/^[0-9a-f]{12}$/);
    const other = delivery(await run({ botSecret: 'another-synthetic-0123' }), 'bot').triggers.secrets;
    expect(changed(secrets ?? {}, other ?? {})).toEqual(['token']);
  });

  test('are no plain hash: under another key the same secrets have others', async () => {
    const secret = secretsOf(first, 'bot')['token'] ?? '';
    const print = delivery(first, 'bot').triggers.secrets?.['token'] ?? '';
    for (const algorithm of ['md5', 'sha1', 'sha256', 'sha512']) {
      const hash = createHash(algorithm).update(secret);
      expect(hash.digest('hex'), algorithm).not.toContain(print);
    }
    const other = delivery(await run({}, { [key]: 'another key' }), 'bot').triggers.secrets ?? {};
    expect(changed(delivery(first, 'bot').triggers.secrets ?? {}, other)).toEqual([
      'cache',
      'database',
      'token',
    ]);
  });

  // A program that reads a secret anew for every request, or is told of it while it runs, is not replaced.
  test.each([
    ['postgresSecret', ['bot-files', 'cloudbeaver-files', 'postgres-password', 'postgres-role'], ['bot']],
    ['redisSecret', ['bot-files', 'redis-files'], ['bot', 'redis']],
    ['botSecret', ['bot-files'], ['bot']],
    ['booksSecret', ['postgres-books-role', 'postgres-exporter-books-files'], ['postgres-exporter-books']],
    ['queueSecret', ['redis-exporter-queue-files', 'redis-queue-role'], ['redis-exporter-queue']],
    ['shopAdminSecret', ['cloudbeaver-files', 'postgres-shop-role'], []],
    ['webSecret', ['prometheus-files'], []],
    ['oauthSecret', ['grafana-files'], ['grafana']],
    ['annaSecret', ['grafana-reload'], []],
    ['grafanaSecret', ['grafana-files', 'grafana-reload'], []],
    ['cloudbeaverSecret', ['cloudbeaver-files', 'cloudbeaver-restart'], []],
  ])('let %s run %j again, and replace %j, when it changes', async (secret, again, replaced) => {
    const other = await run({ [secret]: 'another-synthetic-0123' });
    expect(changed(triggers(first), triggers(other))).toEqual(again);
    expect(changed(revisions(first), revisions(other))).toEqual(replaced);
  });

  test('leave every input but standard input plain', () => {
    for (const one of [...services(first), ...jobs(first)])
      expect(
        texts(openInputs(one)).filter(([path]) => path.endsWith('.secret')),
        one.name,
      ).toEqual([]);
    expect(typeof job(first, 'grafana-reload').triggers.told).toBe('string');
  });
});

test('3.21: no Output reaches a renderer', async () => {
  const wrong = /Calling \[?to(String|JSON)\]?|Output<T>|\[object |\bNaN\b/;
  expect(wrong.test(`an ${pulumi.output('x') as unknown as string}`)).toBe(true);
  for (const preview of [false, true]) {
    const { resources } = await runProgram(everything(), { preview });
    const found = resources.flatMap(({ name, inputs }) =>
      texts(inputs)
        .filter(([, text]) => wrong.test(text))
        .map(([path]) => `${name}${path}`),
    );
    expect(found).toEqual([]);
  }
});
