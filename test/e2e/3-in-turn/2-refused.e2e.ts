import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageTag } from '../../../configs/images.ts';
import { containersOf, docker, lifeOf, nameOf, startContainer } from '../lib/engine.ts';
import { closed, engineThatSays } from '../lib/otherEngine.ts';
import { copy, place } from '../lib/place.ts';
import { type Run, runIn } from '../lib/stack.ts';
import { addressOfB, b, ensureStacks, extra } from '../lib/stacks.ts';
import { prometheus } from '../lib/stores.ts';
import { team } from '../lib/team.ts';

/** A stack trace is no answer to a person's mistake. */
const stackTrace = /\n\s+at .*:\d+:\d+/;
const foreign = `${b.project}-second`;
let before: Record<string, unknown>;
let lives: string[];

const livesOfServices = async () =>
  (
    await Promise.all(
      (await containersOf(b.name)).map(async (one) => `${nameOf(one)} ${await lifeOf(nameOf(one))}`),
    )
  ).sort();

beforeAll(async () => {
  await ensureStacks();
  before = b.settings();
  lives = await livesOfServices();
  expect(lives.length).toBeGreaterThan(8);
});
afterAll(async () => {
  b.configure(before);
  extra(b, 'rules/both.yml');
  await docker
    .getContainer(foreign)
    .inspect()
    .then(
      ({ Config }) =>
        Config.Labels['dev.taffrail.stack'] ?? docker.getContainer(foreign).remove({ force: true, v: true }),
    )
    .catch(() => undefined);
});

/** Runs a command under changed settings, which are put back; nothing that runs may have noticed. */
async function refused(settings: Record<string, unknown>, command: () => Promise<Run>): Promise<string> {
  b.configure(settings);
  const run = await command();
  b.configure(Object.fromEntries(Object.keys(settings).map((key) => [key, before[key]])));
  // Its own end, not a signal or a limit of time.
  expect(run.code, run.output).toBeGreaterThan(0);
  expect(run.code, run.output).toBeLessThan(128);
  expect(run.output).not.toMatch(stackTrace);
  expect(await livesOfServices()).toEqual(lives);
  return run.output;
}
const setting = (key: string) => before[key] as object;

