import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  Canaries,
  generatedSecrets,
  inChangedFiles,
  inContainer,
  inFiles,
  inImage,
  inProcesses,
  inVolume,
  secretFilesIn,
  volumesOf,
  watchJobs,
} from '../lib/canaries.ts';
import { secretPath, secretsFolder } from '../../../configs/paths.ts';
import { prometheusPasswordFile } from '../../../configs/prometheus/listen.ts';
import { passphraseFile } from '../lib/copy.ts';
import { containersOf, docker, exec, nameOf, startContainer } from '../lib/engine.ts';
import { copy, outputs } from '../lib/place.ts';
import { runIn } from '../lib/stack.ts';
import { a, ensureStacks, stacks } from '../lib/stacks.ts';

let canaries: Canaries;
let containers: string[];

beforeAll(async () => {
  const { secrets } = await ensureStacks();
  const generated = await Promise.all(stacks.map(generatedSecrets));
  canaries = new Canaries({
    ...secrets,
    ...generated[0],
    ...generated[1],
    passphrase: readFileSync(passphraseFile, 'utf8').trim(),
  });
  // Given and generated ones, of both stacks.
  expect(canaries.names.length).toBeGreaterThan(20);
  containers = (await Promise.all(stacks.map(({ name }) => containersOf(name)))).flat().map(nameOf);
});

