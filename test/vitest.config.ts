import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Vitest's own limit for `expect.poll` is one second, in which a busy machine may not even start a command. */
const shared = { root, setupFiles: ['test/support/environment.ts'], expect: { poll: { timeout: 60_000 } } };

/**
 * `unit` needs nothing but Node. `real` starts real servers (Postfix, Prometheus) as private instances. The others are
 * no part of `npm test`: `front` tries what a newcomer meets first, a whole backup MX, a release, an image; `crash`
 * kills and starves whole cycles, for minutes; `trees` asks the software of other Debian releases, for which it
 * downloads them; `sources` starts databases and directories; `places` runs some of the tests in clones of other
 * places; `buckets` starts an object store. The timeouts are for what hangs, not for what is slow: a machine that has
 * other things to do may take ten times as long.
 */
export default defineConfig({
  test: {
    root,
    projects: [
      {
        test: {
          name: 'unit',
          ...shared,
          include: ['test/{bundle,map,io,gateway,publisher,house,fuzz}/**/*.test.ts'],
          // One process for many files: a new one for each takes longer than what most of them test.
          isolate: false,
          testTimeout: 180_000,
        },
      },
      {
        test: {
          name: 'real',
          ...shared,
          globalSetup: ['test/support/build-for-others.ts'],
          include: ['test/{postfix,attacks,commands,packaging}/**/*.test.ts'],
          // Three files at once: each has servers, ports and folders of its own, and some of its time is waiting.
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
          testTimeout: 400_000,
          hookTimeout: 400_000,
        },
      },
      {
        test: {
          name: 'front',
          ...shared,
          globalSetup: ['test/support/build-for-others.ts'],
          include: ['test/front/**/*.test.ts'],
          maxWorkers: 2,
          testTimeout: 400_000,
          hookTimeout: 900_000,
        },
      },
      {
        test: {
          name: 'trees',
          ...shared,
          include: ['test/trees/**/*.test.ts'],
          maxWorkers: 2,
          testTimeout: 400_000,
          hookTimeout: 1_500_000,
        },
      },
      {
        test: {
          name: 'mta',
          ...shared,
          globalSetup: ['test/support/build-for-others.ts', 'test/mta/summary.ts'],
          include: ['test/mta/**/*.test.ts'],
          maxWorkers: 3,
          testTimeout: 400_000,
          hookTimeout: 1_500_000,
        },
      },
      {
        test: {
          name: 'sources',
          ...shared,
          globalSetup: ['test/support/build-for-others.ts'],
          include: ['test/sources/**/*.test.ts'],
          maxWorkers: 3,
          testTimeout: 400_000,
          hookTimeout: 400_000,
        },
      },
      {
        test: {
          name: 'places',
          ...shared,
          include: ['test/places/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 900_000,
          hookTimeout: 400_000,
        },
      },
      {
        test: {
          name: 'buckets',
          ...shared,
          globalSetup: ['test/support/build-for-others.ts', 'test/buckets/support/store.ts'],
          include: ['test/buckets/**/*.test.ts'],
          maxWorkers: 2,
          testTimeout: 400_000,
          hookTimeout: 400_000,
        },
      },
      {
        test: {
          name: 'crash',
          ...shared,
          include: ['test/crash/**/*.test.ts'],
          globalSetup: ['test/support/build-for-others.ts', 'test/crash/summary.ts'],
          maxWorkers: 2,
          testTimeout: 3_600_000,
          hookTimeout: 400_000,
        },
      },
    ],
  },
});
