/**
 * Decodes a source to UTF-8. A byte order mark decides the encoding, else the configuration, else it is UTF-8.
 * Pure.
 */
import { PublishError } from '../../errors.ts';
import { refuseBinary } from './foreign.ts';
import type { Encoding } from './text-options.ts';

const CR = 0x0d;
const LF = 0x0a;
const HEAD = 64 * 1024;

/** A source's first bytes, and all of its bytes. */
export interface Peeked {
  readonly head: Buffer;
  readonly all: AsyncGenerator<Uint8Array>;
}

/**
 * @param chunks each is valid only until the next is requested.
 * @throws PublishError SOURCE for bytes that are invalid in this encoding, line ends of two systems, or NULs.
 */
export async function decode(
  name: string,
  chunks: AsyncIterable<Uint8Array>,
  encoding: Encoding | undefined,
): Promise<Peeked> {
  const raw = await peek(chunks);
  refuseBinary(name, raw.head);
  const decoded = await peek(transcoded(name, raw, encoding));
  const { head } = decoded;
  if (isWide(head))
    throw new PublishError(
      'SOURCE',
      `${name}, line 1: every other byte is zero; if it is UTF-16 say encoding = "utf-16"`,
    );
  return head.includes(CR) && !head.includes(LF) ? { head: mended(head), all: macLines(name, decoded.all) } : decoded;
}

async function peek(chunks: AsyncIterable<Uint8Array>): Promise<Peeked> {
  const iterator = chunks[Symbol.asyncIterator]();
  const parts: Buffer[] = [];
  let [size, isDone] = [0, false];
  while (size < HEAD) {
    const next = await iterator.next();
    if ((isDone = next.done === true)) break;
    const part = Buffer.from(next.value); // a copy
    parts.push(part);
    size += part.length;
  }
  const head = Buffer.concat(parts);
  return { head: head.subarray(0, HEAD), all: rest(head, iterator, isDone) };
}

async function* rest(head: Buffer, iterator: AsyncIterator<Uint8Array>, isDone: boolean): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head;
  if (isDone) return;
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
}

function transcoded(name: string, { head, all }: Peeked, encoding: Encoding | undefined): AsyncGenerator<Uint8Array> {
  const mark = (...bytes: number[]) => bytes.every((byte, i) => head[i] === byte);
  if (mark(0xff, 0xfe)) return decoded(name, all, 'utf-16le');
  if (mark(0xfe, 0xff)) return decoded(name, all, 'utf-16be');
  if (mark(0xef, 0xbb, 0xbf) || encoding === undefined || encoding === 'utf-8') return all;
  if (encoding === 'latin1') return latin1(all);
  // Without a mark it is little-endian, as Windows writes it, unless the zeros of plain letters come first.
  return decoded(name, all, encoding === 'utf-16' ? (head[0] === 0 ? 'utf-16be' : 'utf-16le') : encoding);
}

async function* decoded(name: string, chunks: AsyncIterable<Uint8Array>, label: string): AsyncGenerator<Uint8Array> {
  const decoder = new TextDecoder(label, { fatal: true });
  const text = (chunk?: Uint8Array): Uint8Array => {
    try {
      return Buffer.from(decoder.decode(chunk, { stream: chunk !== undefined }));
    } catch (error) {
      throw new PublishError('SOURCE', `${name} is not ${label.toUpperCase()}`, error);
    }
  };
  for await (const chunk of chunks) yield text(chunk);
  yield text();
}

async function* latin1(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) yield Buffer.from(Buffer.from(chunk).toString('latin1'));
}

/** Old Macs end a line with only a carriage return. */
async function* macLines(name: string, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    if (chunk.includes(LF)) throw new PublishError('SOURCE', `${name} has line ends of two systems: CR alone, and LF`);
    yield mended(chunk);
  }
}

const mended = (bytes: Uint8Array): Buffer => Buffer.from(bytes.map((byte) => (byte === CR ? LF : byte)));

/** In UTF-16 each plain letter has a zero byte. */
function isWide(head: Uint8Array): boolean {
  let zeros = 0;
  for (const byte of head) if (byte === 0) zeros++;
  return zeros * 3 > head.length;
}
