// Gateways and publishers that were away: whoever missed as many tables as deltas are kept still takes one delta.
import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSite, type Site } from '../support/site.ts';

const DELTAS = 8;

let site: Site;
beforeEach(async () => {
  site = await createSite({ postmaster: false });
});
afterEach(() => site.stop());

/** Large enough that a delta of some rows pays. */
const list = (version: number) => Array.from({ length: 1000 }, (_, i) => `person${(version + i) * 7919}@example.org`);

const asked = (): string[] => site.requests.splice(0).map((each) => each.replace(/^.*recipients\//, ''));

test(`${DELTAS} tables missed: one delta; one more: the whole table`, async () => {
  await site.publishAndFetch(list(1));
  for (let version = 2; version <= 1 + DELTAS; version++) await site.publish(list(version));
  asked();
  expect((await site.fetch()).bundles[0]).toMatchObject({ outcome: 'installed', via: 'delta', version: 1 + DELTAS });
  expect(asked().filter((each) => each.endsWith('.gz'))).toEqual([expect.stringMatching(/\.delta\.gz$/)]);
  for (let version = 2 + DELTAS; version <= 2 + 2 * DELTAS; version++) await site.publish(list(version));
  asked();
  expect((await site.fetch()).bundles[0]).toMatchObject({ via: 'full', version: 2 + 2 * DELTAS });
  expect(asked().filter((each) => each.endsWith('.gz'))).toEqual([expect.not.stringContaining('delta')]);
}, 120_000);

test('the publisher’s kept tables are lost: gateways that missed some go on by delta', async () => {
  await site.publishAndFetch(list(1));
  await site.publish(list(2));
  const tables = path.join(site.dir, 'publisher', 'tables');
  expect(readdirSync(tables)).toHaveLength(2);
  rmSync(tables, { recursive: true });
  await site.publish(list(3));
  expect((await site.fetch()).bundles[0]).toMatchObject({ outcome: 'installed', via: 'delta', version: 3 });
}, 60_000);
