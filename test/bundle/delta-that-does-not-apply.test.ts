// Deltas (format section 5): what one writes the other applies; whatever does not fit its base is found out, and
// both streams are let go.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { applyDelta, composeDeltas, DeltaMismatch, diffRows } from '../../src/bundle/table/delta.ts';
import { byBytes, chunk, collected, Stream, stream, table } from './blocks.ts';

const diff = (base: readonly string[], next: readonly string[]) => collected(diffRows(stream(base), stream(next)));
const apply = (base: readonly string[], delta: readonly string[]) => collected(applyDelta(stream(base), stream(delta)));

test('apply(diff(a, b), a) is b, however all are cut', async () => {
  await fc.assert(
    fc.asyncProperty(table, table, chunk, chunk, async (a, b, x, y) => {
      const delta = await collected(diffRows(stream(a, x), stream(b, y)));
      expect(await collected(applyDelta(stream(a, y), stream(delta, x)))).toEqual(b);
    }),
  );
});

test('a delta holds the difference and nothing else, in the order of its rows', async () => {
  await fc.assert(
    fc.asyncProperty(table, table, async (a, b) => {
      const delta = await diff(a, b);
      const bare = delta.map((line) => line.slice(1));
      expect(bare).toEqual([...bare].sort(byBytes));
      expect(new Set(delta.filter((line) => line.startsWith('-')))).toEqual(
        new Set(a.filter((each) => !b.includes(each)).map((each) => `-${each}`)),
      );
      expect(new Set(delta.filter((line) => line.startsWith('+')))).toEqual(
        new Set(b.filter((each) => !a.includes(each)).map((each) => `+${each}`)),
      );
    }),
  );
});

test('two deltas put together are the one that skips the table between, however all are cut', async () => {
  await fc.assert(
    fc.asyncProperty(table, table, table, chunk, async (a, b, c, x) => {
      const [first, second] = [await diff(a, b), await diff(b, c)];
      expect(await collected(composeDeltas(stream(first, x), stream(second, x)))).toEqual(await diff(a, c));
    }),
  );
});

test.each([
  ['added twice', '+'],
  ['removed twice', '-'],
])('a row %s: the second delta cannot follow the first', async (_, sign) => {
  const [first, second] = [new Stream(['-a@x.org', `${sign}b@x.org`]), new Stream([`${sign}b@x.org`, '+c@x.org'])];
  await expect(collected(composeDeltas(first, second))).rejects.toThrow(
    new DeltaMismatch('the second delta does not fit what the first one leaves'),
  );
  expect([first.open, second.open]).toEqual([false, false]);
});

const base = ['b@x.org', 'd@x.org', 'f@x.org'];

