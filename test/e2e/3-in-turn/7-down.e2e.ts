import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { stateFolder } from '../lib/copy.ts';
import { docker, startContainer, sweep } from '../lib/engine.ts';
import { mirror } from '../lib/place.ts';
import { ownProcesses } from '../lib/processes.ts';
import { ensureStacks, stacks } from '../lib/stacks.ts';
import { team } from '../lib/team.ts';

/** What of a stack is on the engine. */
async function left(stack: string): Promise<string[]> {
  const filters = { label: [`dev.taffrail.stack=${stack}`] };
  const named = (name: string) => name.replace(/^\//, '').startsWith(`taffrail-${stack}-`);
  const [containers, networks, { Volumes: volumes }] = [
    await docker.listContainers({ all: true }),
    await docker.listNetworks(),
    await docker.listVolumes(),
  ];
  const labelled = await docker.listContainers({ all: true, filters });
  return [
    ...labelled.map(({ Id }) => Id),
    ...containers.flatMap(({ Names }) => Names).filter(named),
    ...networks.map(({ Name }) => Name).filter(named),
    ...volumes.map(({ Name }) => Name).filter(named),
  ];
}

beforeAll(async () => {
  await ensureStacks();
  // Somebody else's container: it stays, and with it the engine, which otherwise ends with the last one on the rig.
  await startContainer({ name: 'e2e-bystander', network: 'none', command: ['sleep', '3600'] });
});

describe('down', () => {
  it('3.3 3.22: leaves nothing of either stack: no container, network, volume, image of its own, file or process', async () => {
    for (const { name } of stacks) expect((await left(name)).length).toBeGreaterThan(30);
    const downs = await Promise.all(stacks.map((stack) => stack.npm('down', '--yes')));
    for (const { code, output } of downs) expect(code, output).toBe(0);
    for (const { name } of stacks) expect(await left(name)).toEqual([]);
    const built = (await docker.listImages())
      .flatMap(({ RepoTags }) => RepoTags ?? [])
      .filter((tag) => /taffrail-e2e-/.test(tag));
    expect(built).toEqual([]);
    // The last stack may take the folder with it.
    const entries = existsSync(stateFolder)
      ? readdirSync(stateFolder, { recursive: true, withFileTypes: true })
      : [];
    const files = entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name));
    expect(
      files.filter((file) => stacks.some(({ name }) => file.slice(stateFolder.length).includes(name))),
    ).toEqual([]);
    expect(ownProcesses()).toEqual([]);
  });

  it('3.3: what is not the stack’s stays', async () => {
    const { State } = await docker.getContainer('e2e-bystander').inspect();
    expect(State.Running).toBe(true);
    // S3 S10: the team's network and database are used, not owned.
    expect((await docker.getContainer(team.container).inspect()).State.Running).toBe(true);
    // The mirror's names are the test's own too; one of a part that was switched off before `down` is in no state by then.
    const swept = (await sweep([])).filter((name) => !name.startsWith(`${mirror}/`));
    expect(swept.sort()).toEqual(['e2e-bystander', team.container, team.redis, team.network].sort());
  });

  it('3.3: a second `down` says that there is nothing', async () => {
    await startContainer({ name: 'e2e-bystander', network: 'none', command: ['sleep', '3600'] });
    const { code, output } = await (stacks[0] as (typeof stacks)[number]).npm('down', '--yes');
    expect(code, output).toBe(0);
    expect(output).toMatch(/There was nothing of the stack/);
  });
});