describe('what cannot be: a sentence, an exit code, and nothing that runs is touched', () => {
  it('3.19: two mistakes in the settings are both named, by either command', async () => {
    const wrong = {
      loki: { ...setting('loki'), retention: 'soon' },
      prometheus: { ...setting('prometheus'), scrapeInterval: 'often' },
    };
    for (const command of [() => b.npm('up'), () => b.up()]) {
      const output = await refused(wrong, command);
      expect(output).toMatch(/Pulumi\.e2e-b\.yaml has 2 mistakes\. Nothing was changed\./);
      expect(output).toMatch(/taffrail:loki\.retention\s+given: +"?soon"?/);
      expect(output).toMatch(/taffrail:prometheus\.scrapeInterval\s+given: +"?often"?/);
    }
  });

  it('3.19: a passphrase that is not the stack’s', async () => {
    const file = join(copy, '.taffrail', 'wrong-passphrase');
    writeFileSync(file, 'not-the-passphrase-of-these-stacks\n', { mode: 0o600 });
    const output = await refused({}, () => b.npmWith({ PULUMI_CONFIG_PASSPHRASE_FILE: file }, 'up'));
    expect(output).toContain(
      `The passphrase (${file}) is not the one with which the secrets of the stack ${b.name} were encrypted.`,
    );
  });

  it('3.19: an external network that is not there', async () => {
    const networks = [
      ...(before['networks'] as object[]),
      { name: 'e2e-nowhere', alias: 'metrics', attach: ['prometheus'] },
    ];
    const output = await refused({ networks }, () => b.npm('up'));
    expect(output).toContain('There is no network e2e-nowhere on the engine, and a setting joins it.');
    expect(output).toContain('Nothing was changed.');
  });

  it('S3: a name on a joined network that somebody else has there', async () => {
    const theirs = await startContainer({
      name: 'e2e-called-metrics',
      network: team.network,
      aliases: ['metrics'],
      command: ['sleep', '600'],
    });
    try {
      const output = await refused({}, () => b.npm('up'));
      expect(output).toContain(
        `On the network ${team.network} the container e2e-called-metrics is called metrics already`,
      );
      expect(output).toContain("--path 'taffrail:networks[0].alias' metrics-e2e-b");
    } finally {
      await theirs.remove({ force: true, v: true });
    }
  });

  it('3.8 3.14 3.19: a refused file, an image that its registry does not have and a registry that does not answer are told apart; the rest is up; mended, a plain `up` delivers', async () => {
    // Stands in for a registry that has nothing: what it says is the distribution specification's.
    const registry = createHttpServer(({ url }, answer) => {
      const known = url === '/v2/';
      answer.writeHead(known ? 200 : 404, { 'content-type': 'application/json' });
      answer.end(known ? '{}' : '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}');
    });
    await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve));
    const { port } = registry.address() as { port: number };
    const rule = (expr: string) =>
      `groups:\n  - name: both\n    rules:\n      - record: both:up\n        expr: ${expr}\n`;
    const ofB = setting('apps') as Record<string, object>;
    extra(b, 'rules/both.yml', rule('sum(up'));
    b.configure({
      loki: { ...setting('loki'), image: `127.0.0.1:${port}/loki:e2e-none` },
      promtail: { ...setting('promtail'), image: '127.0.0.1:1/promtail:e2e' },
      apps: { ...ofB, second: ofB['hello'] },
    });
    const failed = await b.npm('up');
    await closed(registry);
    expect(failed.code, failed.output).toBe(1);
    expect(failed.output).not.toMatch(stackTrace);
    expect(failed.output).toMatch(/^prometheus: promtool refuses the new files; nothing was changed\./m);
    expect(failed.output).toMatch(/both\.yml: .*unclosed left parenthesis/);
    expect(failed.output).toContain(
      `The image 127.0.0.1:${port}/loki:e2e-none does not exist under that name and tag`,
    );
    expect(failed.output).toContain('The registry 127.0.0.1:1 cannot be reached from the engine');
    for (const image of ['loki', 'promtail'])
      expect(failed.output).toMatch(new RegExp(`^ +image ${image}: .*127\\.0\\.0\\.1:`, 'm'));
    expect(failed.output).toMatch(/^Running all the same: .*\bloki\b.*\bprometheus\b.*\bsecond\b/m);
    expect(failed.output).toContain(
      `Fix the cause and run the command again; it repeats what failed:  npm run up -- -s ${b.name}`,
    );
    const second = `${b.project}-second`;
    expect((await docker.getContainer(second).inspect()).State.Running).toBe(true);
    expect((await livesOfServices()).filter((life) => !life.startsWith(second))).toEqual(lives);

    extra(b, 'rules/both.yml', rule('sum(up)'));
    b.configure({ loki: before['loki'], promtail: before['promtail'], apps: before['apps'] });
    const mended = await b.up();
    expect(mended.code, mended.output).toBe(0);
    const { groups } = await prometheus<{ groups: { name: string }[] }>(b.project, 'rules');
    expect(groups.map(({ name }) => name)).toContain('both');
    expect(await livesOfServices()).toEqual(lives);
    // With the next `up`.
    extra(b, 'rules/both.yml');
  });

  it('3.13: a compose project of the stack’s name that is somebody else’s', async () => {
    const name = 'e2e-foreign';
    const labels = { 'com.docker.compose.project': b.project, 'com.docker.compose.service': 'web' };
    const theirs = await startContainer({ name, labels, network: 'none', command: ['sleep', '600'] });
    try {
      const output = await refused({}, () => b.npm('up'));
      expect(output).toContain(`The compose project ${b.project} on this engine is not Taffrail's: ${name}.`);
      expect(output).toContain(`docker compose -p ${b.project} down`);
    } finally {
      await theirs.remove({ force: true, v: true });
    }
  });

  it('3.19: a name that somebody else’s container has; it stays, and without it the next `up` goes on', async () => {
    const theirs = await startContainer({ name: foreign, network: 'none', command: ['sleep', '600'] });
    const output = await refused({ apps: { ...setting('apps'), second: { image: imageTag('tools') } } }, () =>
      b.npm('up'),
    );
    expect(output).toMatch(
      new RegExp(`The name ${foreign} is taken by the container [0-9a-f]{12}, which this stack did not make`),
    );
    expect(output).toContain(`docker rename ${foreign} ${foreign}-old`);
    const { Id, State } = await docker.getContainer(foreign).inspect();
    expect([Id, State.Running]).toEqual([theirs.id, true]);
    await theirs.remove({ force: true, v: true });
    // Removes what that attempt had begun.
    const again = await b.npm('up');
    expect(again.code, again.output).toBe(0);
    expect(await livesOfServices()).toEqual(lives);
  });
});

