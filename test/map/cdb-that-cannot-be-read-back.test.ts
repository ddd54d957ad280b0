// The cdb writer and its suspicious reader: what is written is found, what is damaged is said to be, and nothing
// loops or crashes.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RowCollector } from '../../src/bundle/table/rows.ts';
import { CompileError } from '../../src/errors.ts';
import { CdbReader } from '../../src/map/cdb-reader.ts';
import { CdbWriter } from '../../src/map/cdb-writer.ts';

function written(keys: readonly string[], value = 'OK'): Buffer {
  const parts: Buffer[] = [];
  let header: Uint8Array = Buffer.alloc(0);
  const writer = new CdbWriter(
    { append: (bytes) => parts.push(Buffer.from(bytes)), writeAt: (bytes) => (header = Uint8Array.from(bytes)) },
    Buffer.from(value),
    4,
  );
  const rows = new RowCollector();
  for (const key of keys) {
    const bytes = Buffer.from(key);
    rows.add(bytes, 0, bytes.length);
  }
  writer.add(rows.rest());
  writer.finish();
  const file = Buffer.concat(parts);
  Buffer.from(header).copy(file);
  return file;
}

const reader = (file: Buffer): CdbReader =>
  new CdbReader((position, length) => file.subarray(position, position + length), file.length);
const get = (file: Buffer, key: string): string | null => {
  const value = reader(file).get(Buffer.from(key));
  return value === null ? null : Buffer.from(value).toString();
};

const key = fc.string({ minLength: 1, maxLength: 40, unit: 'binary' });

test('every key is found with its value, a stranger is not, and the count is right', () => {
  fc.assert(
    fc.property(fc.uniqueArray(key, { maxLength: 200 }), key, (keys, stranger) => {
      const file = written(keys);
      for (const each of keys) expect(get(file, each)).toBe('OK');
      expect(get(file, stranger)).toBe(keys.includes(stranger) ? 'OK' : null);
      expect(reader(file).count()).toBe(keys.length);
    }),
  );
});

test('2048 zero bytes are no cdb, though Postfix would take them for an empty one', () => {
  expect(() => reader(Buffer.alloc(2048)).count()).toThrow(CompileError);
});

test('a file cut anywhere is found out by its count', () => {
  const file = written(Array.from({ length: 50 }, (_, i) => `user${i}@example.org`));
  for (let length = 0; length < file.length; length += 13) {
    expect(() => reader(file.subarray(0, length)).count(), String(length)).toThrow(CompileError);
  }
});

test('nothing is read from behind the end, whatever lies there', () => {
  const file = written(Array.from({ length: 50 }, (_, i) => `user${i}@example.org`));
  for (const size of [1, 2047, 2048, 3000, file.length - 1]) {
    const cut = () =>
      new CdbReader((position, length) => {
        expect(position + length).toBeLessThanOrEqual(size);
        return file.subarray(position, position + length);
      }, size);
    for (let i = 0; i < 50; i++) {
      const look = () => cut().get(Buffer.from(`user${i}@example.org`));
      if (size < 3000) expect(look).toThrow(CompileError);
      else
        try {
          look();
        } catch (error) {
          expect(error).toBeInstanceOf(CompileError);
        }
    }
  }
});

test('whatever is overwritten, a look-up ends: with an answer or with READBACK_FAILED', () => {
  const keys = Array.from({ length: 50 }, (_, i) => `user${i}@example.org`);
  const file = written(keys);
  fc.assert(
    fc.property(fc.nat(file.length - 5), fc.integer({ min: 0, max: 2 ** 32 - 1 }), (at, word) => {
      const damaged = Buffer.from(file);
      damaged.writeUInt32LE(word, at);
      for (const each of [...keys, 'nobody@example.org']) {
        try {
          get(damaged, each);
        } catch (error) {
          expect(error).toBeInstanceOf(CompileError);
        }
      }
    }),
  );
});

