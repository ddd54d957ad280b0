// A compiled map as it lies on the disk, perhaps damaged, against a reader that knows nothing but the format.
import { CdbReader, cdbKeys } from '../../../src/map/cdb-reader.ts';
import { blocks } from '../../bundle/blocks.ts';
import { written } from '../../map/cdb-records.ts';
import { attempt, coming, must, pieces, same, type Target } from '../target.ts';

const HEADER = 2048;
const hashOf = (key: Buffer): number => key.reduce((hash, byte) => ((hash * 33) ^ byte) >>> 0, 5381);

/** The value of a key, or null; undefined where the file does not hold what it points to. */
function plainly(file: Buffer, key: Buffer): string | null | undefined {
  const word = (at: number): number => (at + 4 <= file.length ? file.readUInt32LE(at) : Number.NaN);
  const hash = hashOf(key);
  const table = (hash % 256) * 8;
  const [position, slots] = [word(table), word(table + 4)];
  for (let tried = 0; tried < slots; tried++) {
    const slot = position + 8 * ((Math.floor(hash / 256) + tried) % slots);
    const record = word(slot + 4);
    if (Number.isNaN(record)) return undefined;
    if (record === 0) return null;
    if (word(slot) !== hash) continue;
    const [keyLength, valueLength] = [word(record), word(record + 4)];
    if (Number.isNaN(valueLength)) return undefined;
    if (keyLength !== key.length) continue;
    if (record + 8 + keyLength > file.length) return undefined;
    const value = record + 8 + keyLength;
    if (!file.subarray(record + 8, value).equals(key)) continue;
    return value + valueLength > file.length ? undefined : file.toString('hex', value, value + valueLength);
  }
  return null;
}

/**
 * The keys of the records, one behind the other; null where they do not end where the hash tables begin, or are not
 * as many as these say.
 */
function listed(file: Buffer): string[] | null {
  if (file.length < HEADER) return null;
  const first = file.readUInt32LE(0);
  let [end, slots] = [first, 0];
  for (let at = 0; at < HEADER; at += 8) {
    if (file.readUInt32LE(at) !== end) return null;
    slots += file.readUInt32LE(at + 4);
    end += 8 * file.readUInt32LE(at + 4);
  }
  if (end !== file.length || first < HEADER) return null;
  const keys: string[] = [];
  let at = HEADER;
  while (at < first) {
    if (at + 8 > file.length) return null;
    const next = at + 8 + file.readUInt32LE(at) + file.readUInt32LE(at + 4);
    if (next > first) return null;
    keys.push(file.toString('hex', at + 8, at + 8 + file.readUInt32LE(at)));
    at = next;
  }
  return keys.length * 2 === slots ? keys : null;
}

const rows = (count: number) => Array.from({ length: count }, (_, i) => `u${i}@x.org`);

export const cdb: Target = {
  name: 'cdb',
  form: 'bytes',
  longest: 8192,
  words: ['\0\x08\0\0', '\x01\0\0\0', '\xff\xff\xff\xff', '\xff\xff\xff\x7f', 'u1@x.org', 'OK', '\0'],
  seeds: () => [
    written(blocks(['a@x.org']), 'OK'),
    written(blocks(rows(12)), 'OK'),
    written(blocks([]), 'OK'),
    written(blocks(rows(40)), 'a long value'),
    Buffer.alloc(HEADER),
    Buffer.alloc(HEADER - 1),
  ],
  run: async (input) => {
    const file = Buffer.from(input);
    const opened = await attempt(
      () => new CdbReader((position, length) => file.subarray(position, position + length), file.length),
    );
    if ('refused' in opened) {
      must(file.length < HEADER, 'a whole header is refused');
      return opened.refused;
    }
    const reader = opened.value;
    const keys = await attempt(() => [...reader.records()].map(({ key }) => Buffer.from(key).toString('hex')));
    same('value' in keys ? keys.value : null, listed(file), 'the keys');
    if ('value' in keys) same(reader.count(), keys.value.length, 'their number');
    const asked = [
      ...('value' in keys ? keys.value.slice(0, 50) : []),
      ...['a@x.org', 'u1@x.org', 'u7@x.org', '', 'z'].map((key) => Buffer.from(key).toString('hex')),
    ];
    const ends = new Set<string>();
    for (const each of asked) {
      const key = Buffer.from(each, 'hex');
      const found = await attempt(() => reader.get(key));
      const value =
        'refused' in found ? undefined : found.value === null ? null : Buffer.from(found.value).toString('hex');
      same(value ?? String(value), plainly(file, key) ?? String(plainly(file, key)), `the value of ${each}`);
      ends.add('refused' in found ? 'damaged' : found.value === null ? 'none' : 'found');
    }
    const streamed: string[] = [];
    const stream = pieces(file).map((piece) => Buffer.from(piece));
    const read = await attempt(() => cdbKeys(coming(stream), (key) => streamed.push(key.toString('hex'))));
    if ('value' in keys) {
      must('value' in read, 'a whole file cannot be listed as a stream');
      same(
        streamed,
        keys.value.map((key) => key.replace(/^((?:..)*)00$/, '$1')),
        'the keys as a stream',
      );
    }
    return `${'refused' in keys ? keys.refused : 'listed'}, ${[...ends].sort().join()}, ${'refused' in read ? read.refused : ''}`;
  },
};
