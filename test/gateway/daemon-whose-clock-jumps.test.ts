// The schedule against a wall clock that jumps while the steady one goes on: no silence, no storm, no walk through
// the time between.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { requireCron, Schedule } from '../../src/gateway/daemon/schedule.ts';

const START = Date.parse('2026-11-24T10:00:00.250Z');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let ticks: number[];
let steady: number;
let schedule: Schedule;
beforeEach(() => {
  vi.useFakeTimers({ now: START, toFake: ['Date', 'setTimeout', 'clearTimeout'] });
  ticks = [];
  steady = 0;
  schedule = new Schedule({ wall: () => Date.now(), steady: () => steady }, () => ticks.push(Date.now()));
});
afterEach(() => {
  schedule.stop();
  vi.useRealTimers();
});

/** Time passes on both clocks, as it does. */
function passes(ms: number): void {
  for (let left = ms; left > 0; left -= 250) {
    steady += Math.min(250, left);
    vi.advanceTimersByTime(Math.min(250, left));
  }
}
const taken = (): string[] => ticks.splice(0).map((t) => new Date(t).toISOString().slice(11, 19));

test('each minute, at its beginning', () => {
  schedule.follow('* * * * *');
  passes(3 * MINUTE);
  expect(taken()).toEqual(['10:01:00', '10:02:00', '10:03:00']);
});

test('set back by an hour: not silent for an hour', () => {
  schedule.follow('* * * * *');
  passes(MINUTE);
  taken();
  vi.setSystemTime(Date.now() - HOUR);
  passes(3 * MINUTE);
  expect(ticks.length).toBeGreaterThanOrEqual(3);
  expect(ticks.length).toBeLessThanOrEqual(4);
});

test.each([
  ['an hour', HOUR],
  ['ten years', 10 * 365 * 24 * HOUR],
])('set forward by %s: one tick for all that was missed, at once, and on from there', (_, by) => {
  schedule.follow('* * * * *');
  passes(MINUTE);
  taken();
  vi.setSystemTime(Date.now() + by);
  const began = performance.now();
  passes(MINUTE);
  expect(performance.now() - began).toBeLessThan(5000);
  expect(ticks.length).toBeGreaterThanOrEqual(1);
  expect(ticks.length).toBeLessThanOrEqual(2);
  taken();
  passes(3 * MINUTE);
  expect(ticks).toHaveLength(3);
});

test('suspended: the wall clock went on and the steady one did not; noticed within half a minute', () => {
  schedule.follow('0 * * * *');
  passes(MINUTE);
  vi.setSystemTime(Date.now() + 8 * HOUR);
  passes(MINUTE / 2 + 250);
  expect(ticks).toHaveLength(1);
  taken();
  passes(HOUR);
  expect(ticks).toHaveLength(1);
});

test('a timer that fires a little early does not make two of one', () => {
  schedule.follow('* * * * *');
  // The steady clock runs a thousandth fast: each wait ends 60 ms too early by the wall clock.
  for (let i = 0; i < 10 * 240; i++) {
    steady += 250.25;
    vi.advanceTimersByTime(250);
  }
  expect(ticks.length).toBeGreaterThanOrEqual(9);
  expect(ticks.length).toBeLessThanOrEqual(10);
});

test('in UTC, whatever the host thinks: no hour is missing in spring and none comes twice in autumn', () => {
  const before = process.env['TZ'];
  process.env['TZ'] = 'Europe/Berlin';
  try {
    for (const night of ['2026-03-29T00:00:00Z', '2026-10-25T00:00:00Z']) {
      vi.setSystemTime(Date.parse(night) + 250);
      schedule.follow('30 * * * *');
      passes(4 * HOUR);
      expect(taken()).toEqual(['00:30:00', '01:30:00', '02:30:00', '03:30:00']);
    }
  } finally {
    if (before === undefined) delete process.env['TZ'];
    else process.env['TZ'] = before;
  }
});

test('another expression from now on, and then none', () => {
  schedule.follow('* * * * *');
  schedule.follow('*/10 * * * * *');
  passes(20_000);
  expect(taken()).toEqual(['10:00:10', '10:00:20']);
  schedule.stop();
  passes(MINUTE);
  expect(ticks).toEqual([]);
});

describe('an expression that names no time is refused before it is followed', () => {
  test.each(['61 * * * *', '* * *', '', '0 0 30 2 *', 'every minute'])('"%s"', (expression) => {
    expect(() => requireCron('relaymap.toml', expression)).toThrow(
      expect.objectContaining({ code: 'CONFIG', message: expect.stringContaining('relaymap.toml: schedule.cron') }),
    );
  });
  test('and a good one is not', () => {
    for (const good of ['* * * * *', '*/15 * * * * *', '0 3 * * 1-5', '@hourly']) requireCron('relaymap.toml', good);
  });
});
