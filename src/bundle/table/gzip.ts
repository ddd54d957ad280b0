/**
 * Exactly one gzip member (RFC 1952; format section 3, `encoding`). Node's own gunzip takes several members and
 * trailing zeros in silence, so the header is read here, the rest is inflated raw, and header + consumed + trailer
 * must be the body.
 */
import * as zlib from 'node:zlib';
import { TableError } from '../../errors.ts';
import { crc32 } from './crc32.ts';

const TRAILER = 8;
const MAX_HEADER = 64 * 1024;
const [FHCRC, FEXTRA, FNAME, FCOMMENT, RESERVED] = [2, 4, 8, 16, 0xe0];

/**
 * Inflates a body with back-pressure. The caller bounds how much it takes.
 * @throws TableError BAD_GZIP; errors of `body` pass through.
 */
export async function* gunzipOne(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const inflate = zlib.createInflateRaw({ chunkSize: 256 * 1024 });
  const member = new Member();
  let bodyError: Error | undefined;
  let stopped = false;
  let wake: () => void = () => undefined;
  inflate.on('drain', () => wake()).on('close', () => wake());
  const feed = async (): Promise<void> => {
    for await (const piece of body) {
      if (stopped) return;
      const deflated = member.take(piece);
      // After the end of the deflate stream the rest is only counted: it has to be the trailer and nothing else.
      if (inflate.destroyed || deflated.length === 0 || inflate.write(deflated)) continue;
      await new Promise<void>((resolve) => (wake = resolve));
    }
    if (!inflate.destroyed) inflate.end();
  };
  const feeding = feed().catch((error: unknown) => {
    bodyError = error instanceof Error ? error : new Error(String(error));
    inflate.destroy(bodyError);
  });
  let crc = 0;
  let plain = 0;
  try {
    for await (const chunk of inflate as AsyncIterable<Buffer>) {
      crc = crc32(chunk, crc);
      plain += chunk.length;
      yield chunk;
    }
    await feeding;
  } catch (error) {
    if (bodyError === undefined) throw new TableError('BAD_GZIP', `inflate: ${(error as Error).message}`, error);
  } finally {
    stopped = true;
    inflate.destroy();
  }
  if (bodyError !== undefined) throw bodyError;
  member.check(inflate.bytesWritten, crc, plain);
}

/** What of a body is header and what is trailer. */
class Member {
  #head: Uint8Array = new Uint8Array(0);
  #header: number | null = null;
  #length = 0;
  #last: Uint8Array = new Uint8Array(0);

  /** Takes the next piece of the body and gives what of it comes after the header. */
  take(piece: Uint8Array): Uint8Array {
    this.#length += piece.length;
    this.#last = Buffer.concat([this.#last, piece.subarray(-TRAILER)]).subarray(-TRAILER);
    if (this.#header !== null) return piece;
    this.#head = Buffer.concat([this.#head, piece]);
    this.#header = headerLength(this.#head);
    if ((this.#header ?? this.#head.length) > MAX_HEADER)
      throw new TableError('BAD_GZIP', `the gzip header is over ${MAX_HEADER} bytes`);
    return this.#header === null ? new Uint8Array(0) : this.#head.subarray(this.#header);
  }

  /** @param consumed bytes of deflate; crc and plain are those of what came out. */
  check(consumed: number, crc: number, plain: number): void {
    if (this.#header === null) throw new TableError('BAD_GZIP', `the body ends within its gzip header`);
    const member = this.#header + consumed + TRAILER;
    if (member !== this.#length) {
      throw new TableError('BAD_GZIP', `the gzip member has ${member} bytes, the body ${this.#length}`);
    }
    const trailer = new DataView(this.#last.buffer, this.#last.byteOffset, TRAILER);
    if (trailer.getUint32(0, true) !== crc) throw new TableError('BAD_GZIP', 'the CRC is not that of the data');
    if (trailer.getUint32(4, true) !== plain % 2 ** 32)
      throw new TableError('BAD_GZIP', 'ISIZE is not the length of the data');
  }
}

/** The length of a gzip header, or null while it is not whole. */
function headerLength(bytes: Uint8Array): number | null {
  if (bytes.length < 10) return null;
  const flags = bytes[3] ?? 0;
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b || bytes[2] !== 8) throw new TableError('BAD_GZIP', 'not a gzip header');
  if ((flags & RESERVED) !== 0) throw new TableError('BAD_GZIP', `reserved gzip flags are set (${flags})`);
  let at = 10;
  if ((flags & FEXTRA) !== 0) at += 2 + (bytes[at] ?? 0) + (bytes[at + 1] ?? 0) * 256;
  for (const text of [FNAME, FCOMMENT]) {
    if ((flags & text) === 0) continue;
    const end = at < bytes.length ? bytes.indexOf(0, at) : -1;
    if (end < 0) return null;
    at = end + 1;
  }
  if ((flags & FHCRC) !== 0) {
    if (bytes.length < at + 2) return null;
    const wanted = (bytes[at] ?? 0) + (bytes[at + 1] ?? 0) * 256;
    if ((crc32(bytes.subarray(0, at), 0) & 0xffff) !== wanted)
      throw new TableError('BAD_GZIP', 'the header CRC is wrong');
    at += 2;
  }
  return at <= bytes.length ? at : null;
}
