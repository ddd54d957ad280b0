import { readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { DAY, Desk, HOUR, later, people, START } from './desk.ts';

test('the same list again, in another order: no file is touched, until half of valid_for has passed', async () => {
  const desk = new Desk({ top: 'valid_for = "48h"' });
  await desk.publishes(people(100), START);
  const before = desk.snapshot();
  desk.list(people(50, 'example.org', 50) + people(50));
  for (const ms of [0, HOUR, DAY - 1]) expect((await desk.publish(later(ms))).outcome).toBe('unchanged');
  expect(desk.snapshot()).toBe(before);

  const [table] = desk.blobs();
  const blob = path.join(desk.output, 'recipients', table ?? '');
  utimesSync(blob, 1, 1);
  expect(await desk.publish(later(DAY))).toMatchObject({ outcome: 'renewed', version: 2 });
  expect(desk.manifest()).toMatchObject({
    version: 2,
    created: '2026-11-25T07:00:00Z',
    expires: '2026-11-27T07:00:00Z',
  });
  expect(desk.snapshot()).toContain(`${blob} `);
  expect(desk.snapshot()).toContain(' 1000\n'); // the table's file was not written again
});

test('versions are 1, 2, 3, and a renewal keeps the deltas', async () => {
  const desk = new Desk({ top: 'valid_for = "2d"' });
  await desk.publishes(people(300), START);
  expect(desk.manifest().version).toBe(1);
  await desk.publishes(people(301), later(HOUR));
  const { deltas } = desk.manifest().tables.recipients;
  expect(deltas).toHaveLength(1);
  expect(await desk.publish(later(3 * DAY))).toMatchObject({ outcome: 'renewed', version: 3 });
  expect(desk.manifest().tables.recipients.deltas).toEqual(deltas);
  expect(desk.rows()).toHaveLength(301);
});

test('a shorter valid_for in the configuration counts at once', async () => {
  const desk = new Desk({ top: 'valid_for = "7d"' });
  await desk.publishes(people(3), START);
  desk.toml.top = 'valid_for = "4h"';
  expect((await desk.publish(later(HOUR))).outcome).toBe('unchanged');
  expect((await desk.publish(later(2 * HOUR))).outcome).toBe('renewed');
});

test.each([
  ['missing', (file: string) => rmSync(file)],
  ['cut short', (file: string) => truncateSync(file, 10)],
])('a published table that is %s is put back, under a new version', async (_, harm) => {
  const desk = new Desk();
  await desk.publishes(people(100), START);
  const [table = ''] = desk.blobs();
  harm(path.join(desk.output, 'recipients', table));
  expect((await desk.publish(later(HOUR))).version).toBe(2);
  expect(desk.rows()).toHaveLength(100);
});

test('another signing key signs at once', async () => {
  const desk = new Desk();
  await desk.publishes(people(3), START);
  const { makeKey } = await import('../../src/publisher/keys/signing-key.ts');
  const second = makeKey(desk.at('keys'), 'next', Buffer.alloc(32, 9));
  desk.toml.top = `keys = ["${desk.at('keys', 'site.key')}", "${second.files[0]}"]`;
  expect((await desk.publish(later(HOUR))).outcome).toBe('renewed');
  const envelope = JSON.parse(readFileSync(path.join(desk.output, 'manifest.json'), 'utf8')) as {
    signatures: unknown[];
  };
  expect(envelope.signatures).toHaveLength(2);
  expect((await desk.publish(later(2 * HOUR))).outcome).toBe('unchanged');
});

test('a table is kept for a day after the manifest stopped naming it, then deleted by the next run; nothing else is', async () => {
  const desk = new Desk();
  await desk.publishes(people(300), START);
  const [first = ''] = desk.blobs();
  await desk.publishes(people(301), later(HOUR));
  writeFileSync(path.join(desk.output, 'recipients', 'README'), 'not ours');
  const all = desk.blobs();
  expect(all).toHaveLength(4); // two tables, a delta, the file of somebody else
  await desk.publish(later(HOUR + DAY - 1));
  expect(desk.blobs()).toEqual(all);
  expect((await desk.publish(later(HOUR + DAY))).outcome).toBe('unchanged');
  expect(desk.blobs()).toEqual(all.filter((name) => name !== first));
});

test('the table of a killed run is deleted a day after the next publish', async () => {
  const desk = new Desk();
  await desk.publishes(people(300), START);
  const stray = `${'ab'.repeat(32)}.gz`;
  writeFileSync(path.join(desk.output, 'recipients', `.${stray}.new`), 'half');
  writeFileSync(path.join(desk.output, 'recipients', stray), 'never named');
  await desk.publishes(people(301), later(HOUR));
  expect(desk.blobs()).toContain(stray);
  await desk.publish(later(HOUR + DAY));
  expect(desk.blobs().filter((name) => name.includes('abab'))).toEqual([]);
});

test('back to a table that is still there: its file stays as it is', async () => {
  const desk = new Desk();
  await desk.publishes(people(300), START);
  const [first = ''] = desk.blobs();
  const file = path.join(desk.output, 'recipients', first);
  utimesSync(file, 1, 1);
  await desk.publishes(people(301), later(HOUR));
  await desk.publishes(people(300), later(2 * HOUR));
  expect(desk.manifest()).toMatchObject({ version: 3, tables: { recipients: { sha256: first.slice(0, 64) } } });
  expect(desk.snapshot()).toContain(' 1000\n');
  expect(desk.rows()).toHaveLength(300);
});
