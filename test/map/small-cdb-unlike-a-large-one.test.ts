// The table of case folding is a cdb as every other is: each of its rows is found, by the reader of the maps and by
// the plugin of Haraka, and nothing else.
// Covers src/gateway/maps/folding-table.ts, src/map/cdb-form.ts
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { foldCase, foldings } from '../../src/bundle/address/case-folding.ts';
import { CdbReader } from '../../src/map/cdb-reader.ts';
import { smallCdb } from '../../src/map/small-cdb.ts';

const { Cdb } = createRequire(import.meta.url)('../../packaging/haraka/cdb.js') as {
  Cdb: new (file: string) => { get(key: string): string | null };
};

const table = Buffer.from(smallCdb(foldings().map(([from, to]) => [Buffer.from(from), Buffer.from(to)] as const)));

test('every character that folds beyond ASCII has a row with what it folds to', () => {
  const reader = new CdbReader((position, length) => table.subarray(position, position + length), table.length);
  expect(foldings()).toHaveLength(1504);
  for (const [from, to] of foldings()) {
    expect(foldCase(from)).toBe(to);
    expect(Buffer.from(reader.get(Buffer.from(from)) ?? '').toString()).toBe(to);
  }
  expect(reader.get(Buffer.from('ü'))).toBeNull();
});

test("the plugin's reader sees another file in its place, and knows a damaged one from an absent key", () => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-cdb-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const file = path.join(dir, 'map.cdb');
  const put = (bytes: Uint8Array) => {
    writeFileSync(`${file}.new`, bytes);
    renameSync(`${file}.new`, file);
  };
  const map = new Cdb(file);
  expect(() => map.get('a')).toThrow(/ENOENT/);
  put(smallCdb([[Buffer.from('a'), Buffer.from('1')]]));
  expect([map.get('a'), map.get('b')]).toEqual(['1', null]);
  put(smallCdb([[Buffer.from('b'), Buffer.from('2')]]));
  expect([map.get('a'), map.get('b')]).toEqual([null, '2']);
  put(smallCdb([]));
  expect(map.get('a')).toBeNull();
  put(Buffer.alloc(2048));
  expect(() => map.get('a')).toThrow(/damaged/);
  put(Buffer.alloc(100));
  expect(() => map.get('a')).toThrow(/cut short/);
  rmSync(file);
  expect(() => map.get('a')).toThrow(/ENOENT/);
});