describe('secrets are nowhere but where they are used', () => {
  it('3.17 3.22: not in state, settings, or anything else that is kept', () => {
    expect(inFiles(canaries, copy, /^(node_modules|\.taffrail\/passphrase)/)).toEqual([]);
  });

  it('3.17 3.22: not in what up, preview, refresh and stack output print', async () => {
    const { grafana, prometheus } = a.settings();
    // A preview in full length, of edits that change secret files: one more user, one more job.
    const { users = [] } = grafana as { users?: object[] };
    const { scrapeJobs = [] } = prometheus as { scrapeJobs?: object[] };
    a.configure({
      grafana: {
        ...(grafana as object),
        users: [...users, { login: 'boris', password: 'protectedMetricsPassword' }],
      },
      prometheus: {
        ...(prometheus as object),
        scrapeJobs: [...scrapeJobs, { ...scrapeJobs[0], name: 'more', password: 'annaPassword' }],
      },
    });
    const preview = await a.preview('--diff');
    a.configure({ grafana, prometheus });
    expect(preview.code, preview.output).toBe(0);
    expect(preview.output).toContain('[secret]');
    for (const { name } of stacks) {
      expect((await runIn(`${name}-output`, 'pulumi', ['stack', 'output', '--json', '-s', name])).code).toBe(
        0,
      );
      expect((await runIn(`${name}-export`, 'pulumi', ['stack', 'export', '-s', name])).code).toBe(0);
    }
    expect(inFiles(canaries, outputs)).toEqual([]);
  });

  it('3.17 3.22: not in what the engine tells of containers and images, and not in logs', async () => {
    expect(containers.length).toBeGreaterThan(20);
    const images = [...new Set((await docker.listContainers({ all: true })).map(({ ImageID }) => ImageID))];
    const found = [
      ...(await Promise.all(containers.map((container) => inContainer(canaries, container)))).flat(),
      ...(await Promise.all(images.map((image) => inImage(canaries, image).catch(() => [])))).flat(),
    ];
    expect(found).toEqual([]);
  });

  it('3.17 3.22: not in command lines and environments', () => {
    expect(inProcesses(canaries)).toEqual([]);
  });

  it('3.14 3.17: not in what jobs show while they run: their processes, and their containers with what was written to them', async () => {
    const urns = (await a.shownState()).deployment.resources.flatMap(({ urn }) =>
      /::[\w-]+-files$/.test(urn) ? ['--replace', urn] : [],
    );
    expect(urns.length).toBeGreaterThan(12);
    const watched = await watchJobs(canaries, a.name);
    const up = await a.up(...urns);
    const { findings, looked } = await watched.end();
    expect(up.code, up.output).toBe(0);
    expect(findings).toEqual([]);
    // The control: it has seen them, helpers and checkers, and the jobs' own processes.
    expect(looked.processes).toBeGreaterThan(0);
    // Each lives for less than a second, so which ones were caught is chance.
    expect(looked.containers.filter((name) => name.startsWith(`${a.project}-`)).length).toBeGreaterThan(1);
  });

  it('3.14 3.17: not in the file systems of containers', async () => {
    const found: string[] = [];
    for (const container of containers) found.push(...(await inChangedFiles(canaries, container)));
    expect(found).toEqual([]);
  });

  it('A2 3.17: on volumes only in the secret files of whoever uses it, which its user alone may read', async () => {
    const [held, files] = [new Map<string, string[]>(), [] as string[]];
    let count = 0;
    for (const { name } of stacks) {
      for (const volume of await volumesOf(name)) {
        count++;
        // Of data a stream: what a program delivers to itself, nobody knows the files of.
        if (volume.isData) held.set(volume.name, await inVolume(canaries, volume.name));
        else {
          for (const file of await secretFilesIn(canaries, volume.name)) {
            held.set(`${name}-${volume.label}`, [
              ...(held.get(`${name}-${volume.label}`) ?? []),
              ...file.names,
            ]);
            files.push(`${volume.label} ${file.path} ${file.mode.toString(8)}`);
          }
        }
      }
    }
    expect(count).toBeGreaterThan(20);
    // No data volume, and of the others only those files.
    expect(files.length).toBeGreaterThan(20);
    expect(
      files.filter(
        (file) =>
          !/^(?:[\w-]+-config revision-\w+\/secrets\/|(?:bot|cloudbeaver)-secrets )\S+ 400$/.test(file),
      ),
    ).toEqual([]);
    const holders = (secret: string) =>
      [...held]
        .filter(([, names]) => names.includes(secret))
        .map(([volume]) => volume)
        .sort();
    expect(
      [...held].filter(([, names]) => names.length > 0).filter(([volume]) => volume.endsWith('-data')),
    ).toEqual([]);
    // One password, three consumers: a file for the bot, one for CloudBeaver; Postgres itself keeps only a hash of it.
    expect(holders('postgresPassword')).toEqual(
      ['bot', 'cloudbeaver'].map((service) => `${a.name}-${service}-secrets`),
    );
    for (const secret of ['telegramBotToken', 'anthropicApiKey', 'privilegedUsers'])
      expect(holders(secret)).toEqual([`${a.name}-bot-secrets`]);
    expect(holders('grafanaAdminPassword')).toEqual([`${a.name}-grafana-config`]);
    expect(holders('protectedMetricsPassword')).toEqual([`${a.name}-prometheus-config`]);
  });

  it('3.17: a secret file belongs to its consumer, who alone may read it', async () => {
    for (const [container, path] of [
      [`${a.project}-bot`, '/run/secrets/telegram_bot_token'],
      [`${a.project}-prometheus`, secretPath(prometheusPasswordFile)],
      [`${a.project}-grafana`, secretsFolder],
    ] as const) {
      const { stdout } = await exec(container, ['sh', '-c', `find ${path} -type f -exec stat -c '%a' {} +`]);
      expect([...new Set(stdout.trim().split('\n'))], container).toEqual(['400']);
      expect((await exec(container, ['sh', '-c', `touch ${path}/x || echo x >>${path}`])).code).not.toBe(0);
    }
  });

  it('3.22: the search finds a secret that was planted in each of these places', async () => {
    const planted = 'planted-1f2e3d4c5b6a79880716253443526170';
    const search = new Canaries({ planted });
    const volume = 'e2e-planted';
    await docker.createVolume({ Name: volume, Labels: { 'dev.taffrail.e2e': '1' } });
    const container = await startContainer({
      name: 'e2e-planted',
      labels: { canary: planted },
      network: 'none',
      binds: [`${volume}:/volume`],
      command: [
        'sh',
        '-c',
        `echo $(echo user:${planted} | base64 -w 0); echo ${planted} >/root/file; echo ${planted} >/volume/file; sleep 300`,
      ],
    });
    try {
      // The shell has written by the time its log is there.
      await new Promise((resolve) => setTimeout(resolve, 1000));
      expect((await inContainer(search, 'e2e-planted')).map((line) => line.split(' ')[0])).toEqual([
        'inspect',
        'log',
      ]);
      expect((await inChangedFiles(search, 'e2e-planted')).length).toBeGreaterThan(0);
      expect(await inVolume(search, volume)).toEqual(['planted']);
      expect(inProcesses(search).length).toBeGreaterThan(0);
      expect(
        inFiles(new Canaries({ name: 'taffrail:grafana' }), copy, /^(node_modules|test|\.taffrail)/).length,
      ).toBeGreaterThan(0);
    } finally {
      await container.remove({ force: true, v: true });
      await docker.getVolume(volume).remove();
    }
  });
});
