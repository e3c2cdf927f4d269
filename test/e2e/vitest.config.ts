import { readdirSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** By name, for the same start each time. */
class ByName extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return Promise.resolve([...files].sort((one, other) => one.moduleId.localeCompare(other.moduleId)));
  }
}

/** One turn after the other; the files of a turn side by side: they wait more than they work. */
const turns = [
  '1-up/',
  '2-side-by-side/',
  ...[...new Set(readdirSync(new URL('3-in-turn', import.meta.url)).map((file) => file.split('-')[0] ?? ''))]
    .sort()
    .map((number) => `3-in-turn/${number}-`),
];
const project = (turn: string, groupOrder: number) => ({
  extends: true as const,
  test: {
    name: turn.slice(0, -1),
    // Not *.test.ts: the unit tests' run does not take them up.
    include: [`test/e2e/${turn}*.e2e.ts`],
    maxWorkers: 10,
    sequence: { groupOrder },
  },
});

export default defineConfig({
  test: {
    pool: 'forks',
    sequence: { sequencer: ByName, concurrent: false },
    testTimeout: 180_000,
    hookTimeout: 300_000,
    teardownTimeout: 60_000,
    projects: turns.map(project),
  },
});
