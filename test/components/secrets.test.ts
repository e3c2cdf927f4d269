import * as pulumi from '@pulumi/pulumi';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Ran, runProgram, types, valueOf } from './harness.ts';
import { container, containers, jobs, services, texts, uploads } from './look.ts';
import { everything, everythingSecrets } from './stacks.ts';

// 3.17: a value planted in each secret, given or generated, is looked for wherever it could come out. Letters, digits
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

  test('each that is given or generated arrives somewhere', () => {
    const found = new Set(all.flatMap(({ text }) => text.match(canary) ?? []));
    const generated = ran.resources.filter(({ type }) => type === types.password).map(({ name }) => name);
    // Of these two hashes reach redis.conf, and no password.
    const hashed = ['redis-exporter-credential-generated'];
    const wanted = [...everythingSecrets, ...generated].filter((name) => !hashed.includes(name));
    expect(wanted.filter((name) => !found.has(planted(name)))).toEqual([]);
    expect(wanted.length).toBeGreaterThan(14);
  });

  test('is marked as secret, and only the content of a file that a job brings along', () => {
    const places = new Set(
      all.filter(({ text }) => canary.test(text)).map(({ at, path }) => `${at.split(' ')[0] ?? ''}${path}`),
    );
    expect([...places]).toEqual(['Container.uploads[].content.secret']);
  });

  test('is in no environment, command, label, healthcheck or name', () => {
    for (const { name, inputs } of containers(ran)) {
      const { uploads: files, ...rest } = inputs;
      expect(
        texts(rest).filter(([, text]) => text.includes('CANARY')),
        name,
      ).toEqual([]);
      expect(
        (files ?? []).filter(({ file }) => file.includes('CANARY')),
        name,
      ).toEqual([]);
    }
  });

  test('is staged where the job’s script removes it', () => {
    const staging = jobs(ran).flatMap((job) =>
      Object.entries(uploads(job))
        .filter(([, content]) => content.includes('CANARY'))
        .map(([file]) => [job, file] as const),
    );
    expect(staging.length).toBeGreaterThan(10);
    for (const [job, file] of staging) {
      expect(file, job.name).toMatch(/^\/staging\/[\w.-]+$/);
      const scripts = Object.entries(uploads(job)).filter(([path]) => path.endsWith('.sh'));
      expect(
        scripts.some(([, text]) => /trap 'rm -rf (\/staging|\$staging)/.test(text)),
        job.name,
      ).toBe(true);
    }
  });

  test('goes to a volume of its one consumer, and to no other service', () => {
    const volumes = ran.resources
      .filter(({ type, name }) => type === types.volume && name.endsWith('-secrets'))
      .map(({ inputs }) => String(inputs['name']));
    expect(volumes.length).toBeGreaterThan(8);
    for (const volume of volumes) {
      const users = services(ran).filter(({ inputs }) =>
        inputs.volumes?.some((one) => one.volumeName === volume),
      );
      expect(users.map(({ name }) => `taffrail-local-${name}-secrets`)).toEqual([volume]);
      for (const { inputs } of users)
        expect(inputs.volumes?.find((one) => one.volumeName === volume)).toMatchObject({
          containerPath: '/run/secrets',
          readOnly: true,
        });
    }
  });

  test('A2: one password has several consumers, each with a file of its own', () => {
    const holders = jobs(ran)
      .filter((job) => Object.values(uploads(job)).some((text) => text.includes(planted('postgresSecret'))))
      .map(({ name }) => name);
    expect(holders).toEqual(
      expect.arrayContaining(['postgres-password', 'bot-secrets-files', 'cloudbeaver-secrets-files']),
    );
  });

  test('no file has a hole, or a word for nothing, where a secret belongs', () => {
    for (const job of jobs(ran))
      for (const { file, content } of job.inputs.uploads ?? [])
        if (typeof content !== 'string')
          expect(content.secret, `${job.name} ${file}`).not.toMatch(/undefined|null|\{\{|^\s*$/);
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
