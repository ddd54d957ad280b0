/**
 * Reads a constant database with suspicion: it may be damaged, and all its keys may have one hash. What that costs
 * stays near linear. Pure: bytes come from a reader that the caller brings.
 */
import { CompileError } from '../errors.ts';
import { cdbHash, HEADER } from './cdb-form.ts';

const [FIRST_SLOTS, MOST_SLOTS] = [8, 8192];

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
    for (const { position, keyLength, valueLength } of this.#records(cdbHash(key))) {
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
      const hash = cdbHash(key);
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
