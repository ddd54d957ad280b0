// How often a bundle is asked: less and less while it fails, each on its own, and never so seldom that the pause
// itself raises an alarm.
import { describe, expect, test } from 'vitest';
import { Pace } from '../../src/gateway/daemon/backoff.ts';
import type { Code } from '../../src/errors.ts';

const MINUTE = 60_000;
const failed = (code: Code = 'NETWORK', name = 'one') => ({ name, outcome: 'kept', code }) as const;

test('each failure doubles the pause, up to ten minutes', () => {
  const pace = new Pace(60 * MINUTE);
  const pauses = Array.from({ length: 7 }, () => pace.note(failed(), 0, 1) / MINUTE);
  expect(pauses).toEqual([1, 2, 4, 8, 10, 10, 10]);
});

test('chance halves it at most: a thousand that failed together do not come back together', () => {
  const pauses = Array.from({ length: 1000 }, (_, i) => {
    const pace = new Pace(60 * MINUTE);
    for (let n = 0; n < 6; n++) pace.note(failed(), 0, 0.5);
    return pace.note(failed(), 0, i / 1000);
  });
  expect([Math.min(...pauses), Math.max(...pauses) < 10 * MINUTE]).toEqual([5 * MINUTE, true]);
  const seconds = new Set(pauses.map((p) => Math.floor(p / 1000)));
  expect(seconds.size).toBe(300);
});

test('due when the pause is over, and not a millisecond before', () => {
  const pace = new Pace(60 * MINUTE);
  pace.note(failed(), 1000, 1);
  expect([pace.isDue('one', 1000 + MINUTE - 1), pace.isDue('one', 1000 + MINUTE)]).toEqual([false, true]);
});

test('another bundle is not paused with it', () => {
  const pace = new Pace(60 * MINUTE);
  pace.note(failed(), 0, 1);
  expect([pace.isDue('one', 1), pace.isDue('two', 1)]).toEqual([false, true]);
});

test('one success forgets all failures', () => {
  const pace = new Pace(60 * MINUTE);
  for (let n = 0; n < 5; n++) pace.note(failed(), 0, 1);
  expect(pace.note({ name: 'one', outcome: 'unchanged', code: null }, 0, 1)).toBe(0);
  expect(pace.isDue('one', 0)).toBe(true);
  expect(pace.note(failed(), 0, 1)).toBe(MINUTE);
});

test('never longer than a quarter of warn_after', () => {
  const pace = new Pace(4 * MINUTE);
  const pauses = Array.from({ length: 4 }, () => pace.note(failed(), 0, 1) / MINUTE);
  expect(pauses).toEqual([1, 1, 1, 1]);
});

describe('what a pause would not help', () => {
  test.each<Code>(['HELD', 'WAITING', 'BUSY'])('%s', (code) => {
    const pace = new Pace(60 * MINUTE);
    expect(pace.note(failed(code), 0, 1)).toBe(0);
    expect(pace.isDue('one', 0)).toBe(true);
  });
});
