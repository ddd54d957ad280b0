// A gateway that has just read a manifest asks for the table it names: a table that was named within the last day
// is never deleted.
import path from 'node:path';
import { expect, test, vi } from 'vitest';
import { readPublisherConfig } from '../../src/publisher/config.ts';
import { publish } from '../../src/publisher/publish.ts';
import { Repository } from '../../src/publisher/repository/repository.ts';
import { openKeys } from '../../src/publisher/keys/publisher-keys.ts';
import { Central, people } from './central.ts';

const START = Date.parse('2026-11-24T07:00:00Z');
const hours = (count: number): Date => new Date(START + count * 3_600_000);

/** Publishes this list at this hour. @returns the name of its table's file. */
async function at(central: Central, hour: number, rows: readonly string[]): Promise<string> {
  central.rows(rows);
  const config = readPublisherConfig(central.config);
  const options = { dryRun: false, allowShrink: false, nextVersion: null };
  await publish(config, openKeys(config), options, hours(hour));
  return `recipients/${central.published().sha256}.gz`;
}

const [A, B, C] = [people(300), people(300, 1), people(300, 2)];

test('named, not named, named again, not named: the day begins anew', async () => {
  const central = new Central({ top: 'keep_deltas = 0' });
  const a = await at(central, 0, A);
  await at(central, 1, B);
  await at(central, 20, A);
  await at(central, 26, C);
  expect(central.blobs()).toContain(a);
  await at(central, 49, C);
  expect(central.blobs()).toContain(a);
  const c = await at(central, 51, C);
  expect(central.blobs()).toEqual([c]);
});

test('also where the run that named it again was killed before it had tidied up', async () => {
  const central = new Central({ top: 'keep_deltas = 0' });
  const a = await at(central, 0, A);
  await at(central, 1, B);
  const { unnamed } = central.state();
  expect(unnamed).toEqual({ [path.basename(a)]: hours(1).toISOString() });
  // From here on it is as if it had been killed: manifest.json is out, the record is the one from before that.
  vi.spyOn(Repository.prototype, 'clean').mockImplementationOnce(() => {
    throw new Error('not tidied up');
  });
  await at(central, 20, A);
  await at(central, 26, C);
  expect(central.blobs()).toContain(a);
});