/** As a user to whom modes of files apply: root passes them by. */
const withoutOverride =
  process.getuid?.() === 0
    ? ['setpriv', '--bounding-set', '-dac_override,-dac_read_search', '--']
    : ['env', '--'];
const asPlainUser = (env: Record<string, string>, ...command: string[]): Promise<Run> => {
  const [program = '', ...args] = [...withoutOverride, ...command];
  return runIn('plain-user', program, args, { env });
};

describe('a host on which the stack cannot be', () => {
  const socket = join(place, 'other engine.sock');
  const dockerHost = `unix://${socket}`;

  it('3.3: an engine below Docker 25, a full disk and a taken port are all named, each with what to type', async () => {
    const old = { Version: '24.0.9', ApiVersion: '1.43' };
    // A file system of the kernel's own has no room for anybody.
    const engine = await engineThatSays(socket, { version: old, info: { DockerRootDir: '/sys' } });
    const taker = createServer();
    await new Promise<void>((resolve) => taker.listen(0, '0.0.0.0', resolve));
    const { port } = taker.address() as { port: number };
    const settings = { dockerHost, grafana: { ...setting('grafana'), port } };
    const words = [
      'Docker 24.0.9 (API 1.43) is too old: wanted is Docker 25 (API 1.44) or newer.',
      'The disk is nearly full: 0 B free of 0 B at /sys; 2.0 GiB are wanted.',
      `The port ${port} of ${addressOfB}, wanted by grafana.port, is taken by process ${process.pid} (`,
    ];
    const lines = ['https://get.docker.com', 'docker system df', `taffrail:grafana.port ${port + 1}`];
    try {
      const doctor = await refused(settings, () => b.npm('doctor'));
      for (const part of [...words, ...lines]) expect(doctor).toContain(part);
      expect(doctor).toMatch(/\b3 of \d+ checks failed/);
      const up = await refused(settings, () => b.npm('up'));
      for (const part of [...words, ...lines, 'Nothing was changed.']) expect(up).toContain(part);
    } finally {
      await Promise.all([closed(engine), closed(taker)]);
    }
  });

  it('3.3: no engine, and no right to its socket', async () => {
    const none = await refused({ dockerHost: 'unix:///nowhere/docker.sock' }, () => b.npm('up'));
    expect(none).toContain('No Docker engine: there is no socket at /nowhere/docker.sock.');
    expect(none).toContain('sudo systemctl start docker');
    const engine = await engineThatSays(socket, { version: {}, info: {} });
    chmodSync(socket, 0o000);
    try {
      const up = await refused({ dockerHost }, () => asPlainUser({}, 'npm', 'run', 'up', '--', '-s', b.name));
      expect(up).toMatch(/The user \S+ may not use the Docker socket .*other engine\.sock/);
      expect(up).toMatch(/sudo usermod -aG docker \S+ && newgrp docker/);
    } finally {
      await closed(engine);
    }
  });

  it('3.1: a home that cannot be written is none of it: `npm run up` says that nothing changed', async () => {
    const home = join(place, 'home of another');
    mkdirSync(home, { recursive: true });
    chmodSync(home, 0o555);
    // What is built already is not to be built again elsewhere.
    const TAFFRAIL_CACHE = process.env['TAFFRAIL_CACHE'] ?? join(homedir(), '.cache', 'taffrail');
    try {
      const up = await asPlainUser(
        { HOME: home, TAFFRAIL_CACHE },
        ...['sh', '-c', '! mkdir "$HOME/x" && exec npm run up -- -s "$0"', b.name],
      );
      expect(up.code, up.output).toBe(0);
      expect(up.output).toContain('Nothing changed.');
      expect(await livesOfServices()).toEqual(lives);
    } finally {
      rmSync(home, { recursive: true });
    }
  });
});
