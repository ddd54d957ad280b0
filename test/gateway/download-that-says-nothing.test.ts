// A download says how far it is and how long it will take, where the manifest says how much is to come.
import { expect, test } from 'vitest';
import { FetchProgress } from '../../src/gateway/fetch/fetch-progress.ts';
import type { Source } from '../../src/gateway/fetch/source.ts';

test('bytes first, then per cent and what is left, then the maps', async () => {
  let [now, received] = [0, 0];
  const asked: unknown[] = [];
  const source = {
    received: () => received,
    close: () => Promise.resolve(),
    origins: [{ label: 'x', blob: (...args: unknown[]) => Promise.resolve(asked.push(args)) }],
  } as unknown as Source;
  const progress = new FetchProgress(() => now);
  const watched = progress.watch(source);
  received = 1843;
  expect(progress.line()).toBe('fetching, 1,843 bytes received');
  now = 1000;
  await watched.origins[0]?.blob('recipients/a.gz', 1_000_000);
  expect(asked).toEqual([['recipients/a.gz', 1_000_000]]);
  expect(progress.line()).toBe('fetching, 0 % of 1,000,000 bytes');
  [now, received] = [3000, 1843 + 250_000];
  expect(progress.line()).toBe('fetching, 25 % of 1,000,000 bytes, 6 s left');
  [now, received] = [1000 + 120_000, 1843 + 500_000];
  expect(progress.line()).toBe('fetching, 50 % of 1,000,000 bytes, 2 min left');
  received = 1843 + 1_000_000;
  expect(progress.line()).toBe('fetching, 100 % of 1,000,000 bytes, making the maps');
});
