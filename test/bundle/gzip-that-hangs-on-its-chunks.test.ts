// How a body happens to be cut on its way must not decide what becomes of it; and what a reader does must not leave
// anything behind.
import { deflateRawSync, gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gunzipOne } from '../../src/bundle/table/gzip.ts';
import { cut } from './blocks.ts';

async function* body(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (const piece of cut(bytes, size)) {
    await Promise.resolve();
    yield piece;
  }
}

async function unpacked(bytes: Uint8Array, size: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of gunzipOne(body(bytes, size))) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** What becomes of it: the text, or the code. */
const fate = (bytes: Uint8Array, size: number): Promise<string> =>
  unpacked(bytes, size).then(
    (plain) => `${plain.length} bytes`,
    (error: unknown) => (error as { code: string }).code,
  );

const plain = Buffer.from(Array.from({ length: 40 }, (_, i) => `user${i}@example.org\n`).join(''));
const good = gzipSync(plain);

test('every size of chunk gives the same', async () => {
  for (let size = 1; size <= good.length; size++) expect(await unpacked(good, size), String(size)).toEqual(plain);
});

test('whatever the text, however it is compressed and cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 400 }),
      fc.integer({ min: 0, max: 9 }),
      fc.integer({ min: 1, max: 60 }),
      async (text, level, size) => {
        expect(await unpacked(gzipSync(text, { level }), size)).toEqual(Buffer.from(text));
      },
    ),
    { numRuns: 200 },
  );
});

test('one flipped bit never gives another text in silence', async () => {
  for (let bit = 0; bit < good.length * 8; bit++) {
    const at = bit >> 3;
    // MTIME, XFL and OS of the header mean nothing here, FTEXT is a hint, and the last byte of deflate is partly
    // padding.
    if ((at >= 4 && at < 10) || bit === 24 || at === good.length - 9) continue;
    const bytes = Buffer.from(good);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
    expect(await fate(bytes, 50), `bit ${bit}`).toBe('BAD_GZIP');
  }
});

describe('refused in one piece and byte by byte', () => {
  test.each<[string, Uint8Array]>([
    ['two members', Buffer.concat([good, good])],
    ['an empty second member', Buffer.concat([good, gzipSync('')])],
    ['an empty first member', Buffer.concat([gzipSync(''), good])],
    ['one zero behind it', Buffer.concat([good, Buffer.alloc(1)])],
    ['eight bytes behind it, that repeat the trailer', Buffer.concat([good, good.subarray(-8)])],
    ['garbage behind it', Buffer.concat([good, Buffer.from('garbage')])],
    ['no trailer', good.subarray(0, -8)],
    ['the header alone', good.subarray(0, 10)],
    ['zlib in place of gzip', Buffer.concat([Buffer.from([0x78, 0x9c]), deflateRawSync(plain)])],
    ['plain text', plain],
  ])('%s', async (_, bytes) => {
    for (const size of [1, 7, bytes.length]) expect(await fate(bytes, size), String(size)).toBe('BAD_GZIP');
  });
});

test('a header of more than 64 KiB, however it is cut', async () => {
  const name = Buffer.concat([Buffer.alloc(70_000, 0x61), Buffer.alloc(1)]);
  const head = Buffer.from(good.subarray(0, 10));
  head[3] = 8;
  const bytes = Buffer.concat([head, name, good.subarray(10)]);
  const fates = await Promise.all([4096, 16_384, 65_536, bytes.length].map((size) => fate(bytes, size)));
  expect(fates).toEqual(fates.map(() => 'BAD_GZIP'));
});

test('a length that the trailer counts modulo 2^32 is still its own', async () => {
  const bytes = Buffer.from(good);
  bytes.writeUInt32LE((plain.length + 1) >>> 0, bytes.length - 4);
  expect(await fate(bytes, 50)).toBe('BAD_GZIP');
});

describe('what a body throws', () => {
  test.each([0, 1, 5, 10, 30, good.length])('after %i bytes passes through as it is', async (after) => {
    const fault = new Error('the line is cut');
    const failing = async function* () {
      yield* body(good.subarray(0, after), 10);
      throw fault;
    };
    const read = async () => {
      for await (const _ of gunzipOne(failing())) void _;
    };
    await expect(read()).rejects.toBe(fault);
  });
});

test('a reader that stops early ends the body, though it waits at a full buffer', async () => {
  let ended = false;
  let given = 0;
  const large = gzipSync(Buffer.alloc(8 * 1024 * 1024, 'user@example.org\n'), { level: 0 });
  const watched = async function* () {
    try {
      for (const piece of cut(large, 64 * 1024)) {
        given += piece.length;
        yield piece;
      }
    } finally {
      ended = true;
    }
  };
  for await (const _ of gunzipOne(watched())) break;
  await expect.poll(() => ended, { timeout: 60_000 }).toBe(true);
  expect(given).toBeLessThan(large.length / 2);
});

test('a slow reader is not run over: the body waits', async () => {
  let given = 0;
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024), { level: 9 });
  const counted = async function* () {
    for (const piece of cut(bomb, 1024)) {
      given += piece.length;
      yield piece;
    }
  };
  const reader = gunzipOne(counted());
  await reader.next();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(given).toBeLessThan(bomb.length / 2);
  await reader.return(undefined);
});
