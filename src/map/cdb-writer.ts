/**
 * Writes a constant database of D. J. Bernstein as Postfix's postmap writes it: records in the order given, keys and
 * values without a trailing NUL. Its hash is given by the format, so whoever signs a list can have all keys collide:
 * what that costs stays near linear. Pure: bytes go to a sink that the caller brings.
 */
import { CompileError } from '../errors.ts';
import type { RowBlock } from '../bundle/table/rows.ts';
import { MAX_CDB } from '../bundle/table/cdb-size.ts';
import { cdbHash, HEADER } from './cdb-form.ts';

const BUFFER = 1024 * 1024;
/** The file is little-endian whatever the host is. */
const BIG_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 0;

/** Takes bytes in order, and at last the header at position 0. */
export interface CdbSink {
  append(bytes: Uint8Array): void;
  writeAt(bytes: Uint8Array, position: number): void;
}

const TABLES = 256;
const NONE = new Uint32Array(0);

/** Writes a cdb in one pass; about 9 bytes of memory a record. */
export class CdbWriter {
  records = 0;
  /** Slots looked at while the hash tables were filled, for the tests. */
  steps = 0;
  readonly #sink: CdbSink;
  readonly #value: Uint8Array;
  readonly #out = Buffer.allocUnsafe(BUFFER);
  #used = HEADER;
  #flushed = 0;
  /** By hash table: hash and position of each of its records, side by side, in their order. */
  readonly #records: Uint32Array[] = Array.from({ length: TABLES }, () => NONE);
  readonly #counts = new Uint32Array(TABLES);
  readonly #room: number;

  /** @param expected records, if known: saves growing. */
  constructor(sink: CdbSink, value: Uint8Array, expected = 1024) {
    this.#sink = sink;
    this.#value = value;
    this.#room = Math.ceil((expected / TABLES) * 1.1) + 16; // they fall evenly, if nobody chose them
    this.#out.fill(0, 0, HEADER); // the header's place
  }

  /** Adds each row of a block as a key. */
  add(block: RowBlock): void {
    const { bytes, starts, count } = block;
    const value = this.#value;
    const out = this.#out;
    const from = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const into = new DataView(out.buffer, out.byteOffset, out.byteLength);
    for (let i = 0; i < count; i++) {
      const start = starts[i] ?? 0;
      const length = (starts[i + 1] ?? 1) - 1 - start;
      const size = 8 + length + value.length;
      if (this.#used + size > BUFFER) this.#flush();
      const position = this.#flushed + this.#used;
      if (position + size > MAX_CDB) throw tooLarge(position + size);
      let used = put32(out, this.#used, length);
      used = put32(out, used, value.length);
      let hash = 5381;
      let at = start;
      for (const end = start + length - 3; at < end; at += 4, used += 4) {
        const four = from.getInt32(at, true);
        into.setInt32(used, four, true);
        hash = ((hash << 5) + hash) ^ (four & 255);
        hash = ((hash << 5) + hash) ^ ((four >>> 8) & 255);
        hash = ((hash << 5) + hash) ^ ((four >>> 16) & 255);
        hash = ((hash << 5) + hash) ^ (four >>> 24);
      }
      for (; at < start + length; at++) {
        const c = bytes[at] ?? 0;
        out[used++] = c;
        hash = ((hash << 5) + hash) ^ c;
      }
      for (let k = 0; k < value.length; k++) out[used++] = value[k] ?? 0;
      this.#note(hash, position);
      this.#used = used;
    }
  }

  /** Adds one record with a value of its own. */
  addPair(key: Uint8Array, value: Uint8Array): void {
    const size = 8 + key.length + value.length;
    if (this.#used + size > BUFFER) this.#flush();
    const position = this.#flushed + this.#used;
    if (position + size > MAX_CDB) throw tooLarge(position + size);
    const used = put32(this.#out, put32(this.#out, this.#used, key.length), value.length);
    this.#out.set(key, used);
    this.#out.set(value, used + key.length);
    this.#note(cdbHash(key), position);
    this.#used += size;
  }

  /** Writes the hash tables and the header. */
  finish(): void {
    this.#flush();
    const header = Buffer.alloc(HEADER);
    const largest = Math.max(...this.#counts);
    const room = new Uint32Array(4 * largest); // for one table after the other
    const free = new Uint32Array(2 * largest);
    for (const [t, records] of this.#records.entries()) {
      const count = this.#counts[t] ?? 0;
      const slots = 2 * count;
      if (this.#flushed + slots * 8 > MAX_CDB) throw tooLarge(this.#flushed + slots * 8);
      header.writeUInt32LE(this.#flushed, t * 8);
      header.writeUInt32LE(slots, t * 8 + 4);
      if (slots > 0) this.#writeTable(records.subarray(0, 2 * count), slots, room.subarray(0, 2 * slots), free);
      this.#records[t] = NONE;
    }
    this.#sink.writeAt(header, 0);
  }

  /**
   * Each record goes to the first free slot from its own on, around the end. What is known of full slots is kept,
   * so that no run of them is walked again and again.
   * @param records hash and position of each. @param table room for the slots, two numbers each. @param free room
   * for a number a slot: for a full one, a slot at or before the next free one
   */
  #writeTable(records: Uint32Array, slots: number, table: Uint32Array, free: Uint32Array): void {
    table.fill(0);
    for (let i = 0; i < records.length; i += 2) {
      const hash = records[i] ?? 0;
      const home = (hash >>> 8) % slots;
      let slot = home;
      this.steps++;
      for (; table[slot * 2 + 1] !== 0; this.steps++) slot = free[slot] ?? 0;
      table[slot * 2] = hash;
      table[slot * 2 + 1] = records[i + 1] ?? 0;
      const next = slot + 1 === slots ? 0 : slot + 1;
      free[slot] = next;
      // All that were passed now point behind the slot that was found.
      for (let at = home; at !== slot;) {
        const after = free[at] ?? 0;
        free[at] = next;
        at = after;
      }
    }
    const bytes = Buffer.from(table.buffer, table.byteOffset, table.byteLength);
    this.#sink.append(BIG_ENDIAN ? bytes.swap32() : bytes);
    this.#flushed += bytes.length;
  }

  #flush(): void {
    if (this.#used === 0) return;
    this.#sink.append(this.#out.subarray(0, this.#used));
    this.#flushed += this.#used;
    this.#used = 0;
  }

  /** @param hash as a number of 32 bits, with or without a sign */
  #note(hash: number, position: number): void {
    const t = hash & 255;
    const at = 2 * (this.#counts[t] ?? 0);
    let records = this.#records[t] ?? NONE;
    if (at === records.length) this.#records[t] = records = larger(records, this.#room);
    records[at] = hash;
    records[at + 1] = position;
    this.#counts[t] = at / 2 + 1;
    this.records++;
  }
}

/** @param least records that it shall hold */
function larger(records: Uint32Array, least: number): Uint32Array {
  const into = new Uint32Array(Math.max(2 * least, 4 * Math.ceil(records.length * 0.375)));
  into.set(records);
  return into;
}

/** Little-endian. @returns where the next byte goes. */
function put32(out: Uint8Array, at: number, value: number): number {
  out[at] = value;
  out[at + 1] = value >>> 8;
  out[at + 2] = value >>> 16;
  out[at + 3] = value >>> 24;
  return at + 4;
}

const tooLarge = (bytes: number) =>
  new CompileError('OVER_LIMIT', `the cdb would have at least ${bytes} bytes, its format ends at ${MAX_CDB}`);
