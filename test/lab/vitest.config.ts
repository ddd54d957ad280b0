import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * The lab: whole Debian hosts, two scenes at a time, each in a network of its own. Apart from the other tests, since it
 * needs root and some minutes.
 */
export default defineConfig({
  test: {
    root,
    name: 'lab',
    include: ['test/lab/**/*.test.ts'],
    setupFiles: ['test/support/environment.ts'],
    expect: { poll: { timeout: 60_000 } },
    maxWorkers: 2,
    testTimeout: 900_000,
    hookTimeout: 1_800_000, // on a new machine a tree of Debian is made first
  },
});
