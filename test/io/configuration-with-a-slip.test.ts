// Reading TOML: whatever is wrong is CONFIG, with file, key and rule, or the line; an unknown key names the nearest.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod/mini';
import {
  checkConfig,
  duration,
  flag,
  list,
  percent,
  readConfigFile,
  size,
  text,
  whole,
} from '../../src/io/config-file.ts';
import { nearest } from '../../src/io/nearest.ts';

const Schema = z.strictObject({
  name: text(),
  count: z._default(whole(1, 9), 5),
  part: z._default(percent(), 20),
  wait: z.prefault(duration(), '30s'),
  room: z.optional(size()),
  on: z._default(flag(), true),
  names: z._default(list(text()), []),
  limits: z.prefault(z.strictObject({ max_rows: z._default(whole(1, 100), 7) }), {}),
  bundle: z._default(
    list(z.strictObject({ domains: text(), inner: z.optional(z.strictObject({ ring: flag() })) })),
    [],
  ),
});

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-config-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

function read(toml: string | Uint8Array) {
  const file = path.join(dir, 'test.toml');
  writeFileSync(file, toml);
  return readConfigFile(file, Schema);
}
function refusal(toml: string | Uint8Array): string {
  try {
    read(toml);
  } catch (error) {
    expect(error).toMatchObject({ name: 'HostError', code: 'CONFIG' });
    const { message } = error as Error;
    expect(message).toContain(path.join(dir, 'test.toml'));
    return message.replace(path.join(dir, 'test.toml'), 'F');
  }
  throw new Error('was taken');
}

test('values and defaults', () => {
  expect(read('name = "x"')).toMatchObject({
    count: 5,
    part: 20,
    wait: 30_000,
    on: true,
    names: [],
    limits: { max_rows: 7 },
  });
  expect(read('\ufeffname = "x"\r\nroom = "64MiB"')).toMatchObject({ room: 64 * 1024 ** 2 });
});

describe('refused', () => {
  test.each<[string, string, string | RegExp]>([
    ['a missing key', '', 'F: name is missing'],
    ['text of another kind', 'name = 5', 'F: name must be text'],
    ['empty text', 'name = ""', 'F: name must not be empty'],
    ['a number too large', 'name = "x"\ncount = 10', 'F: count must be a whole number from 1 to 9'],
    ['a number too small', 'name = "x"\ncount = 0', 'F: count must be a whole number from 1 to 9'],
    ['half a number', 'name = "x"\ncount = 1.5', 'F: count must be a whole number from 1 to 9'],
    ['a number as text', 'name = "x"\ncount = "5"', 'F: count must be a whole number from 1 to 9'],
    ['infinity', 'name = "x"\ncount = inf', 'F: count must be a whole number from 1 to 9'],
    ['a percentage of 101', 'name = "x"\npart = 101', 'F: part must be a whole number from 0 to 100'],
    ['a flag as text', 'name = "x"\non = "yes"', 'F: on must be true or false'],
    ['one name for a list', 'name = "x"\nnames = "a"', 'F: names must be a list, [ ... ]'],
    ['a list with a number', 'name = "x"\nnames = ["a", 1]', 'F: names.1 must be text'],
    ['a table for a list of tables', 'name = "x"\n[bundle]\ndomains = "x"', 'F: bundle must be a list, [ ... ]'],
    ['a value for a table', 'name = "x"\nlimits = 5', /^F: limits /],
    ['deep inside', 'name = "x"\n[limits]\nmax_rows = 0', 'F: limits.max_rows must be a whole number from 1 to 100'],
    ['in a list', 'name = "x"\n[[bundle]]\ndomains = "x"\n[[bundle]]\n', 'F: bundle.1.domains is missing'],
    ['a time for text', 'name = 2026-11-24', 'F: name must be text'],
  ])('%s', (_, toml, message) => {
    expect(refusal(toml)).toMatch(message);
    if (typeof message === 'string') expect(refusal(toml)).toBe(message);
  });
});

