// Exactly one gzip member, whole and right: Node's own gunzip would take several, and zeros behind them.
import { crc32, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { gunzipOne } from '../../src/bundle/gzip.ts';
import { TableError } from '../../src/errors.ts';

const TEXT = Buffer.from(Array.from({ length: 400 }, (_, i) => `user${i * 7919}@example.org\n`).join(''));
const GOOD = gzipSync(TEXT);

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function unpacked(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of gunzipOne(body)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const refused = (bytes: Uint8Array, size = 100) =>
  expect(unpacked(pieces(bytes, size))).rejects.toMatchObject({ name: 'TableError', code: 'BAD_GZIP' });

test.each([1, 2, 3, 9, 10, 11, 17, 1000, 100_000])('one member in pieces of %i bytes', async (size) => {
  expect(await unpacked(pieces(GOOD, size))).toEqual(TEXT);
});

/** A header with every optional part, and its own CRC. */
function longHeader(flags: number): Buffer {
  const parts = [Buffer.from([0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3])];
  if ((flags & 4) !== 0) parts.push(Buffer.from([3, 0, 1, 2, 3]));
  if ((flags & 8) !== 0) parts.push(Buffer.from('name\0'));
  if ((flags & 16) !== 0) parts.push(Buffer.from('a comment\0'));
  const head = Buffer.concat(parts);
  const sum = Buffer.alloc(2);
  sum.writeUInt16LE(crc32(head) & 0xffff);
  return (flags & 2) === 0 ? head : Buffer.concat([head, sum]);
}

test.each([4, 8, 16, 2, 4 + 8 + 16 + 2])('a header with the flags %i, byte by byte', async (flags) => {
  expect(await unpacked(pieces(Buffer.concat([longHeader(flags), GOOD.subarray(10)]), 1))).toEqual(TEXT);
});

describe('BAD_GZIP', () => {
  const changed = (at: number): Buffer => {
    const bytes = Buffer.from(GOOD);
    const place = at < 0 ? bytes.length + at : at;
    bytes[place] = (bytes[place] ?? 0) ^ 0xff;
    return bytes;
  };
  test.each<[string, Uint8Array]>([
    ['two members', Buffer.concat([GOOD, GOOD])],
    ['an empty second member', Buffer.concat([GOOD, gzipSync('')])],
    ['a zero behind it', Buffer.concat([GOOD, Buffer.alloc(1)])],
    ['many zeros behind it', Buffer.concat([GOOD, Buffer.alloc(1000)])],
    ['a wrong CRC', changed(-8)],
    ['a wrong ISIZE', changed(-1)],
    ['another magic number', changed(0)],
    ['another method', changed(2)],
    ['reserved flags', Buffer.concat([longHeader(0x20), GOOD.subarray(10)])],
    [
      'a header with a wrong CRC of its own',
      Buffer.concat([longHeader(2).subarray(0, 10), Buffer.alloc(2), GOOD.subarray(10)]),
    ],
    [
      'a name that never ends',
      Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3]), Buffer.alloc(100_000, 0x61)]),
    ],
    ['nothing at all', Buffer.alloc(0)],
  ])('%s', async (_, bytes) => {
    await refused(bytes);
    await refused(bytes, 100_000);
  });

  test('cut after every single byte', async () => {
    for (let length = 0; length < GOOD.length; length++) await refused(GOOD.subarray(0, length), 64);
  });
});

test('an error of the source passes through as it is', async () => {
  const fault = new TableError('LENGTH_MISMATCH', 'the source says so');
  const failing = async function* () {
    yield GOOD.subarray(0, 50);
    await Promise.resolve();
    throw fault;
  };
  await expect(unpacked(failing())).rejects.toBe(fault);
});

test('a reader that stops early lets go of the source', async () => {
  let open = true;
  const endless = async function* () {
    try {
      yield GOOD;
      for (;;) yield Buffer.alloc(1000);
    } finally {
      open = false;
    }
  };
  for await (const _ of gunzipOne(endless())) break;
  await expect.poll(() => open, { timeout: 60_000 }).toBe(false);
});
