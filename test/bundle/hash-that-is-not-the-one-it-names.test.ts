// The seeded hashes are the ones that they are named after, wherever the key lies in its block.
import * as fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import {
  fastHash,
  fastHashIn,
  hashed,
  hashStart,
  mixed,
  seedHashes,
  strongHash,
} from '../../src/bundle/table/seeded-hash.ts';

afterAll(() => seedHashes(new Uint32Array(2)));

// HalfSipHash-2-4 of 0, 1, 2 ... under the key 0 to 7, from the authors' test vectors (veorq/SipHash, vectors.h).
const VECTORS = ['a9359f5b', '27475ab8', 'fa62a603', '8afee704', '2a6e4689'];

test.each(VECTORS)('HalfSipHash-2-4 of %#: the vector %s', (vector) => {
  seedHashes(Uint32Array.of(0x03020100, 0x07060504));
  const length = VECTORS.indexOf(vector);
  const out = Buffer.alloc(4);
  out.writeInt32LE(
    strongHash(
      Uint8Array.from({ length }, (_, i) => i),
      0,
      length,
    ),
  );
  expect(out.toString('hex')).toBe(vector);
});

/** The same from its paper, word by word in numbers without a sign. */
function halfSip(key: readonly [number, number], bytes: Uint8Array): number {
  const word = (n: bigint) => n & 0xffffffffn;
  const left = (n: bigint, by: bigint) => word((n << by) | (n >> (32n - by)));
  const [k0, k1] = [BigInt(key[0]), BigInt(key[1])];
  let [a, b, c, d] = [k0, k1, 0x6c796765n ^ k0, 0x74656462n ^ k1];
  const round = () => {
    [a, b] = [word(a + b), left(b, 5n)];
    [b, a] = [b ^ a, left(a, 16n)];
    [c, d] = [word(c + d), left(d, 8n)];
    d ^= c;
    [a, d] = [word(a + d), left(d, 7n)];
    d ^= a;
    [c, b] = [word(c + b), left(b, 13n)];
    [b, c] = [b ^ c, left(c, 16n)];
  };
  const padded = Buffer.concat([bytes, Buffer.alloc(3 - (bytes.length & 3)), Buffer.from([bytes.length & 0xff])]);
  for (let i = 0; i < padded.length; i += 4) {
    const m = BigInt(padded.readUInt32LE(i));
    d ^= m;
    round();
    round();
    a ^= m;
  }
  c ^= 0xffn;
  for (let i = 0; i < 4; i++) round();
  return Number(word(b ^ d)) | 0;
}

const uint32 = fc.integer({ min: 0, max: 0xffffffff });
const key = fc.tuple(uint32, uint32);

test('HalfSipHash-2-4 of any key, anywhere in a block', () => {
  fc.assert(
    fc.property(key, fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 9 }), (seed, bytes, before) => {
      seedHashes(Uint32Array.from(seed));
      const block = Buffer.concat([before, bytes, Buffer.from([1, 2, 3])]);
      expect(strongHash(block, before.length, before.length + bytes.length)).toBe(halfSip(seed, bytes));
    }),
  );
});

test('FNV-1a from a start that both words of the seed decide', () => {
  seedHashes(Uint32Array.of(0, 0));
  expect(hashStart()).toBe(0x811c9dc5 | 0);
  // FNV-1a of `a` and `foobar`, as its authors give them.
  const fnv = (text: string) => Buffer.from(text).reduce(hashed, hashStart()) >>> 0;
  expect([fnv('a'), fnv('foobar')]).toEqual([0xe40c292c, 0xbf9cf968]);
  seedHashes(Uint32Array.of(1, 2));
  expect(hashStart()).toBe((0x811c9dc4 + 2 * 0x9e3779b1) | 0);
});

test('the fast hash is the same of bytes and of their view, wherever they lie, and of each length', () => {
  seedHashes(Uint32Array.of(0, 0));
  const text = Buffer.from('foobarfoo.example');
  const seen = new Set<number>();
  for (let length = 0; length <= text.length; length++) {
    const wanted = fastHash(text, 0, length);
    seen.add(wanted);
    for (let before = 0; before < 4; before++) {
      const block = Buffer.concat([Buffer.alloc(before, 'x'), text.subarray(0, length), Buffer.from('yyy')]);
      const view = new DataView(block.buffer, block.byteOffset, block.length);
      expect(fastHash(block, before, before + length)).toBe(wanted);
      expect(fastHashIn(view, before, before + length)).toBe(wanted);
    }
  }
  expect(seen.size).toBe(text.length + 1);
  // A word of four bytes, and one byte behind it.
  const word = Buffer.from('foob').readInt32LE();
  expect(fastHash(text, 0, 5)).toBe(mixed(mixed(hashStart(), word), 0x61));
});
