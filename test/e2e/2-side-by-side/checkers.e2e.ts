// What every stack would be told, judged by the real programs' own checkers, before anything is brought up.
import { readFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { describe, expect, test } from 'vitest';
import { imageTag } from '../../../configs/images.ts';
import { type Ran, runProgram, stackConfig } from '../../components/harness.ts';
import { type Container, container, containers, imageKeyOf, jobs, uploads } from '../../components/look.ts';
import { defaults, everything, systemA } from '../../components/stacks.ts';
import { type Answer, docker } from '../lib/engine.ts';
import { ownLabel } from '../lib/place.ts';

const example = (file: string) =>
  stackConfig(readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8'));
const stacks = {
  local: defaults,
  prod: () => example('Pulumi.prod.yaml'),
  staging: () => example('Pulumi.staging.yaml'),
  'system A': systemA,
  'all that there is': () => everything(),
};

/** Runs a check job as the stack would: its image, user, command and files, and the service's secrets. */
async function judged(
  ran: Ran,
  job: Container,
  change = (content: string): string => content,
): Promise<Answer> {
  const key = imageKeyOf(job);
  if (key === undefined) throw new Error(`${job.name} runs an image that is not pinned`);
  const { entrypoints = [], command = [], user } = job.inputs;
  const made = await docker.createContainer({
    Image: imageTag(key),
    Entrypoint: entrypoints,
    Cmd: command,
    ...(user !== undefined && { User: user }),
    Labels: { [ownLabel]: '1' },
    HostConfig: { NetworkMode: 'none', Init: true },
  });
  try {
    const files = pack();
    for (const [name, content] of Object.entries(uploads(job)))
      files.entry({ name: name.slice(1) }, change(content));
    for (const [name, content] of secretsOf(ran, job)) files.entry({ name: `run/secrets/${name}` }, content);
    files.finalize();
    await made.putArchive(await buffer(files), { path: '/' });
    await made.start();
    const { StatusCode: code } = (await made.wait()) as { StatusCode: number };
    const words = await made.logs({ stdout: true, stderr: true });
    return { code, stdout: words.toString('utf8'), stderr: '' };
  } finally {
    await made.remove({ force: true, v: true });
  }
}

function secretsOf(ran: Ran, job: Container): [string, string][] {
  const name = job.name.replace(/-config-check$/, '-secrets-files');
  if (!containers(ran).some((one) => one.name === name)) return [];
  return Object.entries(uploads(container(ran, name)))
    .filter(([path]) => path.startsWith('/staging/'))
    .map(([path, content]) => [path.slice('/staging/'.length), content]);
}

const checks = (ran: Ran): Container[] => jobs(ran).filter(({ name }) => name.endsWith('-config-check'));

describe('3.14 3.21: what a stack is told passes the checkers of the real programs', () => {
  test.for(Object.entries(stacks))('%s', async ([, config]) => {
    const ran = await runProgram(config());
    const found = checks(ran);
    expect(found.length).toBeGreaterThanOrEqual(5);
    for (const job of found)
      expect({ job: job.name, ...(await judged(ran, job)) }).toMatchObject({ code: 0 });
  });

  test('and each of them refuses nonsense', async () => {
    const ran = await runProgram(defaults());
    for (const job of checks(ran)) {
      const { code } = await judged(ran, job, (content) => `${content}\n}} nonsense: [`);
      expect({ job: job.name, refused: code !== 0 }).toEqual({ job: job.name, refused: true });
    }
  });
});
