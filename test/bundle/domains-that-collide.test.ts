// Domains chosen so that they have one hash: counted in steps, not in time, they cost hardly more than others
// (docs/commands.md 2.3).
import { afterEach, describe, expect, test } from 'vitest';
import { DomainSet } from '../../src/bundle/table/domain-set.ts';
import {
  fastHash,
  hashed,
  hashStart,
  mixed,
  MOST_STEPS,
  seedHashes,
  strongHash,
} from '../../src/bundle/table/seeded-hash.ts';
import { TableChecker } from '../../src/bundle/table/table.ts';
import { cut } from '../../src/bundle/table/rows.ts';
import { KnownDomains } from '../../src/publisher/gather/known-domains.ts';
import { colliding, fnv, words } from '../support/colliding.ts';

afterEach(() => seedHashes(new Uint32Array(2)));

/** Of somebody who knows the seed of the fast hash: the worst that can be. */
const HOSTILE = colliding(words(hashStart(), mixed), 11, '', '.example');
/** The same for the central side's. */
const CENTRAL = colliding(fnv(hashStart()), 11, '', '.example');
const COUNT = 2048;
const fastOf = (name: string) => fastHash(Buffer.from(name), 0, name.length);

function setOf(names: readonly string[]): DomainSet {
  const set = new DomainSet();
  for (const [i, name] of names.entries()) set.add(Buffer.from(name), 0, name.length, i + 1);
  return set;
}

test('they are told apart, in few steps each, also when they are looked for', () => {
  const names = HOSTILE;
  expect([names.length, new Set(names.map(fastOf)).size]).toEqual([COUNT, 1]);
  const set = setOf(names);
  expect(set.size).toBe(COUNT);
  expect(set.steps).toBeLessThan(COUNT * 16);
  expect(set.steps).toBeGreaterThan(COUNT);
  set.steps = 0;
  expect(names.every((name, id) => set.find(Buffer.from(name), 0, name.length) === id)).toBe(true);
  expect(set.find(Buffer.from('absent.example'), 0, 14)).toBe(-1);
  expect(set.steps).toBeLessThan(COUNT * 8);
  expect(set.steps).toBeGreaterThanOrEqual(COUNT);
  expect(setOf(names.slice(1)).missingIn(set)).toBe(0);
  expect(set.missingIn(setOf(names.slice(1)))).toBe(1);
});

test('a run of slots that an absent one would walk through ends the fast hash as well', () => {
  // Each in its own slot, side by side: none is moved, and whoever looks for another at the beginning meets them all.
  const wanted = new Map<number, string>();
  for (let i = 0; wanted.size < 400; i++) {
    const at = fastOf(`d${i}.example`) & 1023;
    if (at < 400 && !wanted.has(at)) wanted.set(at, `d${i}.example`);
  }
  const set = setOf([...wanted.values()]);
  let absent = 0;
  set.steps = 0;
  for (let i = 0; absent < 200; i++) {
    const name = `x${i}.example`;
    if ((fastOf(name) & 1023) > 4) continue;
    absent++;
    expect(set.find(Buffer.from(name), 0, name.length)).toBe(-1);
  }
  expect(set.steps).toBeLessThan(200 * 16);
  expect([...wanted.values()].every((name, id) => set.find(Buffer.from(name), 0, name.length) === id)).toBe(true);
});