describe('refused', () => {
  test.each<[string, string[]]>([
    ['a removed row that is not there', ['-c@x.org']],
    ['a removed row behind all others', ['-z@x.org']],
    ['an added row that is there', ['+d@x.org']],
    ['rows out of order', ['-d@x.org', '-b@x.org']],
    ['added rows out of order', ['+c@x.org', '+a@x.org']],
    ['added rows out of order behind the base', ['+z@x.org', '+y@x.org']],
    ['a row twice', ['-b@x.org', '-b@x.org']],
    ['an added row twice', ['+a@x.org', '+a@x.org']],
    ['a row removed and added again', ['-b@x.org', '+b@x.org']],
    ['a row added and removed again', ['+a@x.org', '-a@x.org']],
    ['no sign', ['b@x.org']],
    ['another sign', ['*a@x.org']],
    ['an empty row', ['']],
    ['an empty row behind a good one', ['-b@x.org', '']],
    ['the removal of nothing', ['-']],
    ['signs the other way round', ['−b@x.org']],
  ])('%s', async (_, delta) => {
    await expect(apply(base, delta)).rejects.toBeInstanceOf(DeltaMismatch);
  });

  test.each([
    ['a row of the delta is out of order or there twice', ['-d@x.org', '-b@x.org']],
    ['a row of the delta does not fit the base', ['-c@x.org']],
  ])('with the reason: %s', async (reason, delta) => {
    await expect(apply(base, delta)).rejects.toThrow(new DeltaMismatch(reason));
  });

  test('against an empty base', async () => {
    await expect(apply([], ['-a@x.org'])).rejects.toBeInstanceOf(DeltaMismatch);
    expect(await apply([], ['+a@x.org'])).toEqual(['a@x.org']);
  });

  test('any delta with one line dropped, doubled, turned round or swapped is refused, or makes another table', async () => {
    const spoilt = fc.constantFrom('drop', 'double', 'turn', 'swap');
    await fc.assert(
      fc.asyncProperty(table, table, fc.nat(), spoilt, async (a, b, n, how) => {
        const delta = await diff(a, b);
        fc.pre(delta.length > (how === 'swap' ? 1 : 0));
        const at = n % (how === 'swap' ? delta.length - 1 : delta.length);
        const line = delta[at] ?? '';
        const lines = {
          drop: [],
          double: [line, line],
          turn: [(line.startsWith('+') ? '-' : '+') + line.slice(1)],
          swap: [delta[at + 1] ?? '', line],
        }[how];
        const wrong = [...delta.slice(0, at), ...lines, ...delta.slice(at + (how === 'swap' ? 2 : 1))];
        const made = await apply(a, wrong).catch((error: unknown) => error);
        if (how === 'drop') expect(made).not.toEqual(b);
        else expect(made).toBeInstanceOf(DeltaMismatch);
      }),
    );
  });

  test('a delta for another base is refused, or makes another table: never the right one', async () => {
    await fc.assert(
      fc.asyncProperty(table, table, table, async (a, b, other) => {
        fc.pre(a.join('\n') !== other.join('\n'));
        const made = await apply(other, await diff(a, b)).catch((error: unknown) => error);
        if (Array.isArray(made)) expect(made).not.toEqual(b);
        else expect(made).toBeInstanceOf(DeltaMismatch);
      }),
    );
  });
});

test('a row of 512 bytes goes through, with its sign 513', async () => {
  const long = `${'x'.repeat(506)}@x.org`;
  expect(await apply(base, [`+${long}`])).toEqual([...base, long]);
  expect(await diff([long], [])).toEqual([`-${long}`]);
});

test('more rows than a block holds come in blocks, from the base and from the delta, and none is lost', async () => {
  const many = Array.from({ length: 30_000 }, (_, i) => `${10_000_000 + i}@x.org`);
  const odd = many.filter((_, i) => i % 2 === 1);
  const even = many.filter((_, i) => i % 2 === 0);
  for (const [a, b] of [
    [many, odd],
    [odd, many],
    [even, odd],
    [many, []],
    [[], many],
  ] as const) {
    const delta = await diff(a, b);
    expect(await apply(a, delta)).toEqual(b);
    const blocks: number[] = [];
    for await (const { count, bytes } of applyDelta(stream(a, 1 << 16), stream(delta, 1 << 16))) {
      blocks.push(count);
      expect(bytes.length).toBeLessThanOrEqual(256 * 1024);
    }
    expect(blocks.reduce((sum, count) => sum + count, 0)).toBe(b.length);
  }
});

describe('both streams are let go', () => {
  test.each<[string, (a: Stream, b: Stream) => AsyncGenerator]>([
    ['diff', diffRows],
    ['apply', applyDelta],
  ])('%s: of a reader that stops, of either that fails', async (name, make) => {
    const many = Array.from({ length: 40_000 }, (_, i) => `${name === 'apply' ? '' : 'a'}${10_000_000 + i}@x.org`);
    const other = name === 'apply' ? many.map((each) => `+${each}x`) : many.map((each) => `${each}x`);
    const whole: [Stream, Stream] = [new Stream(many, 5000), new Stream(other, 5000)];
    for await (const _ of make(...whole)) break;
    expect(whole.map(({ open }) => open)).toEqual([false, false]);

    const fault = new Error('damaged');
    for (const pair of [
      [new Stream(['b@x.org'], 64, fault), new Stream(['+c@x.org', '+d@x.org'], 10)],
      [new Stream(['b@x.org', 'c@x.org', 'd@x.org'], 8), new Stream(['+a@x.org'], 64, fault)],
    ] as const) {
      const read = async () => {
        for await (const _ of make(...pair)) void _;
      };
      await expect(read()).rejects.toBe(fault);
      expect(pair.map(({ open }) => open)).toEqual([false, false]);
    }
  });
});
