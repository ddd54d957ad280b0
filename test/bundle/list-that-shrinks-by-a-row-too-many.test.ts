// The shrink guard at its edges (docs/commands.md section 2.3): more than the percentage AND more than ten rows, domains likewise more than
// one, and the net against a day ago. And the order in which a table is judged.
import { describe, expect, test } from 'vitest';
import { approves, judgeTable, shrunk, type Shrinkage } from '../../src/bundle/offer/guard.ts';

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
    if (refused) expect(reason).toContain(`${rows} rows against ${dayAgoRows} a day ago: more than 20 %`);
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
    expect(() => judgeTable(findings)).toThrow(
      expect.objectContaining({ name: 'GuardError', code, message: expect.stringMatching(message) }),
    );
  });

  test('and one that breaks none is not', () => {
    judgeTable({ missing: [], foreign: null, shrinkage: null });
    judgeTable({ missing: [], foreign: null, shrinkage: shrinkage({}) });
  });
});
