// The shrink guard at its edges (docs/commands.md section 2.3): more than the percentage AND more than ten rows,
// domains likewise more than one, and the net against a day ago. And the order in which a table is judged.
import { describe, expect, test } from 'vitest';
import {
  approves,
  judgeTable,
  rememberRows,
  rowsDayAgo,
  shrunk,
  type RowCount,
  type Shrinkage,
} from '../../src/bundle/offer/guard.ts';

const shrinkage = (change: Partial<Shrinkage>): Shrinkage => ({
  percent: 20,
  installed: { rows: 1000, domains: 100 },
  removed: { rows: 0, domains: 0 },
  next: { rows: 1000, domains: 100 },
  dayAgoRows: null,
  ...change,
});

describe('rows', () => {
  test.each<[number, number, number, boolean]>([
    [20, 1000, 200, false],
    [20, 1000, 201, true],
    [20, 11, 10, false],
    [20, 11, 11, true],
    [0, 1_000_000, 10, false],
    [0, 1_000_000, 11, true],
    [100, 1000, 1000, false],
    [33, 100, 33, false],
    [33, 100, 34, true],
    [20, 20_000_000, 4_000_000, false],
    [20, 20_000_000, 4_000_001, true],
  ])('%i %% of %i, %i gone: refused is %s', (percent, rows, gone, refused) => {
    const reason = shrunk(shrinkage({ percent, installed: { rows, domains: 1 }, removed: { rows: gone, domains: 0 } }));
    expect(reason !== null).toBe(refused);
    if (refused) expect(reason).toMatch(new RegExp(`${gone} of the ${rows} rows.* ${percent} %`));
  });

  test('a million exchanged rows are a million removed ones, whatever the net says', () => {
    expect(
      shrunk(shrinkage({ removed: { rows: 500, domains: 0 }, next: { rows: 1000, domains: 100 } })),
    ).not.toBeNull();
  });
});

describe('domains', () => {
  test.each<[number, number, number, boolean]>([
    [20, 100, 20, false],
    [20, 100, 21, true],
    [20, 2, 1, false],
    [20, 2, 2, true],
    [0, 1000, 1, false],
    [0, 1000, 2, true],
  ])('%i %% of %i, %i gone: refused is %s', (percent, domains, gone, refused) => {
    const reason = shrunk(
      shrinkage({ percent, installed: { rows: 1000, domains }, removed: { rows: gone, domains: gone } }),
    );
    expect(reason !== null).toBe(refused);
    if (refused) expect(reason).toContain(`${gone} of the ${domains} domains`);
  });
});

describe('against a day ago', () => {
  test.each<[number, number, boolean]>([
    [1000, 800, false],
    [1000, 799, true],
    [1000, 1200, false],
    [12, 2, false],
    [12, 1, true],
    [0, 0, false],
  ])('%i rows then, %i now: refused is %s', (dayAgoRows, rows, refused) => {
    const reason = shrunk(shrinkage({ dayAgoRows, next: { rows, domains: 100 } }));
    expect(reason !== null).toBe(refused);
    if (refused) expect(reason).toContain(`${rows} rows against ${dayAgoRows} a day ago or less: more than 20 %`);
  });
});