describe('an unknown key', () => {
  test.each<[string, string, string]>([
    ['at the top', 'nmae = "x"', 'F: unknown key nmae; did you mean name?'],
    ['in a table', 'name = "x"\n[limits]\nmax_row = 5', 'F: unknown key limits.max_row; did you mean limits.max_rows?'],
    [
      'in a list',
      'name = "x"\n[[bundle]]\ndomains = "x"\ndomain = "y"',
      'F: unknown key bundle.0.domain; did you mean bundle.0.domains?',
    ],
    [
      'in a table of a list',
      'name = "x"\n[[bundle]]\ndomains = "x"\n[bundle.inner]\nrign = true',
      'F: unknown key bundle.0.inner.rign; did you mean bundle.0.inner.ring?',
    ],
    ['a table', 'name = "x"\n[limit]', 'F: unknown key limit; did you mean limits?'],
    ['a list of tables', 'name = "x"\n[[bundles]]', 'F: unknown key bundles; did you mean bundle?'],
    ['that resembles none', 'name = "x"\nfrobnicate = 1', 'F: unknown key frobnicate'],
    ['which an object has anyway', 'name = "x"\nconstructor = 1', 'F: unknown key constructor'],
    ['beside another fault', 'nmae = "x"\ncount = 10', 'F: unknown key nmae; did you mean name?'],
  ])('%s', (_, toml, message) => {
    expect(refusal(toml)).toBe(message);
  });

  test('__proto__ changes nothing', () => {
    expect(() => read('name = "x"\n[__proto__]\nadmin = true')).toThrow(/__proto__/);
    expect(Object.hasOwn(Object.prototype, 'admin')).toBe(false);
  });
});

describe('what is not TOML', () => {
  test.each<[string, string, number]>([
    ['an open bracket', 'name = "x"\n\n[limits', 3],
    ['an open text', 'name = "x', 1],
    ['no value', 'name = "x"\ncount =\n', 2],
    ['a key twice', 'name = "x"\ncount = 1\ncount = 2', 3],
    ['a bare word', 'name = "x"\non = yes', 2],
  ])('%s: the line', (_, toml, line) => {
    expect(refusal(toml)).toMatch(new RegExp(`^F, line ${line}: [^\\n]+$`));
  });

  test('bytes that are no UTF-8', () => {
    expect(refusal(Buffer.from([0x6e, 0xff]))).toMatch(/UTF-8/);
  });
});

test('a file that is not there, a folder', () => {
  const missing = path.join(dir, 'missing.toml');
  expect(() => readConfigFile(missing, Schema)).toThrow(
    expect.objectContaining({ code: 'CONFIG', message: expect.stringContaining(missing) }),
  );
  mkdirSync(path.join(dir, 'folder'));
  expect(() => readConfigFile(path.join(dir, 'folder'), Schema)).toThrow(expect.objectContaining({ code: 'CONFIG' }));
});

describe('quantities', () => {
  const value = <T>(schema: z.ZodMiniType<T>, given: unknown): T | string => {
    try {
      return checkConfig('F', { it: given }, z.strictObject({ it: schema })).it;
    } catch (error) {
      return (error as Error).message;
    }
  };

  test.each([
    ['0s', 0],
    ['30s', 30_000],
    ['5m', 300_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['7 d', 604_800_000],
  ])('%s is %i ms', (given, ms) => {
    expect(value(duration(), given)).toBe(ms);
  });

  test.each([
    ['1B', 1],
    ['1KiB', 1024],
    ['64MiB', 67_108_864],
    ['1GiB', 1_073_741_824],
  ])('%s is %i bytes', (given, bytes) => {
    expect(value(size(), given)).toBe(bytes);
  });

  test.each([
    '30',
    '30 seconds',
    '-1s',
    '1.5h',
    '',
    ' 30s',
    '30s ',
    '1S',
    '1h30m',
    '١s',
    '9'.repeat(13) + 's',
    '1e3s',
    30,
    null,
  ])('%j is no duration', (given) => {
    expect(value(duration(), given)).toMatch(/^F: it must be/);
  });

  test.each(['64', '64MB', '64M', '64mib', '-1B', '1.5GiB', '64  MiB', 64])('%j is no size', (given) => {
    expect(value(size(), given)).toMatch(/^F: it must be/);
  });
});

describe('the nearest known word', () => {
  const known = ['max_rows', 'max_bytes', 'total_timeout', 'idle_timeout', 'ring'];
  test.each([
    ['max_row', 'max_rows'],
    ['maxrows', 'max_rows'],
    ['idle_timout', 'idle_timeout'],
    ['timeout', undefined],
    ['rings', 'ring'],
    ['', undefined],
    ['zzzz', undefined],
  ])('%s: %s', (word, near) => {
    expect(nearest(word, known)).toBe(near);
  });

  test('of none there is none, and a word itself is its nearest', () => {
    expect(nearest('x', [])).toBeUndefined();
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1 }), (words) => {
        expect(nearest(words[0] ?? '', words)).toBe(words[0]);
      }),
    );
  });
});
