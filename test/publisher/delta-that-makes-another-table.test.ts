// A delta is offered only if it makes the table. That is seen by taking it back from the table, without its base.
import { array, assert, asyncProperty, constantFrom, nat, string } from 'fast-check';
import { expect, test } from 'vitest';
import { applyDelta, DeltaMismatch, diffRows } from '../../src/bundle/table/delta.ts';
import { hashOfBase } from '../../src/publisher/tables/reverse-delta.ts';
import { byBytes, collected, stream, table } from '../bundle/blocks.ts';
import { sha256 } from '../support/forger.ts';
import { inPieces } from './in-pieces.ts';

/** Bytes of a piece of the table: small tables have several, too. */
const PIECE = 20;

const textOf = (rows: readonly string[]) => Buffer.from(rows.map((row) => `${row}\n`).join(''));

/** Whether the publisher would offer it as a delta from `base` to `next`. */
async function offered(base: readonly string[], next: readonly string[], delta: readonly string[]): Promise<boolean> {
  try {
    return (await hashOfBase(inPieces(textOf(next), PIECE), stream([...delta]))) === sha256(textOf(base));
  } catch (error) {
    if (error instanceof DeltaMismatch) return false;
    throw error;
  }
}

/** Whether a gateway can use it. */
async function works(base: string[], next: readonly string[], delta: string[]): Promise<boolean> {
  try {
    return textOf(await collected(applyDelta(stream(base), stream(delta)))).equals(textOf(next));
  } catch (error) {
    if (error instanceof DeltaMismatch) return false;
    throw error;
  }
}

test('the delta between any two tables', async () => {
  await assert(
    asyncProperty(table, table, async (a, b) => {
      expect(await offered(a, b, await collected(diffRows(stream(a), stream(b))))).toBe(true);
    }),
  );
});

test('whatever else a delta says: it is offered if and only if a gateway can use it', async () => {
  const line = string({ unit: constantFrom('+', '-', 'a', 'b', 'c'), minLength: 1, maxLength: 3 });
  const seen = { yes: 0, no: 0 };
  await assert(
    asyncProperty(table, table, nat(), array(line, { maxLength: 2 }), async (a, b, at, more) => {
      const delta = await collected(diffRows(stream(a), stream(b)));
      delta.splice(at % (delta.length + 1), at % 3, ...more);
      const can = await works(a, b, delta);
      expect(await offered(a, b, delta)).toBe(can);
      if (can) seen.yes++;
      else seen.no++;
    }),
    { numRuns: 300 },
  );
  expect(Math.min(seen.yes, seen.no)).toBeGreaterThan(20);
});

test('rows of a long table, one by one and many, at both ends and between', async () => {
  const all = Array.from({ length: 5000 }, (_, i) => `p${String(i).padStart(6, '0')}@example.org`);
  for (const gone of [
    [0],
    [4999],
    [1, 2, 3],
    [2500],
    [0, 2499, 4999],
    all.map((_, i) => i).filter((i) => i % 3 === 0),
  ]) {
    const less = all.filter((_, i) => !gone.includes(i));
    for (const [a, b] of [
      [all, less],
      [less, all],
    ] as const) {
      const delta = await collected(diffRows(stream([...a]), stream([...b])));
      expect(delta.map((each) => each.slice(1))).toEqual(
        gone.map((i) => all[i]).sort((x, y) => byBytes(x ?? '', y ?? '')),
      );
      expect(await offered(a, b, delta)).toBe(true);
      expect(await offered(a, b, delta.slice(1))).toBe(false);
      const [first = '', ...others] = delta;
      for (const sign of ['*', '', first.startsWith('+') ? '-' : '+'])
        expect(await offered(a, b, [sign + first.slice(1), ...others])).toBe(false);
      expect(await offered(a, b, delta.slice(0, -1))).toBe(false);
    }
  }
});
