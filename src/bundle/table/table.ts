/**
 * Checks the rows of a table while they stream (format section 4): form, order, case folding, lengths. The first
 * fault is kept, not thrown: whether it counts is decided when the hash of the whole text is known. Pure.
 */
import { describeRule, rowRule } from '../address/address.ts';
import { DomainSet } from './domain-set.ts';
import { compareBytes, MAX_ROW, type RowBlock } from './rows.ts';

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

/** A broken rule, with the number of the row, from 1. */
export interface RowFault {
  readonly row: number;
  readonly rule: string;
}

export class TableChecker {
  rows = 0;
  readonly domains = new DomainSet();
  fault: RowFault | null = null;
  #previous: Uint8Array = new Uint8Array(0);

  push(block: RowBlock): void {
    const { bytes, starts, count } = block;
    let before = this.#previous;
    let from = 0;
    let to = before.length;
    for (let i = 0; i < count; i++) {
      const start = starts[i] ?? 0;
      const end = (starts[i + 1] ?? 1) - 1;
      this.rows++;
      const rule =
        this.rows === 1 && startsWithBom(bytes, start) ? 'begins with a BOM' : this.#check(bytes, start, end);
      if (rule !== null) this.#fail(rule);
      // Before the first row stands an empty one; a first row that is empty is at fault already.
      const order = compareBytes(before, from, to, bytes, start, end);
      if (order >= 0) this.#fail(order === 0 ? 'is there twice' : 'is not in the order of its bytes');
      [before, from, to] = [bytes, start, end];
    }
    this.#previous = new Uint8Array(before.subarray(from, to));
  }

  #fail(rule: string): void {
    this.fault ??= { row: this.rows, rule };
  }

  /** Most rows are plain before their `@`, and have a domain behind it that was found good a moment ago. */
  #check(bytes: Uint8Array, start: number, end: number): string | null {
    let at = end - 1;
    while (at > start && bytes[at] !== AT) at--;
    let kinds = 0;
    for (let i = start; i < at; i++) kinds |= KIND[bytes[i] ?? 0] ?? 0;
    const isPlain = (kinds & ODD) === 0 && bytes[at] === AT && end - start <= MAX_ROW;
    return isPlain && this.domains.isRecent(bytes, at + 1, end) ? null : this.#checkWhole(bytes, start, end);
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
