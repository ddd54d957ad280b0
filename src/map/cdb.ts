/**
 * The constant database of D. J. Bernstein, written as Postfix's postmap writes it (records in the order given,
 * keys and values without a trailing NUL) and read with suspicion. Its hash is given by the format, so whoever
 * signs a list can have all keys collide: what that costs when a map is written and read back stays near linear.
 * Pure: bytes go to a sink and come from a reader that the caller brings.
 */
import { CompileError } from '../errors.ts';
import type { RowBlock } from '../bundle/table/rows.ts';
import { MAX_CDB } from '../bundle/table/cdb-size.ts';

const HEADER = 2048;
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
    this.#note(hashOf(key), position);
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

const [FIRST_SLOTS, MOST_SLOTS] = [8, 8192];

function hashOf(key: Uint8Array): number {
  let hash = 5381;
  for (const c of key) hash = (((hash << 5) + hash) ^ c) >>> 0;
  return hash;
}

const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');

/** Gives `length` bytes from `position`, or fewer at the end of the file. */
export type ReadAt = (position: number, length: number) => Uint8Array;

export interface CdbRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Reads a cdb that may be damaged: every offset is checked, every loop bounded. */
export class CdbReader {
  /** Slots and records looked at, for the tests. */
  steps = 0;
  readonly #read: ReadAt;
  readonly #size: number;
  readonly #header: DataView;

  /** @throws CompileError READBACK_FAILED if it is too short to be a cdb. */
  constructor(read: ReadAt, size: number) {
    this.#read = read;
    this.#size = size;
    this.#header = this.#view(0, HEADER);
  }

