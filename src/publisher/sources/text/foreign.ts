/**
 * Files that are no list in any format that is read: what they are, and what to do instead. Without this their bytes
 * would be refused line by line, for reasons that lead nowhere. Pure.
 */
import { PublishError } from '../../errors.ts';

const hex = (digits: string): Buffer => Buffer.from(digits, 'hex');

/** How files of such kinds begin, and what is said of them. */
const BINARY: readonly (readonly [start: Buffer, what: string])[] = [
  [hex('504b0304'), 'is a ZIP archive, as spreadsheets are (xlsx, ods); save it as CSV'],
  [hex('d0cf11e0a1b11ae1'), 'is a document of Microsoft Office (xls); save it as CSV'],
  [hex('1f8b'), 'is compressed by gzip; unpack it first, or read it with type = "command" and zcat'],
  [hex('28b52ffd'), 'is compressed by zstd; unpack it first'],
  [hex('fd377a585a00'), 'is compressed by xz; unpack it first'],
  [hex('425a68'), 'is compressed by bzip2; unpack it first'],
  [Buffer.from('SQLite format 3\0'), 'is a database of SQLite; read it with type = "sql" and url = "sqlite:/..."'],
  [Buffer.from('%PDF-'), 'is a PDF; export the list as CSV'],
];
const MAP = 'is a compiled map; read it with type = "postfix-map" and path = "hash:/..." (or btree, lmdb)';

/** @param head the first bytes, before they are decoded. @throws PublishError SOURCE */
export function refuseBinary(name: string, head: Buffer): void {
  const found = BINARY.find(([start]) => head.subarray(0, start.length).equals(start))?.[1];
  if (found !== undefined) throw new PublishError('SOURCE', `${name} ${found}`);
  // Berkeley DB has its mark behind its log sequence number, LMDB behind the header of its first page.
  const marks = [12, 16].map((at) => (head.length >= at + 4 ? head.readUInt32LE(at) : 0));
  if ([0x061561, 0x053162].includes(marks[0] ?? 0) || marks[1] === 0xbeefc0de)
    throw new PublishError('SOURCE', `${name} ${MAP}`);
}

/** @param head the beginning as text. @throws PublishError SOURCE */
export function refuseMarkup(name: string, head: string): void {
  const text = head.replace(/^\ufeff/, '').trimStart();
  const what = /^<(?:!doctype html|html\b)/i.test(text)
    ? 'is a web page, perhaps of a login; name the URL of the export itself'
    : /^<(?:\?xml|!--|[a-z][\w:-]*[\s>])/i.test(text) && !/^<[^>]*@/.test(text)
      ? 'is XML, which is not read; export it as CSV or JSON'
      : /^(?:---\s*(?:#.*)?\n|-\s+[^\s-]|[\w-]+:\s*\n\s*-\s)/.test(text)
        ? 'is YAML, which is not read; turn it into JSON (yq -o json), or into a line for each address'
        : text.startsWith(String.raw`{\rtf`)
          ? 'is rich text (RTF); save it as plain text'
          : null;
  if (what !== null) throw new PublishError('SOURCE', `${name} ${what}`);
}
