import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** By name within a folder: what destroys comes last. */
class ByName extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return Promise.resolve([...files].sort((one, other) => one.moduleId.localeCompare(other.moduleId)));
  }
}

/** One folder after the other. Files that only look wait more than they work, so they do it side by side. */
const folder = (name: string, groupOrder: number, maxWorkers: number) => ({
  extends: true as const,
  test: {
    name,
    // Not *.test.ts: the unit tests' run does not take them up.
    include: [`test/e2e/${name}/*.e2e.ts`],
    maxWorkers,
    isolate: maxWorkers > 1,
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
    projects: [folder('1-up', 0, 1), folder('2-side-by-side', 1, 10), folder('3-in-turn', 2, 1)],
  },
});
