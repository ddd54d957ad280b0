// Exactly one gzip member, whole and right: Node's own gunzip would take several, and zeros behind them.
import { createHash } from 'node:crypto';
import { crc32, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { gunzipOne } from '../../src/bundle/table/gzip.ts';
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

const refused = (bytes: Uint8Array, size = 100, message = /./) =>
  expect(unpacked(pieces(bytes, size))).rejects.toMatchObject({
    name: 'TableError',
    code: 'BAD_GZIP',
    message: expect.stringMatching(message),
  });

test.each([1, 2, 3, 9, 10, 11, 17, 1000, 100_000])('one member in pieces of %i bytes', async (size) => {
  expect(await unpacked(pieces(GOOD, size))).toEqual(TEXT);
});

test('a body that has to wait, for more than is inflated at once', async () => {
  const noise = Buffer.concat(Array.from({ length: 6000 }, (_, i) => createHash('sha256').update(String(i)).digest()));
  expect(await unpacked(pieces(gzipSync(noise), 40_000))).toEqual(noise);
});

/** A header with every optional part, and its own CRC. @param extra bytes of the extra field */
function longHeader(flags: number, extra = 3): Buffer {
  const parts = [Buffer.from([0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3])];
  if ((flags & 4) !== 0) parts.push(Buffer.from([extra & 255, extra >> 8]), Buffer.alloc(extra, 1));
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

test('an extra field of more than 255 bytes', async () => {
  expect(await unpacked(pieces(Buffer.concat([longHeader(4, 700), GOOD.subarray(10)]), 100))).toEqual(TEXT);
});

test('a header of 64 KiB is the longest', async () => {
  const most = 64 * 1024;
  const named = (length: number) => Buffer.concat([longHeader(8), Buffer.alloc(length, 0x61), Buffer.alloc(1)]);
  const header = (length: number) => {
    const head = named(length - longHeader(8).length - 1);
    head.fill(0x61, 10, head.length - 1); // one name
    return head;
  };
  for (const size of [most, 1000]) {
    expect(await unpacked(pieces(Buffer.concat([header(most), GOOD.subarray(10)]), size))).toEqual(TEXT);
    await refused(Buffer.concat([header(most + 1), GOOD.subarray(10)]), size, /^the gzip header is over 65536 bytes$/);
  }
});

describe('BAD_GZIP', () => {
  const changed = (at: number): Buffer => {
    const bytes = Buffer.from(GOOD);
    const place = at < 0 ? bytes.length + at : at;
    bytes[place] = (bytes[place] ?? 0) ^ 0xff;
    return bytes;
  };
  const longer = new RegExp(`^the gzip member has ${GOOD.length} bytes, the body [0-9]+$`);
  const twice = new RegExp(`^the gzip member has ${GOOD.length} bytes, the body ${2 * GOOD.length}$`);
  const within = /^inflate: unexpected end of file$/;
  test.each<[string, Uint8Array, RegExp]>([
    ['two members', Buffer.concat([GOOD, GOOD]), twice],
    ['an empty second member', Buffer.concat([GOOD, gzipSync('')]), longer],
    ['a zero behind it', Buffer.concat([GOOD, Buffer.alloc(1)]), longer],
    ['many zeros behind it', Buffer.concat([GOOD, Buffer.alloc(1000)]), longer],
    ['a wrong CRC', changed(-8), /^the CRC is not that of the data$/],
    ['a wrong ISIZE', changed(-1), /^ISIZE is not the length of the data$/],
    ['another magic number', changed(0), /^not a gzip header$/],
    ['another second byte', changed(1), /^not a gzip header$/],
    ['another method', changed(2), /^not a gzip header$/],
    [
      'a deflate stream that is none',
      Buffer.concat([GOOD.subarray(0, 10), Buffer.alloc(50, 0xff)]),
      /^inflate: invalid/,
    ],
    ['reserved flags', Buffer.concat([longHeader(0x20), GOOD.subarray(10)]), /^reserved gzip flags are set \(32\)$/],
    [
      'a header with a wrong CRC of its own',
      Buffer.concat([longHeader(2).subarray(0, 10), Buffer.alloc(2), GOOD.subarray(10)]),
      /^the header CRC is wrong$/,
    ],
    [
      'a name that never ends',
      Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3]), Buffer.alloc(100_000, 0x61)]),
      /^the gzip header is over 65536 bytes$/,
    ],
    ['nothing at all', Buffer.alloc(0), within],
    ['a part of a header', GOOD.subarray(0, 9), within],
    ['a header and nothing else', GOOD.subarray(0, 10), /^inflate: unexpected end of file$/],
  ])('%s', async (_, bytes, message) => {
    await refused(bytes, 100, message);
    await refused(bytes, 100_000, message);
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
