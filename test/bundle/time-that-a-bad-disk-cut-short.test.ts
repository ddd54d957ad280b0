// Times in records: Date.parse makes some time or other of nearly anything, and a record is dated by it for years.
import { describe, expect, test } from 'vitest';
import { isInstant } from '../../src/bundle/offer/instant.ts';

const whole = '2026-11-24T07:08:09.123456789Z';

test.each(['2026-11-24T07:00:00Z', '2026-11-24T07:00:00.1Z', '0000-01-01T00:00:00Z', whole, new Date(0).toISOString()])(
  '%s is one',
  (text) => {
    expect(isInstant(text)).toBe(true);
  },
);

describe('is none', () => {
  test('cut short anywhere, at either end', () => {
    for (let i = 1; i <= whole.length; i++) {
      expect(isInstant(whole.slice(0, -i)), whole.slice(0, -i)).toBe(false);
      expect(isInstant(whole.slice(i)), whole.slice(i)).toBe(false);
    }
  });

  test('with another character in any one place', () => {
    for (let i = 0; i < whole.length; i++) {
      const other = `${whole.slice(0, i)}x${whole.slice(i + 1)}`;
      expect(isInstant(other), other).toBe(false);
    }
  });

  test.each([
    ['a month that no calendar has', '2026-13-01T00:00:00Z'],
    ['an hour that no day has', '2026-11-24T25:00:00Z'],
    ['a local time', '2026-11-24T07:00:00'],
    ['another zone', '2026-11-24T07:00:00+01:00'],
    ['a fraction without a digit', '2026-11-24T07:00:00.Z'],
    ['a fraction of ten digits', '2026-11-24T07:00:00.1234567890Z'],
    ['a year of six digits, which Date.parse takes', '+002026-11-24T07:00:00Z'],
    ['zeros behind it, at which Date.parse ends', '2026-11-24T07:00:00Z\0\0'],
    ['something before it', ' 2026-11-24T07:00:00Z'],
    ['something behind it', '2026-11-24T07:00:00Z '],
    ['a line end behind it', '2026-11-24T07:00:00Z\n'],
    ['two of them', `${whole}${whole}`],
  ])('%s', (_, text) => {
    expect(isInstant(text)).toBe(false);
  });
});
