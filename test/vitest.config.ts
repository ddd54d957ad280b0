import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * `unit` needs nothing but Node; `real` starts real servers (Postfix, nginx) as private instances, one file at a time. No part of
 * `npm test`: `crash` kills and starves whole cycles, for minutes; `trees` asks the software of other Debian releases, for which it
 * downloads them; `sources` starts databases and directories.
 */
export default defineConfig({
  test: {
    root,
    projects: [
      {
        test: {
          name: 'unit',
          root,
          include: ['test/{bundle,map,io,gateway,publisher,house,fuzz}/**/*.test.ts'],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'real',
          root,
          include: ['test/{postfix,attacks,commands,packaging}/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'trees',
          root,
          include: ['test/trees/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 1_500_000,
        },
      },
      {
        test: {
          name: 'sources',
          root,
          include: ['test/sources/**/*.test.ts'],
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
