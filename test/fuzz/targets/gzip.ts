// One gzip member (RFC 1952) in whatever pieces it comes, against zlib's own reader.
import { crc32, deflateRawSync, gunzipSync, gzipSync, inflateRawSync } from 'node:zlib';
import { gunzipOne } from '../../../src/bundle/table/gzip.ts';
import { attempt, coming, must, pieces, type Target } from '../target.ts';

const FIELDS = { hcrc: 2, extra: 4, name: 8, comment: 16 };

/** A member with every field that a header may have. */
function member(flags: number, text: string): Buffer {
  const parts = [Buffer.of(0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 255)];
  if (flags & FIELDS.extra) parts.push(Buffer.of(3, 0, 1, 2, 3));
  if (flags & FIELDS.name) parts.push(Buffer.from('name\0'));
  if (flags & FIELDS.comment) parts.push(Buffer.from('comment\0'));
  const word = (n: number) => Buffer.of(n & 255, (n >>> 8) & 255, (n >>> 16) & 255, n >>> 24);
  if (flags & FIELDS.hcrc) parts.push(word(crc32(Buffer.concat(parts))).subarray(0, 2));
  const plain = Buffer.from(text);
  return Buffer.concat([...parts, deflateRawSync(plain), word(crc32(plain)), word(plain.length)]);
}

/** What exactly one member holds; null for anything else. Header by the page, the rest by zlib in one piece. */
function plainly(body: Buffer): Buffer | null {
  if (body.length < 18 || body[0] !== 0x1f || body[1] !== 0x8b || body[2] !== 8) return null;
  const flags = body[3] ?? 0;
  if (flags & 0xe0) return null;
  let at = 10;
  if (flags & FIELDS.extra) at += 2 + (body.length < 12 ? 0 : body.readUInt16LE(10));
  for (const field of [FIELDS.name, FIELDS.comment]) {
    if (!(flags & field)) continue;
    const end = body.indexOf(0, at);
    if (end < 0 || at >= body.length) return null;
    at = end + 1;
  }
  if (flags & FIELDS.hcrc) {
    if (at + 2 > body.length || (crc32(body.subarray(0, at)) & 0xffff) !== body.readUInt16LE(at)) return null;
    at += 2;
  }
  if (at > 64 * 1024 || at + 8 > body.length) return null;
  try {
    const { buffer, engine } = inflateRawSync(body.subarray(at), { info: true }) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    const end = at + engine.bytesWritten;
    if (
      end + 8 !== body.length ||
      crc32(buffer) !== body.readUInt32LE(end) ||
      buffer.length !== body.readUInt32LE(end + 4)
    )
      return null;
    return buffer;
  } catch {
    return null;
  }
}

const LARGEST = 1 << 20;

async function read(all: readonly Uint8Array[]): Promise<Buffer> {
  const found: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of gunzipOne(coming(all))) {
    found.push(Buffer.from(chunk));
    size += chunk.length;
    // As whoever takes a table does: no more than was declared.
    if (size > LARGEST) return Buffer.concat(found);
  }
  return Buffer.concat(found);
}

export const gzip: Target = {
  name: 'gzip',
  form: 'bytes',
  longest: 1024,
  words: ['\x1f\x8b\x08', '\x03\x00', '\x00\x00\xff\xff', '\x01\x00\x00\xff\xff'],
  seeds: () => [
    gzipSync('a@example.org\nb@example.org\n'),
    gzipSync(''),
    member(0, ''),
    member(FIELDS.name, 'a@x.y\n'),
    member(FIELDS.extra | FIELDS.comment, 'a@x.y\n'),
    member(FIELDS.hcrc | FIELDS.extra | FIELDS.name | FIELDS.comment, 'a@x.y\n'),
    Buffer.concat([gzipSync('a'), gzipSync('b')]),
    Buffer.concat([gzipSync('a'), Buffer.alloc(9)]),
    gzipSync(Buffer.alloc(70_000, 'ab'), { level: 9 }),
    gzipSync('no level', { level: 0 }),
    Buffer.concat([
      Buffer.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255),
      deflateRawSync('fixed', { strategy: 4 }),
      Buffer.alloc(8),
    ]),
  ],
  run: async (input) => {
    const wanted = plainly(Buffer.from(input));
    const found = await attempt(() => read([input]));
    const other = await attempt(() => read(pieces(input)));
    if ('refused' in found) {
      must(wanted === null, `a member is refused: ${found.error.message}`);
      must('refused' in other, 'in other pieces it is taken');
      return found.refused;
    }
    if (found.value.length > LARGEST) return 'large';
    must(
      wanted !== null && wanted.equals(found.value),
      'what is no single member is taken, or taken for something else',
    );
    must('value' in other && other.value.equals(found.value), 'in other pieces it is something else');
    must(gunzipSync(input).equals(found.value), 'gunzip makes something else of it');
    return `taken, ${Math.min(2, found.value.length)}`;
  },
};