  /** The value of a key, or null. @throws CompileError READBACK_FAILED for a damaged file. */
  get(key: Uint8Array): Uint8Array | null {
    for (const { position, keyLength, valueLength } of this.#records(hashOf(key))) {
      if (keyLength !== key.length || Buffer.compare(this.#bytes(position + 8, keyLength), key) !== 0) continue;
      return this.#bytes(position + 8 + keyLength, valueLength);
    }
    return null;
  }

  /**
   * The values of many keys, by key as latin1; those that are not there are absent. Keys of one hash are looked for
   * in one walk, so that a thousand of them cost no more than one.
   * @throws CompileError READBACK_FAILED for a damaged file.
   */
  getAll(keys: readonly Uint8Array[]): Map<string, Uint8Array> {
    const found = new Map<string, Uint8Array>();
    const byHash = new Map<number, Map<string, number>>();
    for (const key of keys) {
      const hash = hashOf(key);
      const same = byHash.get(hash) ?? new Map<string, number>();
      byHash.set(hash, same.set(latin1(key), key.length));
    }
    for (const [hash, wanted] of byHash) {
      const lengths = new Set(wanted.values());
      for (const { position, keyLength, valueLength } of this.#records(hash)) {
        if (!lengths.has(keyLength)) continue;
        const key = latin1(this.#bytes(position + 8, keyLength));
        if (wanted.delete(key)) found.set(key, this.#bytes(position + 8 + keyLength, valueLength));
        if (wanted.size === 0) break;
      }
    }
    return found;
  }

  /** The records of a hash, in the order of a look-up, which ends at an empty slot. */
  *#records(hash: number): Generator<{ position: number; keyLength: number; valueLength: number }> {
    const { position, slots } = this.#table(hash & 255);
    let slot = slots === 0 ? 0 : (hash >>> 8) % slots;
    // A few slots at first, which nearly always do; then more and more at once.
    for (let left = slots, size = FIRST_SLOTS; left > 0; size = Math.min(2 * size, MOST_SLOTS)) {
      // A table that runs out of a damaged file is read as far as it goes.
      const inFile = Math.max(1, Math.floor((this.#size - position) / 8) - slot);
      const count = Math.min(size, left, slots - slot, inFile);
      const entries = this.#view(position + slot * 8, count * 8);
      for (let i = 0; i < count; i++) {
        this.steps++;
        const record = entries.getUint32(i * 8 + 4, true);
        if (record === 0) return;
        if (entries.getUint32(i * 8, true) !== hash) continue;
        this.steps++;
        const lengths = this.#view(record, 8);
        const [keyLength, valueLength] = [lengths.getUint32(0, true), lengths.getUint32(4, true)];
        yield { position: record, keyLength, valueLength };
      }
      left -= count;
      slot = (slot + count) % slots;
    }
  }

  /**
   * The number of records by the hash tables. @throws CompileError READBACK_FAILED unless they fill the file's end
   * exactly.
   */
  count(): number {
    let expected = this.#table(0).position;
    let slotsInAll = 0;
    if (expected < HEADER) throw damaged(`the first hash table is at ${expected}`);
    for (let t = 0; t < 256; t++) {
      const { position, slots } = this.#table(t);
      if (position !== expected) throw damaged(`hash table ${t} is at ${position}, expected at ${expected}`);
      expected += slots * 8;
      slotsInAll += slots;
    }
    if (expected !== this.#size) throw damaged(`it has ${this.#size} bytes, by its hash tables ${expected}`);
    return slotsInAll / 2;
  }

  /**
   * All records, as they lie in the file, each as often as it is there.
   * @throws CompileError READBACK_FAILED unless there are as many as the hash tables say.
   */
  *records(): Generator<CdbRecord> {
    const expected = this.count();
    const end = this.#table(0).position;
    let found = 0;
    for (let at = HEADER; at < end; found++) {
      const lengths = this.#view(at, 8);
      const keyLength = lengths.getUint32(0, true);
      const valueLength = lengths.getUint32(4, true);
      const next = at + 8 + keyLength + valueLength;
      if (next > end) throw damaged(`the record at ${at} runs into the hash tables at ${end}`);
      const bytes = this.#bytes(at + 8, keyLength + valueLength);
      yield { key: bytes.subarray(0, keyLength), value: bytes.subarray(keyLength) };
      at = next;
    }
    if (found !== expected) throw damaged(`it has ${found} records, by its hash tables ${expected}`);
  }

  #table(t: number): { position: number; slots: number } {
    return { position: this.#header.getUint32(t * 8, true), slots: this.#header.getUint32(t * 8 + 4, true) };
  }

  #bytes(position: number, length: number): Uint8Array {
    const bytes = position + length > this.#size ? null : this.#read(position, length);
    if (bytes?.length !== length) throw damaged(`${length} bytes at ${position} are not in a file of ${this.#size}`);
    return bytes;
  }

  #view(position: number, length: number): DataView {
    const bytes = this.#bytes(position, length);
    return new DataView(bytes.buffer, bytes.byteOffset, length);
  }
}

const damaged = (what: string) => new CompileError('READBACK_FAILED', `the cdb is damaged: ${what}`);

/**
 * Gives the key of each record to `take`, in file order, of a cdb that comes as a stream.
 * @throws CompileError READBACK_FAILED for a damaged file, or what the stream threw.
 */
export async function cdbKeys(chunks: AsyncIterable<Buffer>, take: (key: Buffer) => void): Promise<void> {
  // Put together only once there is enough of it: a damaged file may have one record of a gigabyte.
  let [held, length, needed]: [Buffer[], number, number] = [[], 0, HEADER];
  let position = 0;
  let end: number | null = null;
  for await (const chunk of chunks) {
    held.push(chunk);
    length += chunk.length;
    if (length < needed) continue;
    const bytes = held.length === 1 ? chunk : Buffer.concat(held);
    let at = 0;
    if (end === null) {
      end = bytes.readUInt32LE(0); // the records end where the first hash table begins
      at = position = HEADER;
    }
    needed = 8;
    while (position < end && bytes.length - at >= 8) {
      const [key, value] = [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)];
      if (position + 8 + key + value > end) throw damaged(`a record at ${position} passes the hash tables at ${end}`);
      needed = 8 + key + value;
      if (bytes.length - at < needed) break;
      const found = bytes.subarray(at + 8, at + 8 + key);
      take(found.at(-1) === 0 ? found.subarray(0, -1) : found); // some writers end keys with a NUL
      at += needed;
      position += needed;
      needed = 8;
    }
    held = [bytes.subarray(at)];
    length = bytes.length - at;
    if (position >= end) return;
  }
  if (end === null || position < end) throw damaged(`it ends at ${position + length} bytes`);
}
