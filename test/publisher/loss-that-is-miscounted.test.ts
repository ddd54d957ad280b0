// The guard judges by what a new table lacks, and gateways work with the delta: both come from one reading in which
// most rows are never looked at. Against the same by plain sets.
import { array, assert, asyncProperty, constantFrom, integer, record, string } from 'fast-check';
import { expect, test } from 'vitest';
import type { RowBlock } from '../../src/bundle/table/rows.ts';
import { changeOf } from '../../src/publisher/tables/compare-tables.ts';
import { RowCollection, type SortedRows } from '../../src/publisher/gather/sorted-rows.ts';
import { tableInPieces } from './in-pieces.ts';
import { measure, text } from '../../src/publisher/tables/tables.ts';

function tableOf(rows: readonly string[]): SortedRows {
  const collection = new RowCollection();
  for (const row of rows) collection.add(row);
  return collection.sorted();
}

/** Whole rows in pieces of about this many bytes. */
async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length;) {
    const to = bytes.indexOf(0x0a, Math.min(bytes.length - 1, from + size)) + 1;
    yield await Promise.resolve(bytes.subarray(from, to));
    from = to;
  }
}

const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
const domainOf = (row: string) => row.slice(row.lastIndexOf('@') + 1);
const domains = (rows: readonly string[]) => new Set(rows.map(domainOf));

async function check(before: readonly string[], after: readonly string[], size: number): Promise<void> {
  const [base, next] = [tableOf(before), tableOf(after)];
  const found = await changeOf(pieces(base.text, size), tableInPieces(next, size + 17), measure(next).domains);
  const [old, now] = [[...new Set(before)], [...new Set(after)]];
  const removed = old.filter((row) => !now.includes(row));
  const added = now.filter((row) => !old.includes(row));
  const gone = [...domains(old)].filter((domain) => !domains(now).has(domain)).sort(byBytes);
  expect(found.installed).toEqual({ rows: old.length, domains: domains(old).size });
  expect(found.removed).toEqual({ rows: removed.length, domains: gone.length });
  expect(found.lost.filter(({ whole }) => whole).map(({ domain }) => domain)).toEqual(gone);
  const byDomain = found.lost.map(({ domain, rows }) => [domain, rows]);
  const counts = [...domains(removed)]
    .sort(byBytes)
    .map((d) => [d, removed.filter((row) => domainOf(row) === d).length]);
  expect(byDomain).toEqual(counts);
  const delta = [...removed.map((row) => `-${row}\n`), ...added.map((row) => `+${row}\n`)].sort((a, b) =>
    byBytes(a.slice(1), b.slice(1)),
  );
  const wanted = delta.join('');
  if (found.delta === null) expect(Buffer.byteLength(wanted)).toBeGreaterThan(next.text.length / 2);
  else expect(textOf(found.delta)).toBe(wanted);
}

const textOf = (blocks: readonly RowBlock[]) => Buffer.concat(blocks.map(text)).toString();

const row = record({
  local: string({ unit: constantFrom('a', 'b', 'é', '~'), minLength: 1, maxLength: 3 }),
  domain: constantFrom('x.org', 'y.org', 'z.org', 'long-name.example'),
}).map(({ local, domain }) => `${local}@${domain}`);

test('any two small tables', async () => {
  await assert(
    asyncProperty(
      array(row, { maxLength: 40 }),
      array(row, { minLength: 1, maxLength: 40 }),
      integer({ min: 1, max: 200 }),
      check,
    ),
    { numRuns: 200 },
  );
});

test('long tables that differ here and there, at their ends, and by whole domains', async () => {
  const people = (count: number, domain: string) =>
    Array.from({ length: count }, (_, i) => `person${String(i * 7919).padStart(8, '0')}@${domain}`);
  const base = [...people(3000, 'a.example'), ...people(20, 'b.example'), 'only@c.example'];
  const without = (...numbers: number[]) => base.filter((_, i) => !numbers.includes(i));
  const sorted = [...base].sort(byBytes);
  for (const next of [
    base,
    without(0),
    without(1, 2, 3, 700, 1500, 1501, 2999),
    [...base, 'new@a.example', 'new@d.example', 'zzz@a.example', '!@e.example'],
    [...without(5, 3020), 'new@c.example'],
    sorted.slice(1),
    sorted.slice(0, -1),
    sorted.filter((_, i) => i % 50 !== 0),
    base.filter((each) => !each.endsWith('@b.example')),
    ['other@f.example'],
  ])
    for (const size of [100, 5000, 1_000_000]) await check(base, next, size);
  // Each row once where a piece that is compared at once ends within it.
  for (let i = 60; i < 180; i++)
    await check(sorted.slice(0, 400), [...sorted.slice(0, i), ...sorted.slice(i + 1, 400)], 1_000_000);
});
