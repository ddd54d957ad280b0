/** Which published file a request's path names (docs/bundle-format.md section 1). Pure. */
import { Block, isSame } from './block.ts';
import type { LogLine } from './log-line.ts';

export const OTHER = 0;
export const MANIFEST = 1;
/** A key ring step or a delta: what a gateway asks for between two manifests. */
export const PART = 2;
/** A whole table: all addresses, or all next hops. */
export const TABLE = 3;
export type Kind = typeof OTHER | typeof MANIFEST | typeof PART | typeof TABLE;

const MANIFEST_NAME = Buffer.from('manifest.json');
const RECIPIENTS = Buffer.from('recipients/');
const TRANSPORT = Buffer.from('transport/');
const HASH = 64;

const endsAt = (b: Uint8Array, end: number, word: Uint8Array): boolean => {
  const at = end - word.length;
  for (let i = word.length - 1; i >= 0; i--) if (b[at + i] !== word[i]) return false;
  return true;
};

const MOST_SAME = 256;

/** What was found last; `prefixEnd` is where the part that belongs to the site ends. */
export class PublishedPath {
  kind: Kind = OTHER;
  /** The folder of the list, as the request names it: `/example-org/`. */
  prefix = '';
  readonly #last = new Block(MOST_SAME);
  #lastLength = -1;

  /** Almost every path is that of the line before. */
  read(line: LogLine): void {
    const { block, pathStart: start, pathEnd: end } = line;
    const length = end - start;
    if (length === this.#lastLength && isSame(this.#last, 0, block, start, length)) return;
    this.#lastLength = length <= MOST_SAME ? length : -1;
    if (length <= MOST_SAME) block.bytes.copy(this.#last.bytes, 0, start, end);
    this.#read(line);
  }

  #read(line: LogLine): void {
    const { pathStart: start } = line;
    const { bytes: b } = line.block;
    let end = line.pathEnd;
    let odd = false;
    for (let i = start; i < end; i++) {
      const c = b[i];
      if (c === 0x3f || c === 0x23) end = i;
      else if (c === 0x25 || c === 0x5c || (c === 0x2f && (b[i + 1] === 0x2f || b[i + 1] === 0x2e))) odd = true;
    }
    this.kind = OTHER;
    // A server decodes `%2e` and `//` before it looks for the file, so a stranger may write a path in many ways.
    if (odd) return this.#readOdd(line.text(start, end));
    this.kind = kindOf(b, start, end);
    if (this.kind !== OTHER) this.#setPrefix(b, start, prefixEnd(b, start, end, this.kind));
  }

  #readOdd(path: string): void {
    let plain = path;
    // S3 writes a key that is encoded twice.
    for (let i = 0; i < 2 && plain.includes('%'); i++) plain = decoded(plain);
    const parts: string[] = [];
    for (const part of plain.split('/')) {
      if (part === '..') parts.pop();
      else if (part !== '.' && part !== '') parts.push(part);
    }
    const b = Buffer.from(`/${parts.join('/')}`);
    this.kind = kindOf(b, 0, b.length);
    if (this.kind !== OTHER) this.#setPrefix(b, 0, prefixEnd(b, 0, b.length, this.kind));
  }

  #setPrefix(b: Buffer, start: number, end: number): void {
    this.prefix = b.toString('utf8', start, Math.min(end, start + 256));
  }
}

function kindOf(b: Uint8Array, start: number, end: number): Kind {
  if (end - start >= MANIFEST_NAME.length && endsAt(b, end, MANIFEST_NAME)) return MANIFEST;
  // `HASH.gz`, `HASH-HASH.delta.gz`, `keyring/N.json`
  if (b[end - 3] === 0x2e && b[end - 2] === 0x67 && b[end - 1] === 0x7a) {
    const at = end - 3 - HASH;
    if (at >= start && isHash(b, at) && isFolder(b, at)) return TABLE;
    const from = end - 9 - HASH * 2 - 1;
    return from >= start && isHash(b, from) && isFolder(b, from) ? PART : OTHER;
  }
  return isStep(b, start, end) ? PART : OTHER;
}

function isHash(b: Uint8Array, at: number): boolean {
  for (let i = at; i < at + HASH; i++) {
    const c = b[i] ?? 0;
    if (!((c >= 0x30 && c <= 0x39) || (c >= 0x61 && c <= 0x66))) return false;
  }
  return true;
}

const isFolder = (b: Uint8Array, end: number): boolean => endsAt(b, end, RECIPIENTS) || endsAt(b, end, TRANSPORT);

const JSON_END = Buffer.from('.json');
const KEYRING = Buffer.from('keyring/');
function isStep(b: Uint8Array, start: number, end: number): boolean {
  if (!endsAt(b, end, JSON_END)) return false;
  let at = end - JSON_END.length;
  while (at > start && (b[at - 1] ?? 0) >= 0x30 && (b[at - 1] ?? 0) <= 0x39) at--;
  return at < end - JSON_END.length && at - KEYRING.length >= start && endsAt(b, at, KEYRING);
}

/** Where the list's own folder ends. */
function prefixEnd(b: Uint8Array, start: number, end: number, kind: Kind): number {
  let slashes = kind === MANIFEST ? 1 : 2;
  let at = end;
  while (at > start && slashes > 0) if (b[--at] === 0x2f) slashes--;
  return slashes === 0 ? at + 1 : start;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replace(/%([0-7][0-9a-fA-F])/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  }
}
