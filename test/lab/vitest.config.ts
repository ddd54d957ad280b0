import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * The lab: whole Debian hosts, one scene at a time. Apart from the other tests, since it needs root and some
 * minutes.
 */
export default defineConfig({
  test: {
    root,
    name: 'lab',
    include: ['test/lab/**/*.test.ts'],
    setupFiles: ['test/support/environment.ts'],
    fileParallelism: false,
    testTimeout: 900_000,
    hookTimeout: 1_800_000, // on a new machine a tree of Debian is made first
  },
});
