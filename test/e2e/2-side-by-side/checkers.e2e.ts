// What every stack would be told, judged by the real programs' own checkers: by the very jobs that deliver it, into
// volumes of the test's own.
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import type { FilesTold } from '../../../components/jobs/files.ts';
import { runProgram, stackConfig } from '../../components/harness.ts';
import { type Job, running } from '../../components/look.ts';
import { defaults, everything, systemA } from '../../components/stacks.ts';
import { docker, gone } from '../lib/engine.ts';
import { emptyVolume, helpersOf, inForce, jobNamed, pinned, realImage, runJob } from '../lib/jobs.ts';

const example = (file: string) =>
  stackConfig(readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8'));
const stacks = {
  local: defaults,
  prod: () => example('Pulumi.prod.yaml'),
  staging: () => example('Pulumi.staging.yaml'),
  'system A': systemA,
  'all that there is': () => everything(),
};

type Delivery = Extract<Job, { script: 'files' }>;
const volumes: string[] = [];
afterAll(async () => {
  for (const volume of volumes) await docker.getVolume(volume).remove({ force: true }).catch(gone);
});

/** What a recorded job would be told, with images and one volume that are there. */
async function real({ name, told }: Delivery, kind: string): Promise<FilesTold> {
  const { check, targets } = told;
  const [target] = targets;
  if (!check || !target) throw new Error(`${name} has no checker`);
  const volume = `e2e-checkers-${kind}-${name}`;
  volumes.push(volume);
  await emptyVolume(volume);
  return {
    ...told,
    job: jobNamed(`${kind}-${name}`),
    tools: pinned('tools'),
    check: { ...check, image: realImage(check.image) },
    targets: [{ ...target, volume }],
  };
}

const withCheck = async (config: Parameters<typeof runProgram>[0]): Promise<Delivery[]> => {
  const found = running(await runProgram(config), 'files').filter(({ told }) => told.check);
  expect(found.length).toBeGreaterThanOrEqual(5);
  return found;
};

describe('3.14 3.21: what a stack is told passes the checkers of the real programs', () => {
  test.for(Object.entries(stacks))('%s', async ([kind, config]) => {
    const results = await Promise.all(
      (await withCheck(config())).map(async (delivery) => {
        const told = await real(delivery, kind.replaceAll(' ', '-'));
        const { code, stderr } = await runJob('files', told);
        const [target] = told.targets;
        // It was judged, and what was judged is what is in force.
        return {
          job: delivery.name,
          code,
          stderr,
          files: code === 0 ? await inForce(target?.volume ?? '') : {},
          wanted: { ...target?.files, ...target?.secrets },
        };
      }),
    );
    for (const { job, code, stderr, files, wanted } of results)
      expect({ job, code, stderr, files }).toEqual({ job, code: 0, stderr: '', files: wanted });
  });

  test('and each of them refuses nonsense, in its own words, and the files in force stay', async () => {
    const results = await Promise.all(
      (await withCheck(defaults())).map(async (delivery) => {
        const good = await real(delivery, 'nonsense');
        const [target] = good.targets;
        if (!good.check || !target) throw new Error('see above');
        expect(await runJob('files', good)).toMatchObject({ code: 0 });
        const nonsense = Object.fromEntries(
          Object.entries(target.files).map(([path, content]) => [path, `${content}\n}} nonsense: [`]),
        );
        const { code, stderr } = await runJob('files', {
          ...good,
          check: { ...good.check, files: nonsense },
          targets: [{ ...target, files: nonsense }],
        });
        return {
          job: delivery.name,
          program: good.check.command[0] ?? '',
          code,
          stderr,
          stays: await inForce(target.volume),
          before: { ...target.files, ...target.secrets },
          helpers: await helpersOf(good.job.name),
        };
      }),
    );
    for (const { job, program, code, stderr, stays, before, helpers } of results) {
      expect({ job, code, stays, helpers }).toEqual({ job, code: 1, stays: before, helpers: [] });
      expect(stderr, job).toMatch(
        new RegExp(`^${program} refuses the new files; nothing was changed\\. Output:\\n\\n  \\S`),
      );
    }
  });
});