describe('the history of row counts', () => {
  const start = Date.parse('2026-11-24T00:00:00Z');
  const at = (hours: number) => new Date(start + hours * 3_600_000);
  /** Counts that came into use one after the other; a third value accepts a shrink. */
  const lived = (...steps: readonly [hours: number, rows: number, accepted?: boolean][]) =>
    steps.reduce<RowCount[]>((h, [hours, rows, accepted = false]) => rememberRows(h, rows, at(hours), accepted), []);

  test('is the table that was in use 24 h ago, to the millisecond', () => {
    const history = lived([0, 1000], [1, 900], [2, 850]);
    expect(rowsDayAgo(history, new Date(at(25).getTime() - 1))).toBe(1000);
    expect(rowsDayAgo(history, at(25))).toBe(900);
    expect(rowsDayAgo(history, at(26))).toBe(850);
    expect(rowsDayAgo(history, at(999))).toBe(850);
  });

  test('with less than 24 h of it gives its oldest entry, and without any nothing', () => {
    expect(rowsDayAgo(lived([0, 1000], [1, 900]), at(2))).toBe(1000);
    expect(rowsDayAgo([], at(2))).toBeNull();
  });

  test('is not shortened by tables that go to and fro, however often', () => {
    let history = lived([0, 1000]);
    for (let i = 1; i <= 1000; i++) history = rememberRows(history, i % 2 === 0 ? 1000 : 810, at(i / 60), false);
    expect(rowsDayAgo(history, at(17))).toBe(1000);
    history = rememberRows(history, 810, at(20), false);
    for (let hour = 20.5; hour < 44; hour += 0.5) {
      history = rememberRows(history, 805, at(hour), false);
      expect(rowsDayAgo(history, at(hour))).toBeGreaterThanOrEqual(810);
    }
  });

  test('is not shortened by the same count again: its first time stays', () => {
    expect(lived([0, 1000], [5, 1000], [23, 1000])).toEqual([{ at: at(0).toISOString(), rows: 1000 }]);
  });

  test('starts anew with a shrink that was accepted, and only with one', () => {
    expect(lived([0, 1000], [1, 900], [2, 100, true])).toEqual([{ at: at(2).toISOString(), rows: 100 }]);
    expect(lived([0, 1000], [1, 1000, true])).toEqual([{ at: at(1).toISOString(), rows: 1000 }]);
  });

  test('forgets what is older than the table of 24 h ago', () => {
    expect(lived([0, 1], [1, 2], [2, 3], [26, 4], [27, 5]).map(({ rows }) => rows)).toEqual([3, 4, 5]);
  });

  test('counts a time in the future as now, once the clock is right again', () => {
    const history = lived([0, 1000], [800, 900], [1, 850]);
    expect(history.map(({ rows }) => rows)).toEqual([1000, 900, 850]);
    expect(history.every((h) => Date.parse(h.at) <= at(1).getTime())).toBe(true);
    expect(rowsDayAgo(history, at(2))).toBe(1000);
    expect(rowsDayAgo(history, at(26))).toBe(850);
  });

  test.each([
    ['of five hundred and twelve entries keeps each', 1000, 810, 512, [512, 1000, 810]],
    ['of one more keeps of ten minutes the highest and the last', 810, 1000, 513, [3, 810, 1000]],
    ['and none twice', 1000, 810, 513, [1, 1000, undefined]],
  ] as const)('%s', (_, even, odd, entries, expected) => {
    let history: RowCount[] = [];
    for (let i = 0; i < entries; i++) history = rememberRows(history, i % 2 === 0 ? even : odd, at(i / 3600), false);
    expect([history.length, history[0]?.rows, history[1]?.rows]).toEqual(expected);
    expect(history[0]?.at).toBe(at(0).toISOString());
    if (expected[0] === 3)
      expect(history.slice(1).map((h) => h.at)).toEqual([at(0), at(512 / 3600)].map((d) => d.toISOString()));
  });

  test('has a bound, and what is thinned out refuses more, never less', () => {
    const exact: RowCount[] = [];
    let history: RowCount[] = [];
    let rows = 10_000;
    for (let minute = 0; minute < 36 * 60; minute++) {
      rows += (minute * 7919) % 13 === 0 ? 400 : -31; // up and down, another count each minute
      exact.push({ at: at(minute / 60).toISOString(), rows });
      history = rememberRows(history, rows, at(minute / 60), false);
      expect(history.length).toBeLessThanOrEqual(512);
      if (minute % 17 !== 0) continue;
      const [kept, real] = [rowsDayAgo(history, at(minute / 60)) ?? 0, rowsDayAgo(exact, at(minute / 60)) ?? 0];
      expect(kept).toBeGreaterThanOrEqual(real);
      expect(kept).toBeLessThanOrEqual(Math.max(...exact.slice(-24 * 60 - 11, -24 * 60 + 10).map((e) => e.rows), real));
    }
  });
});

describe('a publisher approves', () => {
  const until = new Date('2026-11-25T07:00:00Z');
  const approval = { until, rows: 100, domains: 4 };
  test.each<[string, number, number, number, boolean]>([
    ['exactly so many', 100, 4, -1000, true],
    ['more', 200, 9, -1000, true],
    ['a row too few', 99, 4, -1000, false],
    ['a domain too few', 100, 3, -1000, false],
    ['the last millisecond', 100, 4, -1, true],
    ['at `until` itself', 100, 4, 0, false],
  ])('%s', (_, rows, domains, ms, approved) => {
    expect(approves(approval, { rows, domains }, new Date(until.getTime() + ms))).toBe(approved);
  });

  test('nothing, where it has not said so', () => {
    expect(approves(undefined, { rows: 1e9, domains: 1e9 }, new Date(0))).toBe(false);
  });
});

describe('a table that breaks several rules is refused for the first', () => {
  const missing = ['postmaster@example.org'];
  const foreign = { domain: 'evil.example', row: 7 };
  const bad = shrinkage({ removed: { rows: 999, domains: 99 } });
  test.each([
    ['MISSING_REQUIRED', { missing, foreign, shrinkage: bad }, /postmaster@example\.org/],
    ['FOREIGN_DOMAIN', { missing: [], foreign, shrinkage: bad }, /row 7.*evil\.example/],
    ['SHRUNK', { missing: [], foreign: null, shrinkage: bad }, /999 of the 1000/],
  ] as const)('%s', (code, findings, message) => {
    expect(() => judgeTable({ table: 'a'.repeat(64), lifted: code !== 'SHRUNK', ...findings })).toThrow(
      expect.objectContaining({ name: 'GuardError', code, message: expect.stringMatching(message) }),
    );
  });

  test('and one that breaks none is not', () => {
    judgeTable({ table: 'a'.repeat(64), missing: [], foreign: null, shrinkage: null, lifted: false });
    judgeTable({ table: 'a'.repeat(64), missing: [], foreign: null, shrinkage: shrinkage({}), lifted: true });
  });

  test('and one that has shrunk too far is taken where the guard is lifted, and the judge says so', () => {
    const findings = { table: 'a'.repeat(64), missing: [], foreign: null };
    const word = (s: Shrinkage | null, lifted: boolean) =>
      judgeTable({ ...findings, shrinkage: s, lifted }).shrinkAccepted;
    expect(word(bad, true)).toBe(true);
    expect([word(shrinkage({}), true), word(shrinkage({}), false), word(null, true)]).toEqual([false, false, false]);
  });
});