describe('steps, counted by a model of the index', () => {
  const strongOf = (name: string) => strongHash(Buffer.from(name), 0, name.length);
  /** Puts the names into an index of so many slots. @returns the steps of each. */
  const placed = (names: readonly string[], slots: number, hash: (name: string) => number): number[] => {
    const taken = new Set<number>();
    return names.map((name) => {
      let [at, steps] = [hash(name) & (slots - 1), 1];
      for (; taken.has(at); at = (at + 1) & (slots - 1)) steps++;
      taken.add(at);
      return steps;
    });
  };
  const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

  test('as many of one hash as may be: looked for, then placed; one more, and all are placed anew', () => {
    const most = HOSTILE.slice(0, MOST_STEPS);
    expect(setOf(most).steps).toBe(MOST_STEPS * (MOST_STEPS + 1));
    const more = HOSTILE.slice(0, MOST_STEPS + 1);
    const anew = sum(placed(more, 1024, strongOf));
    expect(setOf(more).steps).toBe((MOST_STEPS + 1) * (MOST_STEPS + 2) + anew);
  });

  test('an index that is half full is made twice as large, and all are placed anew', () => {
    const names = Array.from({ length: 513 }, (_, i) => `d${i}.example`);
    const before = placed(names.slice(0, 512), 1024, fastOf);
    expect(Math.max(...before)).toBeLessThanOrEqual(MOST_STEPS);
    expect(setOf(names.slice(0, 512)).steps).toBe(2 * sum(before));
    const found = placed(names, 1024, fastOf).at(-1) ?? 0;
    expect(setOf(names).steps).toBe(2 * sum(before) + found + sum(placed(names, 2048, fastOf)));
  });

  test.each([
    [MOST_STEPS, MOST_STEPS + 1],
    [MOST_STEPS + 1, Infinity],
  ])('an absent one at the beginning of a run of %i: %i steps, or the fast hash ends', (length, steps) => {
    const wanted = new Map<number, string>();
    for (let i = 0; wanted.size < length; i++) {
      const at = fastOf(`d${i}.example`) & 1023;
      if (at < length && !wanted.has(at)) wanted.set(at, `d${i}.example`);
    }
    const names = [...wanted.values()];
    const set = setOf(names);
    let absent = 'x.example';
    for (let i = 0; (fastOf(absent) & 1023) !== 0; i++) absent = `x${i}.example`;
    const look = () => {
      set.steps = 0;
      expect(set.find(Buffer.from(absent), 0, absent.length)).toBe(-1);
      return set.steps;
    };
    if (steps === Infinity) {
      const anew = sum(placed(names, 1024, strongOf));
      const found = placed([...names, absent], 1024, strongOf).at(-1) ?? 0;
      expect([look(), look()]).toEqual([length + anew + found, found]);
    } else expect([look(), look()]).toEqual([steps, steps]);
  });
});

test('whoever does not know the seed has them collide in vain', () => {
  const names = HOSTILE;
  seedHashes(Uint32Array.of(0x12345678, 0x9abcdef0));
  expect(new Set(names.map(fastOf)).size).toBeGreaterThan(1000);
  expect(hashStart()).not.toBe(0x811c9dc5 | 0);
});

test('a table of them is checked in few steps', () => {
  const names = HOSTILE;
  const rows = names.map((name) => `a@${name}`).sort();
  const checker = new TableChecker();
  checker.push(cut(Buffer.from(rows.map((row) => `${row}\n`).join(''))));
  expect([checker.fault, checker.domains.size]).toEqual([null, COUNT]);
  expect(checker.domains.steps).toBeLessThan(COUNT * 24);
});

test('the central side knows them again in few steps', () => {
  const names = CENTRAL;
  const known = new KnownDomains();
  const hash = (name: string) => [...Buffer.from(name)].reduce(hashed, hashStart());
  for (const name of [...names, ...names]) {
    const bytes = Buffer.from(name);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (!known.has(view, 0, bytes.length, hash(name))) known.add(bytes, hash(name));
  }
  expect(known.size).toBe(COUNT);
  expect(known.steps).toBeLessThan(COUNT * 32);
  expect(Array.from(known.names(), (name) => Buffer.from(name).toString())).toEqual(names);
});

describe('the strong hash', () => {
  // The first of the reference implementation's vectors (github.com/veorq/SipHash, vectors_hsip32): key 00 .. 07,
  // input 00, 01, 02, ...
  test.each([
    [0, 'a9359f5b'],
    [1, '27475ab8'],
    [2, 'fa62a603'],
    [3, '8afee704'],
  ])('is HalfSipHash-2-4: of %i bytes', (length, expected) => {
    seedHashes(Uint32Array.of(0x03020100, 0x07060504));
    const out = Buffer.alloc(4);
    out.writeInt32LE(
      strongHash(
        Uint8Array.from({ length }, (_, i) => i),
        0,
        length,
      ),
    );
    expect(out.toString('hex')).toBe(expected);
  });

  test('hangs on the bytes and not on where they are', () => {
    const bytes = Buffer.from('..example.org..');
    expect(strongHash(bytes, 2, 13)).toBe(strongHash(Buffer.from('example.org'), 0, 11));
    expect(strongHash(bytes, 2, 13)).not.toBe(strongHash(bytes, 2, 12));
  });
});
