// The tests that judge the mutants of one file; mutants.mjs names them.
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: fileURLToPath(new URL('../..', import.meta.url)),
    include: (process.env.RELAYMAP_MUTANTS_TESTS ?? '').split(','),
    testTimeout: 30_000,
    // Each run is a process of its own in any case, in which one mutant is alive.
    isolate: false,
  },
});
