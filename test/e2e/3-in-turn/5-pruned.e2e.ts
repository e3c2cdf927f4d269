import { beforeAll, describe, expect, it } from 'vitest';
import { imageRef, imageTag } from '../../../configs/images.ts';
import { docker, livesOf } from '../lib/engine.ts';
import { mirror, onRig } from '../lib/place.ts';
import { registryWith } from '../lib/registry.ts';
import { b, ensureStacks, extra, stacks } from '../lib/stacks.ts';
import { prometheus } from '../lib/stores.ts';

beforeAll(async () => {
  await ensureStacks();
});

/**
 * `docker system prune -af --volumes`. On an engine that is not the rig's a person may have what nobody uses at the
 * moment: there, only what is the stacks' own is pruned, and the image of the jobs.
 */
async function prune(): Promise<void> {
  const of = onRig ? [{}] : stacks.map(({ name }) => ({ label: [`dev.taffrail.stack=${name}`] }));
  for (const filters of of) {
    await docker.pruneContainers({ filters });
    await docker.pruneNetworks({ filters });
    await docker.pruneVolumes({ filters });
  }
  if (onRig) await docker.pruneImages({ filters: { dangling: ['false'] } });
  else for (const tag of jobImages) await docker.getImage(tag).remove();
}
const mirrored = imageRef('tools', undefined, mirror);
const jobImages = [imageTag('tools'), mirrored];
const namesOfImages = async (): Promise<Map<string, string>> =>
  new Map(
    (await docker.listImages()).flatMap(({ Id, RepoTags }) =>
      (RepoTags ?? []).map((tag): [string, string] => [tag, Id]),
    ),
  );

describe('a host on which somebody tidies up', () => {
  it('3.14: a prune changes nothing that runs, and the next edit pulls the image of the jobs again by its reference', async () => {
    const registry = await registryWith(imageTag('tools'), mirror);
    const names = await namesOfImages();
    try {
      const lives = await Promise.all(stacks.map(({ name }) => livesOf(name)));
      await prune();
      expect(await Promise.all(stacks.map(({ name }) => livesOf(name)))).toEqual(lives);
      // The control: what the jobs run is gone, and nobody has asked for it yet.
      for (const tag of jobImages)
        await expect(docker.getImage(tag).inspect()).rejects.toMatchObject({ statusCode: 404 });
      expect(registry.asked).toEqual([]);

      extra(
        b,
        'rules/pruned.yml',
        'groups:\n  - { name: pruned, rules: [{ record: pruned:up, expr: sum(up) }] }\n',
      );
      const up = await b.up();
      expect(up.code, up.output).toBe(0);
      const { groups } = await prometheus<{ groups: { name: string }[] }>(b.project, 'rules');
      expect(groups.map(({ name }) => name)).toContain('pruned');
      expect(
        registry.asked.some((line) => /^(GET|HEAD) \/v2\/library\/busybox\/manifests\//.test(line)),
      ).toBe(true);
      expect((await docker.getImage(mirrored).inspect()).Id).toBe(names.get(mirrored));
      expect(await livesOf(b.name)).toEqual(lives[1]);
    } finally {
      await registry.close();
      extra(b, 'rules/pruned.yml');
      // The names that other tests and the rig go by.
      const left = await namesOfImages();
      for (const [name, id] of names) {
        if (left.has(name)) continue;
        const [repo = '', tag = ''] = name.split(/:(?=[^/]*$)/);
        await docker.getImage(id).tag({ repo, tag });
      }
    }
  });
});
