/**
 * Checks the rows of a table while they stream (format section 4): form, order, case folding, lengths. The first
 * fault is kept, not thrown: whether it counts is decided when the hash of the whole text is known. Pure.
 */
import { describeRule, rowRule } from '../address/address.ts';
import { DomainSet } from './domain-set.ts';
import { compareBytes, compareWithin, MAX_ROW, type RowBlock } from './rows.ts';
import { fastHashIn } from './seeded-hash.ts';

const AT = 0x40;
const DOT = 0x2e;
const MAX_DOMAIN = 253;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Kinds of bytes, a bit each: control, upper case, part of a non-ASCII character, `@`, dot, space. All others are
 * fine anywhere.
 */
const [CONTROL, UPPER, WIDE, AN_AT, A_DOT, A_SPACE] = [1, 2, 4, 8, 16, 32];
const KIND = Uint8Array.from({ length: 256 }, (_, c) => {
  if (c < 0x20 || c === 0x7f) return CONTROL;
  if (c >= 0x41 && c <= 0x5a) return UPPER;
  if (c >= 0x80) return WIDE;
  return c === AT ? AN_AT : c === DOT ? A_DOT : c === 0x20 ? A_SPACE : 0;
});
/** What is not fine before the last `@` either, or not without a closer look. */
const ODD = CONTROL | UPPER | WIDE;

/** Rows whose domains are fetched at once: so many that what was fetched first is still near when it is needed. */
const AT_ONCE = 1024;
const NOT_PLAIN = -1;

/** A broken rule, with the number of the row, from 1. */
export interface RowFault {
  readonly row: number;
  readonly rule: string;
}

export class TableChecker {
  rows = 0;
  readonly domains: DomainSet;
  fault: RowFault | null = null;
  #previous: Uint8Array = new Uint8Array(0);
  /** Of each row that is looked at: where its domain begins, or NOT_PLAIN, and its domain's hash. */
  readonly #domainAt = new Int32Array(AT_ONCE);
  readonly #hashes = new Int32Array(AT_ONCE);
  readonly #room = new Int32Array(AT_ONCE);

  /** @param expected of the domains, if it is known */
  constructor(expected?: ConstructorParameters<typeof DomainSet>[0]) {
    this.domains = new DomainSet(expected);
  }

  push(block: RowBlock): void {
    for (let from = 0; from < block.count; from += AT_ONCE)
      this.#push(block, from, Math.min(from + AT_ONCE, block.count));
  }

  /** Rows `first` to `past` of a block, AT_ONCE at most. */
  #push({ bytes, starts }: RowBlock, first: number, past: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = first; i < past; i++) this.#lookAt(bytes, view, starts[i] ?? 0, (starts[i + 1] ?? 1) - 1, i - first);
    this.domains.fetchAhead(this.#hashes, past - first, this.#room);
    const before = this.#previous;
    let [from, to] = [0, 0];
    for (let i = first; i < past; i++) {
      const start = starts[i] ?? 0;
      const end = (starts[i + 1] ?? 1) - 1;
      this.rows++;
      const rule =
        this.rows === 1 && startsWithBom(bytes, start)
          ? 'begins with a BOM'
          : this.#check(bytes, start, end, i - first);
      if (rule !== null) this.#fail(rule);
      // Before the first row stands an empty one; a first row that is empty is at fault already.
      const order =
        i === first
          ? compareBytes(before, 0, before.length, bytes, start, end)
          : compareWithin(view, from, to, start, end);
      if (order >= 0) this.#fail(order === 0 ? 'is there twice' : 'is not in the order of its bytes');
      from = start;
      to = end;
    }
    this.#previous = new Uint8Array(bytes.subarray(from, to));
  }