describe('keys whose hashes are the same', () => {
  const hashOf = (text: string) => [...Buffer.from(text)].reduce((h, c) => (((h << 5) + h) ^ c) >>> 0, 5381);
  const letters = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i));
  const pairs = letters.flatMap((a) => letters.map((b) => a + b));

  test('are told apart', () => {
    const byHash = new Map(pairs.map((key) => [hashOf(key), key]));
    const one = pairs.find((key) => byHash.get(hashOf(key)) !== key);
    const two = one === undefined ? undefined : byHash.get(hashOf(one));
    if (one === undefined || two === undefined) throw new Error('no such pair');
    expect([get(written([one]), two), get(written([one]), one)]).toEqual([null, 'OK']);
    expect([one, two].map((key) => get(written([one, two]), key))).toEqual(['OK', 'OK']);
  });

  test('stand behind one another, over the end of their table', () => {
    // With two keys a table has four slots: both begin at the last one.
    const last = pairs.filter((key) => (hashOf(key) & 255) === 7 && (hashOf(key) >>> 8) % 4 === 3).slice(0, 2);
    expect(last.length).toBe(2);
    expect(last.map((key) => get(written(last), key))).toEqual(['OK', 'OK']);
  });
});

describe('damage is told by its place', () => {
  const keys = ['a@x.org', 'bc@x.org', 'd@x.org'];
  const file = written(keys);
  const size = file.length;
  /** The file with these words in place of others. */
  const changed = (...words: [at: number, word: number][]) => {
    const bytes = Buffer.from(file);
    for (const [at, word] of words) bytes.writeUInt32LE(word, at);
    return bytes;
  };
  const tables = file.readUInt32LE(0);
  const listed = (bytes: Buffer) => [...reader(bytes).records()].map(({ key }) => Buffer.from(key).toString());

  test('and without any, all is there', () => {
    expect(listed(file)).toEqual(keys);
    expect(tables).toBe(2048 + keys.join('').length + keys.length * 10);
    expect(size).toBe(tables + keys.length * 16);
    // Each record is listed, and so is one without any byte in its value.
    expect(listed(written(keys, ''))).toEqual(keys);
    expect(listed(written([]))).toEqual([]);
  });

  test.each<[string, Buffer, string]>([
    ['a byte short of its header', file.subarray(0, 2047), '2048 bytes at 0 are not in a file of 2047'],
    ['tables that begin in the header', changed([0, 2047]), 'the first hash table is at 2047'],
    ['a table elsewhere', changed([56, tables + 1]), `hash table 7 is at ${tables + 1}, expected at ${tables}`],
    [
      'a byte behind the tables',
      Buffer.concat([file, Buffer.alloc(1)]),
      `it has ${size + 1} bytes, by its hash tables`,
    ],
    ['a byte less of them', file.subarray(0, -1), `it has ${size - 1} bytes, by its hash tables ${size}`],
  ])('%s', (_, bytes, message) => {
    const count = () => reader(bytes).count();
    expect(count).toThrow(`the cdb is damaged: ${message}`);
    expect(count).toThrow(expect.objectContaining({ name: 'CompileError', code: 'READBACK_FAILED' }));
    expect(() => listed(bytes)).toThrow(message);
  });

  test('a record that runs into the tables', () => {
    const at = tables - 17;
    expect(() => listed(changed([at + 4, 3]))).toThrow(`the record at ${at} runs into the hash tables at ${tables}`);
  });

  test('a record that swallows the next one', () => {
    // The value of the first is now as long as it was and all of the second.
    expect(() => listed(changed([2052, 2 + 18]))).toThrow('it has 2 records, by its hash tables 3');
  });

  test('a look-up that is led out of the file', () => {
    const slot = Array.from({ length: 6 }, (_, i) => tables + i * 8).filter((at) => file.readUInt32LE(at + 4) === 2048);
    const bytes = changed([(slot[0] ?? 0) + 4, size - 7]);
    expect(() => get(bytes, 'a@x.org')).toThrow(`8 bytes at ${size - 7} are not in a file of ${size}`);
    expect(get(bytes, 'bc@x.org')).toBe('OK');
  });

  test('a table full of records of others ends a look-up all the same', () => {
    const table = file.readUInt32LE(56) === 0 ? 0 : tables;
    const bytes = Buffer.from(file);
    for (let at = table; at < size; at += 8)
      bytes.writeUInt32LE(bytes.readUInt32LE(at + 4) === 0 ? 2048 : bytes.readUInt32LE(at + 4), at + 4);
    expect(keys.map((key) => get(bytes, key))).toEqual(['OK', 'OK', 'OK']);
    expect(get(bytes, 'nobody@x.org')).toBeNull();
  });

  test('a reader that gives fewer bytes than it was asked for', () => {
    const short = new CdbReader((at, length) => file.subarray(at, at + (at === 0 ? length : length - 1)), size);
    expect(() => short.get(Buffer.from('a@x.org'))).toThrow('are not in a file of');
  });
});
