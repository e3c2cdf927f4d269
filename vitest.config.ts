import { configDefaults, defineConfig } from 'vitest/config';

// The unit tests: no Docker, no rig. What runs on a real engine is test/e2e, with a configuration of its own.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, '.taffrail/**', 'test/e2e/**'],
    // Two cores that others use too.
    testTimeout: 30_000,
    // docs/systems.md is made from the results of the whole suite, which `npm test` runs.
    ...(process.env['npm_lifecycle_event'] === 'test' && {
      reporters: ['default', 'json'],
      outputFile: { json: '.taffrail/results/unit.json' },
    }),
  },
});