  #fail(rule: string): void {
    this.fault ??= { row: this.rows, rule };
  }

  /** Notes of a row whether it is plain before its last `@`, and the hash of what follows. */
  #lookAt(bytes: Uint8Array, view: DataView, start: number, end: number, place: number): void {
    let at = end - 1;
    while (at > start && bytes[at] !== AT) at--;
    const isPlain = bytes[at] === AT && end - start <= MAX_ROW && arePlain(view, start, at);
    this.#domainAt[place] = isPlain ? at + 1 : NOT_PLAIN;
    this.#hashes[place] = isPlain ? fastHashIn(view, at + 1, end) : 0;
  }

  /** Most rows are plain before their last `@`, and have a domain behind it that was found good before. */
  #check(bytes: Uint8Array, start: number, end: number, place: number): string | null {
    const domain = this.#domainAt[place] ?? NOT_PLAIN;
    const isKnown = domain !== NOT_PLAIN && this.domains.has(bytes, domain, end, this.#hashes[place] ?? 0);
    return isKnown ? null : this.#checkWhole(bytes, start, end);
  }

  #checkWhole(bytes: Uint8Array, start: number, end: number): string | null {
    let at = -1;
    let wide = false;
    // Of what follows the last @ so far: where its last label begins, how many there are, and whether something is
    // odd about it.
    let [label, labels, odd] = [0, 0, false];
    for (let i = start; i < end; i++) {
      const kind = KIND[bytes[i] ?? 0] ?? 0;
      if (kind === 0) continue;
      if (kind === A_DOT) {
        if (i === label) odd = true;
        label = i + 1;
        labels++;
      } else if (kind === AN_AT) {
        at = i;
        label = i + 1;
        labels = 1;
        odd = false;
      } else if (kind === WIDE) wide = true;
      else if (kind === A_SPACE) odd = true;
      else return kind === CONTROL ? 'holds a control character' : 'is not case-folded';
    }
    if (end - start > MAX_ROW) return `is longer than ${MAX_ROW} bytes`;
    if (at < 0) return end === start ? 'is empty' : 'has no @';
    if (odd || labels < 2 || label === end || end - at - 1 > MAX_DOMAIN || bytes[at + 1] === 0x5b)
      return domainFault(bytes, at + 1, end);
    if (wide) {
      const broken = this.#wideRule(bytes.subarray(start, end));
      if (broken !== null) return broken;
    }
    this.domains.add(bytes, at + 1, end, this.rows);
    return null;
  }

  #wideRule(row: Uint8Array): string | null {
    let text: string;
    try {
      text = utf8.decode(row);
    } catch {
      return 'is not UTF-8'; // a fault of the row, reported as one
    }
    const rule = rowRule(text);
    return rule === null ? null : describeRule(rule);
  }
}

/** The highest bit of each of four bytes. */
const HIGHEST = 0x80808080;

/** Whether none of these bytes is a control, upper case, or part of a non-ASCII character: four at a time. */
function arePlain(view: DataView, start: number, end: number): boolean {
  let odd = 0;
  let i = start;
  for (; i + 4 <= end; i += 4) {
    const four = view.getInt32(i);
    const low = four & 0x7f7f7f7f;
    // Each sum sets a byte's highest bit where the byte is at least 0x20, 0x7f, 0x41 (A) and 0x5b (behind Z).
    odd |= four | ~(low + 0x60606060) | (low + 0x01010101) | ((low + 0x3f3f3f3f) & ~(low + 0x25252525));
  }
  for (; i < end; i++) odd |= (KIND[view.getUint8(i)] ?? 0) & ODD ? HIGHEST : 0;
  return (odd & HIGHEST) === 0;
}

const startsWithBom = (bytes: Uint8Array, at: number): boolean =>
  bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf;

/** What is wrong with a domain that breaks a rule, in words. */
function domainFault(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > MAX_DOMAIN) return `has a domain longer than ${MAX_DOMAIN} bytes`;
  if (bytes[start] === 0x5b) return 'has an address literal';
  let label = start;
  for (let i = start; i < end; i++) {
    const c = bytes[i];
    if (c === 0x20) return 'has a space in its domain';
    if (c !== DOT) continue;
    if (i === label) return 'has an empty label in its domain';
    label = i + 1;
  }
  return label === end ? 'has an empty label in its domain' : 'has a domain of one label';
}
