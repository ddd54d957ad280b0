// The set of domains against JavaScript's own Set.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { DomainSet } from '../../src/bundle/table/domain-set.ts';
import { fastHash } from '../../src/bundle/table/seeded-hash.ts';
import { sorted } from './blocks.ts';

function setOf(names: readonly string[]): DomainSet {
  const set = new DomainSet();
  for (const [i, name] of names.entries()) {
    const bytes = Buffer.from(`@${name}\n`);
    set.add(bytes, 1, bytes.length - 1, i + 1);
  }
  return set;
}
const nameOf = (set: DomainSet, id: number) => Buffer.from(set.name(id)).toString();
const find = (set: DomainSet, name: string) => set.find(Buffer.from(name), 0, Buffer.byteLength(name));

/** Without control characters, as all domains are. */
const name = fc.string({ unit: 'binary', maxLength: 12 }).map((text) => text.replaceAll(/\p{Cc}/gu, '-'));
const names = fc.array(name, { maxLength: 60 });

test('each name once, in order of appearance, with its first row', () => {
  fc.assert(
    fc.property(names, names, (given, strangers) => {
      const set = setOf(given);
      const distinct = [...new Set(given)];
      expect(set.size).toBe(distinct.length);
      for (const [id, name] of distinct.entries()) {
        expect(nameOf(set, id)).toBe(name);
        expect(find(set, name)).toBe(id);
        expect(set.firstRow(id)).toBe(given.indexOf(name) + 1);
      }
      for (const name of strangers) expect(find(set, name)).toBe(distinct.indexOf(name));
      expect(set.sorted().map((id) => nameOf(set, id))).toEqual(sorted(given));
      const other = setOf(strangers);
      expect(set.missingIn(other)).toBe(distinct.filter((name) => !strangers.includes(name)).length);
    }),
  );
});

test('a name that is added again gets its id again', () => {
  const set = setOf(['a.example', 'b.example']);
  const bytes = Buffer.from('b.examplea.example');
  expect([set.add(bytes, 9, 18, 7), set.add(bytes, 0, 9, 8), set.add(bytes, 0, 9, 9)]).toEqual([0, 1, 1]);
  expect([set.size, set.firstRow(0), set.firstRow(1)]).toEqual([2, 1, 2]);
});

test('three thousand names, over several growths of each part', () => {
  const many = Array.from({ length: 3000 }, (_, i) => `domain${i}.${'x'.repeat(i % 60)}.example`);
  const set = setOf([...many, ...many]);
  expect(set.size).toBe(many.length);
  expect(many.every((name, id) => find(set, name) === id)).toBe(true);
  expect(find(set, 'domain3000.example')).toBe(-1);
});

const has = (set: DomainSet, name: string) => {
  const bytes = Buffer.from(`@${name}`);
  return set.has(bytes, 1, bytes.length, fastHash(bytes, 1, bytes.length));
};

test('what was added is there, whatever it is; what was never added is not', () => {
  const set = setOf([]);
  const names = Array.from({ length: 1000 }, (_, i) => `d${i * 7919}.example`);
  for (const [i, name] of names.entries()) {
    expect(has(set, name)).toBe(false);
    expect(set.add(Buffer.from(name), 0, name.length, i + 1)).toBe(i);
    expect(has(set, name)).toBe(true);
    expect(has(set, `${name}.`)).toBe(false);
  }
  expect(has(set, '')).toBe(false);
  expect(has(setOf(['a.example']), 'a.example')).toBe(true);
  expect(has(setOf([]), '')).toBe(false);
});

test('a fetch ahead changes nothing, also of hashes that are not there', () => {
  const set = setOf(['a.example', 'b.example']);
  const bytes = Buffer.from('b.examplec.example');
  const hashes = Int32Array.of(fastHash(bytes, 0, 9), fastHash(bytes, 9, 18), 0, -1);
  set.fetchAhead(hashes, 4, new Int32Array(4));
  expect([hashes[0], has(set, 'b.example'), has(set, 'c.example'), set.size]).toEqual([hashes[0], true, false, 2]);
});

test('a name that was pushed out of memory gets its id again', () => {
  const set = setOf(Array.from({ length: 1000 }, (_, i) => `d${i}.example`));
  expect(set.add(Buffer.from('d0.example'), 0, 10, 2000)).toBe(0);
  expect([set.size, set.firstRow(0)]).toEqual([1000, 1]);
});

test('a longer name is not taken for the one that it begins with', () => {
  const set = setOf(['x.example']);
  for (let i = 0; i < 5000; i++) {
    expect(find(set, `x.example${i}`)).toBe(-1);
    expect(has(set, `x.example${i}`)).toBe(false);
  }
});
