import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { containersOf, docker, lifeOf, nameOf, startContainer } from './lib/engine.ts';
import { copy } from './lib/place.ts';
import type { Run } from './lib/stack.ts';
import { b, ensureStacks } from './lib/stacks.ts';

/** A stack trace is no answer to a person's mistake. */
const stackTrace = /\n\s+at .*:\d+:\d+/;
const foreign = `${b.project}-redis`;
let before: Record<string, unknown>;
let lives: string[];

const livesOfServices = async () =>
  (
    await Promise.all(
      (await containersOf(b.name))
        .filter(({ Labels }) => !Labels['dev.taffrail.job'])
        .map(async (one) => `${nameOf(one)} ${await lifeOf(nameOf(one))}`),
    )
  ).sort();

beforeAll(async () => {
  await ensureStacks();
  before = b.settings();
  lives = await livesOfServices();
  expect(lives.length).toBeGreaterThan(8);
});
afterAll(async () => {
  b.configure({ redis: undefined, ...before });
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

  it('3.19: an image that is not there', async () => {
    const loki = { ...setting('loki'), image: 'grafana/loki:e2e-no-such-tag' };
    const output = await refused({ loki }, () => b.npm('up'));
    // The second where no registry can be reached, as on the rig.
    expect(output).toMatch(
      /The image \S*e2e-no-such-tag does not exist under that name and tag|The registry \S+ cannot be reached from the engine/,
    );
    expect(output).toContain('e2e-no-such-tag');
  });

  it('3.19: a name that somebody else’s container has; it stays, and without it the next `up` goes on', async () => {
    const theirs = await startContainer({ name: foreign, network: 'none', command: ['sleep', '600'] });
    const output = await refused({ redis: { enabled: true } }, () => b.npm('up'));
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
