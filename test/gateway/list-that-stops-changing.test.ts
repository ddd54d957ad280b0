// A publish that fails for a day is seen at the gateway, by how often the list came so far; where that is not known
// nothing is said.
import { expect, test } from 'vitest';
import { overdue, withCreated, type Rhythm } from '../../src/gateway/health/rhythm.ts';

const HOUR = 3_600_000;
const START = Date.parse('2026-11-01T00:00:00.000Z');
const at = (hours: number): string => new Date(START + hours * HOUR).toISOString();
const seen = (...hours: number[]): Rhythm | null => hours.map(at).reduce<Rhythm | null>(withCreated, null);
const late = (rhythm: Rhythm | null, hours: number) => overdue(rhythm, new Date(START + hours * HOUR));

test.each<[string, number[], number, number | null]>([
  ['hourly, and silent for a day and an hour', [0, 1, 2, 3, 4], 29.1, 1],
  ['hourly, and silent for less than a day', [0, 1, 2, 3, 4], 27.9, null],
  ['daily, and silent for less than two days', [0, 24, 48, 72], 119, null],
  ['daily, and silent for more than two days', [0, 24, 48, 72], 121, 24],
  ['on weekdays: the weekend is usual', [0, 8, 72, 80, 96], 96 + 127, null],
  ['too few to know', [0, 1, 2], 1000, null],
  ['none', [], 1000, null],
  ['a clock that is behind', [0, 1, 2, 3, 4], -10, null],
])('%s', (_, hours, now, longest) => {
  expect(late(seen(...hours), now)?.longest ?? null).toBe(longest === null ? null : longest * HOUR);
});

test('an older list, or the same again, tells nothing new', () => {
  const rhythm = seen(0, 1, 2, 3);
  expect(withCreated(rhythm, at(2))).toBe(rhythm);
  expect(withCreated(rhythm, at(3))).toBe(rhythm);
});

test('what was usual a month ago is forgotten, and the record stays small', () => {
  const days = Array.from({ length: 40 }, (_, i) => 100 + i * 24);
  const rhythm = seen(0, ...days);
  expect(rhythm?.days).toHaveLength(15);
  expect(late(rhythm, 100 + 39 * 24 + 49)?.longest).toBe(24 * HOUR);
});
