// Where Node has no CRC-32 of its own, ours takes its place, and a member must not be refused or let pass for it.
import { crc32 as nodes } from 'node:zlib';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32, crc32ByTable } from '../../src/bundle/table/crc32.ts';

test('the known sum', () => {
  expect(crc32ByTable(Buffer.from('123456789'), 0)).toBe(0xcbf43926);
  expect(crc32(Buffer.from('123456789'), 0)).toBe(0xcbf43926);
  expect(crc32ByTable(Buffer.alloc(0), 0)).toBe(0);
});

test('any bytes, in any pieces', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.uint8Array({ maxLength: 400 }), (a, b) => {
      const wanted = nodes(Buffer.concat([a, b]));
      expect(crc32ByTable(b, crc32ByTable(a, 0))).toBe(wanted);
      expect(crc32(b, crc32(a, 0))).toBe(wanted);
    }),
  );
});
