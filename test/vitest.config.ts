import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('..', import.meta.url));

/** `unit` needs nothing but Node; `real` starts real servers (Postfix, nginx) as private instances, one file at a time.
 * `crash` kills and starves whole cycles, for minutes; it has a script of its own. */
export default defineConfig({
  test: {
    root,
    projects: [
      {
        test: {
          name: 'unit',
          root,
          include: ['test/{bundle,map,io,gateway,publisher,house}/**/*.test.ts'],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'real',
          root,
          include: ['test/{postfix,attacks,commands}/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'crash',
          root,
          include: ['test/crash/**/*.test.ts'],
          globalSetup: ['test/crash/summary.ts'],
          fileParallelism: false,
          testTimeout: 3_600_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
