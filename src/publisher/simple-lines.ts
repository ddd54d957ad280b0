/**
 * The lines of a list that plainly are one address, straight from the file's bytes into the row's: what `simpleRow` says of a line as
 * text, and most lines of most lists. All others are left to the rules of entry.ts. Pure.
 */
import { DomainSet } from '../bundle/domain-set.ts';
import { isSimpleDomain } from './entry.ts';
import type { RowCollection } from './sorted-rows.ts';

const [TAB, LF, CR, SPACE, HYPHEN, AT] = [0x09, 0x0a, 0x0d, 0x20, 0x2d, 0x40];
const MAX_LOCAL = 120;
const MAX_ROW = 253;

/** What a byte of a local part and of a domain becomes; 0 where it is no part of a simple one. */
const LOCAL = folded('abcdefghijklmnopqrstuvwxyz0123456789._+=-');
const DOMAIN = folded('abcdefghijklmnopqrstuvwxyz0123456789._-');

function folded(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const c of characters) for (const form of [c, c.toUpperCase()]) table[form.charCodeAt(0)] = c.charCodeAt(0);
  return table;
}

export class SimpleLines {
  readonly #rows: RowCollection;
  /** Those that were looked at as text, and are simple. */
  readonly #known = new DomainSet();
  #start = 0;
  #length = 0;

  constructor(rows: RowCollection) {
    this.#rows = rows;
  }

  /**
   * Adds the row of the line that begins at `at`; what follows the address after a blank is no part of it.
   * @param lines whole lines with their LFs.
   * @returns where the next line begins, or -1 if the line is not that simple: then nothing is added.
   */
  take(lines: Uint8Array, at: number): number {
    if (lines[at] === HYPHEN) return -1; // Postfix refuses it to strangers: that is said
    const rows = this.#rows;
    const into = rows.room(MAX_ROW);
    const start = rows.next;
    let used = start;
    let byte = 0;
    for (const most = start + MAX_LOCAL + 1; used < most && (byte = LOCAL[lines[at] ?? 0] ?? 0) !== 0; at++)
      into[used++] = byte;
    const local = used - start;
    if (local === 0 || local > MAX_LOCAL || lines[at++] !== AT) return -1;
    into[used++] = AT;
    const domain = used;
    for (const most = start + MAX_ROW; used < most && (byte = DOMAIN[lines[at] ?? 0] ?? 0) !== 0; at++)
      into[used++] = byte;
    const next = afterField(lines, at);
    if (next < 0 || !this.#isSimple(into, domain, used)) return -1;
    this.#start = start;
    this.#length = used - start;
    rows.added(this.#length);
    return next;
  }

  /** The row that was added last. */
  get row(): Uint8Array {
    return this.#rows.room(0).subarray(this.#start, this.#start + this.#length);
  }

  /** Of all rows that were added. */
  *domains(): Generator<string> {
    for (let id = 0; id < this.#known.size; id++) yield Buffer.from(this.#known.name(id)).toString('latin1');
  }

  #isSimple(bytes: Buffer, start: number, end: number): boolean {
    if (this.#known.find(bytes, start, end) >= 0) return true;
    if (!isSimpleDomain(bytes.toString('latin1', start, end))) return false;
    this.#known.add(bytes, start, end, 1);
    return true;
  }
}

/** Where the next line begins if a line's first field ends here, else -1. A carriage return within the line is for others to refuse. */
function afterField(lines: Uint8Array, at: number): number {
  const byte = lines[at];
  if (byte === LF) return at + 1;
  if (byte === CR) return lines[at + 1] === LF ? at + 2 : -1;
  if (byte !== SPACE && byte !== TAB) return -1;
  for (;;) {
    const rest = lines[++at];
    if (rest === LF) return at + 1;
    if (rest === CR) return lines[at + 1] === LF ? at + 2 : -1;
    if (rest === undefined) return -1;
  }
}
