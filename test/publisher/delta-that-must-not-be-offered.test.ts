import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { sha256 } from '../support/forger.ts';
import { DAY, Desk, HOUR, later, people, START, type DeltaJson } from './desk.ts';

/** Publishes each list an hour after the one before; gives the tables' hashes and rows. */
async function history(desk: Desk, lists: readonly string[]): Promise<{ sha256: string; rows: string[] }[]> {
  const tables: { sha256: string; rows: string[] }[] = [];
  for (const [hour, list] of lists.entries()) {
    await desk.publishes(list, later(hour * HOUR));
    tables.push({ sha256: desk.manifest().tables.recipients.sha256, rows: desk.rows() });
  }
  return tables;
}

/** Applies a delta by section 5 alone. */
function applied(base: readonly string[], delta: readonly string[]): string[] {
  const rows = new Set(base);
  for (const line of delta) {
    const row = line.slice(1);
    expect(rows.has(row)).toBe(line.startsWith('-'));
    if (line.startsWith('-')) rows.delete(row);
    else rows.add(row);
  }
  return [...rows].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

const offered = (desk: Desk): readonly DeltaJson[] => desk.manifest().tables.recipients.deltas;
const growing = (count: number): string[] => Array.from({ length: count }, (_, i) => people(300, 'example.org', i));

test('a delta from each of the last keep_deltas tables, each of which makes the table', async () => {
  const desk = new Desk({ top: 'keep_deltas = 3' });
  const tables = await history(desk, growing(6));
  expect(offered(desk).map((d) => d.from)).toEqual(tables.slice(2, 5).map((t) => t.sha256));
  for (const delta of offered(desk)) {
    const base = tables.find((t) => t.sha256 === delta.from);
    expect(applied(base?.rows ?? [], desk.delta(delta))).toEqual(desk.rows());
    expect(delta.wireBytes).toBeLessThan(desk.manifest().tables.recipients.wireBytes);
  }
});

test('keep_deltas tables are kept for it, also when they are long gone from the output', async () => {
  const desk = new Desk({ top: 'keep_deltas = 2' });
  for (const [day, list] of growing(5).entries()) await desk.publishes(list, later(day * 3 * DAY));
  expect(offered(desk)).toHaveLength(2);
  expect(desk.blobs().filter((name) => !name.includes('delta'))).toHaveLength(2); // the newest, and the one before for a day
  expect((await desk.publish(later(30 * DAY))).outcome).toBe('renewed');
  expect(offered(desk)).toHaveLength(2);
});

test('one that is larger than half of the table is not offered, and is offered again when it pays', async () => {
  const desk = new Desk();
  const [a, b, c] = [people(300), people(300, 'example.org', 240), people(300, 'example.org', 10)];
  const tables = await history(desk, [a]);
  await desk.publishes(b, later(HOUR), { allowShrink: true });
  expect(offered(desk)).toEqual([]);
  await desk.publishes(c, later(2 * HOUR), { allowShrink: true });
  expect(offered(desk).map((d) => d.from)).toEqual([tables[0]?.sha256]);
});

test('an earlier delta that is damaged or gone: the next ones are found by reading the tables', async () => {
  const desk = new Desk();
  const lists = growing(5);
  await history(desk, lists.slice(0, 4));
  const earlier = desk.blobs().filter((name) => name.includes('delta'));
  const [gone, damaged] = earlier;
  rmSync(desk.at('out', 'recipients', gone ?? ''));
  writeFileSync(desk.at('out', 'recipients', damaged ?? ''), 'no gzip');
  await desk.publishes(lists[4] ?? '', later(5 * HOUR));
  expect(offered(desk)).toHaveLength(4);
  for (const delta of offered(desk)) expect(desk.delta(delta).length).toBeGreaterThan(0);
});

test('one that is not smaller than the table is not offered', async () => {
  const desk = new Desk();
  await desk.publishes(people(300), START);
  await desk.publishes(people(300, 'example.net', 5000), later(HOUR), { allowShrink: true });
  expect(offered(desk)).toEqual([]);
  expect(desk.blobs().filter((name) => name.includes('delta'))).toEqual([]);
});

test('keep_deltas = 0 offers none, and the guard still knows the table before', async () => {
  const desk = new Desk({ top: 'keep_deltas = 0' });
  await history(desk, growing(3));
  expect(offered(desk)).toEqual([]);
  desk.list(people(100));
  expect((await desk.refusal(later(DAY))).code).toBe('SHRUNK');
});

test('back and forth between two tables: never a delta from a table to itself, nor two from one', async () => {
  const desk = new Desk();
  const [a = '', b = ''] = growing(2);
  const tables = await history(desk, [a, b, a, b]);
  expect(offered(desk).map((d) => d.from)).toEqual([tables[0]?.sha256]);
});

test('keep_deltas set lower: renewals go on, with the deltas whose base is still kept', async () => {
  const desk = new Desk({ top: 'valid_for = "2h"' });
  await history(desk, growing(5));
  const [newest] = offered(desk).slice(-1);
  desk.toml.top = 'valid_for = "2h"\nkeep_deltas = 1';
  for (const hour of [6, 8, 10]) {
    expect((await desk.publish(later(hour * HOUR))).outcome).toBe('renewed');
    expect(offered(desk)).toEqual([newest]);
  }
});

test('kept tables that are damaged, or hold another table, cost nothing while their deltas go on from each other', async () => {
  const desk = new Desk();
  const [first, second, third] = await history(desk, growing(3));
  const kept = (table?: { sha256: string }) => path.join(desk.stateDir, 'tables', `${table?.sha256}.gz`);
  writeFileSync(kept(first), 'not gzip');
  copyFileSync(kept(third), kept(second));
  await desk.publishes(people(303), later(4 * HOUR));
  expect(offered(desk).map((d) => d.from)).toEqual([first, second, third].map((table) => table?.sha256));
  for (const [i, delta] of offered(desk).entries())
    expect(applied([first, second, third][i]?.rows ?? [], desk.delta(delta))).toEqual(desk.rows());
});

test('a kept table that is damaged or another one costs the delta that only reading it can give, not the publish', async () => {
  for (const damage of ['not gzip', 'another table']) {
    const desk = new Desk();
    const [first, second] = await history(desk, growing(2));
    const kept = (table?: { sha256: string }) => path.join(desk.stateDir, 'tables', `${table?.sha256}.gz`);
    if (damage === 'not gzip') writeFileSync(kept(first), damage);
    else copyFileSync(kept(second), kept(first));
    const [earlier] = desk.blobs().filter((name) => name.includes('delta'));
    rmSync(desk.at('out', 'recipients', earlier ?? ''));
    await desk.publishes(people(302), later(2 * HOUR));
    expect(offered(desk).map((d) => d.from)).toEqual([second?.sha256]);
  }
});

test('the published table is kept under its name, but is another one: said with its name, and nothing goes out', async () => {
  const desk = new Desk();
  const [first, second] = await history(desk, growing(2));
  const kept = (table?: { sha256: string }) => path.join(desk.stateDir, 'tables', `${table?.sha256}.gz`);
  copyFileSync(kept(first), kept(second));
  desk.list(people(303));
  const refusal = await desk.refusal(later(2 * HOUR));
  expect([refusal.code, refusal.message]).toEqual([
    'STATE',
    expect.stringContaining(`${second?.sha256}.gz is damaged`),
  ]);
  rmSync(kept(second)); // as the message says
  await desk.publish(later(3 * HOUR));
  expect(offered(desk).map((d) => d.from)).toEqual([first?.sha256, second?.sha256]);
});

test('an earlier delta that is whole, but says something else: seen when what was put together is taken back', async () => {
  const desk = new Desk({ top: 'keep_deltas = 1' });
  const [first] = await history(desk, growing(2));
  desk.toml.top = 'keep_deltas = 2';
  // One row more than there is: as a fault of an earlier version of the publisher would have written it, signed and
  // all.
  const [earlier] = offered(desk);
  const { sha256: to } = desk.manifest().tables.recipients;
  const lie = Buffer.from([...desk.delta(earlier as DeltaJson), '+zzz@example.org'].map((row) => `${row}\n`).join(''));
  const member = gzipSync(lie);
  writeFileSync(desk.at('out', 'recipients', `${earlier?.from}-${to}.delta.gz`), member);
  desk.resigns((manifest) => {
    const entry = { from: earlier?.from, bytes: lie.length, sha256: sha256(lie), wireBytes: member.length };
    Object.assign(manifest.tables.recipients, { deltas: [entry] });
  });
  await desk.publishes(people(302), later(3 * HOUR));
  expect(offered(desk)).toHaveLength(2);
  expect(applied(first?.rows ?? [], desk.delta(offered(desk)[0] as DeltaJson))).toEqual(desk.rows());
});

test('kept tables that are gone: what is still published serves as well', async () => {
  const desk = new Desk();
  const [first, second] = await history(desk, growing(2));
  rmSync(path.join(desk.stateDir, 'tables'), { recursive: true });
  await desk.publishes(people(302), later(2 * HOUR));
  expect(offered(desk).map((d) => d.from)).toEqual([first?.sha256, second?.sha256]);
});

test('the published table is nowhere any more: refused, and --allow-shrink goes on without comparing', async () => {
  const desk = new Desk();
  await history(desk, growing(2));
  rmSync(path.join(desk.stateDir, 'tables'), { recursive: true });
  rmSync(path.join(desk.output, 'recipients'), { recursive: true });
  desk.list(people(302));
  expect((await desk.refusal(later(DAY))).message).toMatch(/is gone.*--allow-shrink/);
  await desk.publish(later(DAY), { allowShrink: true });
  expect(desk.rows()).toHaveLength(302);
});
