// The union of several bundles against plain sets: every row once, sorted, and none from outside a bundle's domains.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { domainMatcher } from '../../src/map/domains.ts';
import { union, type Member } from '../../src/map/union.ts';
import { chunk, collected, sorted, Stream, stream, table } from '../bundle/blocks.ts';

const domainOf = (row: string) => row.slice(row.lastIndexOf('@') + 1);
const patterns = fc.constantFrom(
  null,
  ['a.example'],
  ['*.example'],
  ['*.a.example', 'b.example'],
  ['bücher.example'],
  ['nobody.example'],
);
const member = fc.record({ rows: table, size: chunk, patterns });

test('of any members, under any limits, however they are cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(member, { maxLength: 5 }), async (members) => {
      const limit = (each: (typeof members)[number]) => (each.patterns === null ? null : domainMatcher(each.patterns));
      const made = await collected(
        union(members.map((each): Member => ({ rows: stream(each.rows, each.size), speaksFor: limit(each) }))),
      );
      const wanted = members.flatMap((each) => each.rows.filter((row) => limit(each)?.(domainOf(row)) ?? true));
      expect(made).toEqual(sorted(wanted));
    }),
    { numRuns: 300 },
  );
});

test('a row of three bundles is there once', async () => {
  const rows = ['a@x.org', 'b@x.org'];
  const made = await collected(
    union([rows, rows, ['b@x.org']].map((each) => ({ rows: stream(each), speaksFor: null }))),
  );
  expect(made).toEqual(rows);
});

test('of no member there is no row', async () => {
  expect(await collected(union([]))).toEqual([]);
});

test('more rows than a block holds, from one bundle under a limit', async () => {
  const many = sorted(Array.from({ length: 30_000 }, (_, i) => `user${i}@${i % 2 === 0 ? 'a' : 'b'}.example`));
  for (const others of [[], [[]], [many]]) {
    const members = [many, ...others].map((rows) => ({
      rows: stream(rows, 1 << 20),
      speaksFor: (domain: string) => domain === 'a.example',
    }));
    expect(await collected(union(members))).toEqual(many.filter((row) => row.endsWith('@a.example')));
  }
});

test('each domain is asked about once a bundle', async () => {
  const asked: string[] = [];
  const rows = sorted(Array.from({ length: 100 }, (_, i) => `user${i}@${i % 3}.example`));
  const speaksFor = (domain: string) => asked.push(domain) > 0;
  await collected(union([{ rows: stream(rows), speaksFor }]));
  expect(asked.sort()).toEqual(['0.example', '1.example', '2.example']);
});

describe('lets go of every stream', () => {
  const many = sorted(Array.from({ length: 40_000 }, (_, i) => `user${i}@x.org`));
  const read = async (members: readonly Stream[], stop: boolean) => {
    for await (const _ of union(members.map((rows) => ({ rows, speaksFor: () => true })))) if (stop) break;
  };

  test.each([1, 2, 3])('of %i members, when the reader stops', async (n) => {
    const members = Array.from({ length: n }, () => new Stream(many, 5000));
    await read(members, true);
    expect(members.map(({ open }) => open)).toEqual(members.map(() => false));
  });

  test.each([0, 1, 2])('when member %i fails: at its first row, and later', async (which) => {
    const fault = new Error('damaged');
    for (const rows of [[], ['a@x.org']]) {
      const members = [0, 1, 2].map((i) => (i === which ? new Stream(rows, 64, fault) : new Stream(many, 5000)));
      await expect(read(members, false)).rejects.toBe(fault);
      expect(members.map(({ open }) => open)).toEqual([false, false, false]);
    }
  });
});
