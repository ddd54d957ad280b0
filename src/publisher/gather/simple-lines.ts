/**
 * Copies lines that are plainly one address directly from the file's bytes into rows: the same lines that
 * `simpleRow` accepts as text, and most lines of most lists. Leaves all others to the rules of entry.ts. Pure.
 */
import { isSimpleDomain } from '../entry.ts';
import { hashed, hashStart } from '../../bundle/table/seeded-hash.ts';
import { KnownDomains } from './known-domains.ts';
import type { RowCollection } from './sorted-rows.ts';

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const BRACKET = 0x28;
const HYPHEN = 0x2d;
const DOT = 0x2e;
const [ZERO, FOUR, FIVE, NINE] = [0x30, 0x34, 0x35, 0x39];
const COLON = 0x3a;
const AT = 0x40;
/** The first two letters of REJECT and retry:, DISCARD, DEFER and error:, in lower case. */
const [RE, DI, DE, ER] = [0x7265, 0x6469, 0x6465, 0x6572];
const MAX_LOCAL = 120;
const MAX_ROW = 253;
/** Domains that are known at a time: some hundred MiB. */
const MAX_KNOWN = 2_000_000;

/** What each byte of a local part or a domain becomes; 0 if it is not part of a simple one. */
const LOCAL = folded('abcdefghijklmnopqrstuvwxyz0123456789._+=-');
const DOMAIN = folded('abcdefghijklmnopqrstuvwxyz0123456789._-');

function folded(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const c of characters) for (const form of [c, c.toUpperCase()]) table[form.charCodeAt(0)] = c.charCodeAt(0);
  return table;
}

export class SimpleLines {
  readonly #rows: RowCollection;
  readonly #isOdd: (domain: string) => boolean;
  /** Domains that have been checked as text and are simple. */
  #known = new KnownDomains();
  readonly #take: (domains: KnownDomains) => void;

  /**
   * @param isOdd whether the policy has a rule for a domain. Its lines are then not simple.
   * @param domains takes the domains of the rows that were added: all of them by the time of `end`, and some of them
   *   more than once.
   */
  constructor(
    rows: RowCollection,
    isOdd: (domain: string) => boolean,
    domains: (domains: KnownDomains) => void = () => undefined,
  ) {
    this.#rows = rows;
    this.#isOdd = isOdd;
    this.#take = domains;
  }

  /**
   * Adds the rows of the lines from `at` on, up to the first that is not simple. Ignores what follows an address
   * after a blank.
   * @param lines whole lines with their LFs.
   * @returns where that line begins, or the end of the lines.
   */
  take(lines: Buffer, at: number): number {
    if (this.#known.size >= MAX_KNOWN) this.end();
    const rows = this.#rows;
    const into = rows.room(lines.length - at);
    const seed = hashStart();
    const view = new DataView(into.buffer, into.byteOffset, into.byteLength);
    while (at < lines.length) {
      const start = rows.next;
      let used = start;
      let next = at;
      let byte = 0;
      for (let most = start + MAX_LOCAL + 1; used < most && (byte = LOCAL[lines[next] ?? 0] ?? 0) !== 0; next++)
        into[used++] = byte;
      const local = used - start;
      // Postfix refuses an address that begins with a hyphen from strangers. Another place reports that.
      if (local === 0 || local > MAX_LOCAL || lines[next++] !== AT || lines[at] === HYPHEN) return at;
      into[used++] = AT;
      const domain = used;
      let hash = seed;
      for (let most = start + MAX_ROW; used < most && (byte = DOMAIN[lines[next] ?? 0] ?? 0) !== 0; next++) {
        into[used++] = byte;
        hash = hashed(hash, byte);
      }
      next = afterField(lines, next);
      if (next < 0) return at;
      if (!this.#known.has(view, domain, used - domain, hash)) {
        const name = into.toString('latin1', domain, used);
        if (!isSimpleDomain(name) || this.#isOdd(name)) return at;
        this.#known.add(into.subarray(domain, used), hash);
      }
      rows.added(used - start);
      at = next;
    }
    return at;
  }

  /** No rows are added any more, or the domains are too many to be known at a time. */
  end(): void {
    this.#take(this.#known);
    this.#known = new KnownDomains();
  }
}

/**
 * Where the next line begins, if the line's first field ends here; else -1. Leaves to others a line with a carriage
 * return in it, and one whose rest may mean "takes no mail" (`REJECT`, `550 ...`).
 */
function afterField(lines: Uint8Array, at: number): number {
  const byte = lines[at];
  if (byte === LF) return at + 1;
  if (byte === CR) return lines[at + 1] === LF ? at + 2 : -1;
  if (byte !== SPACE && byte !== TAB) return -1;
  let rest = lines[++at];
  while (rest === SPACE || rest === TAB) rest = lines[++at];
  if (mayRefuse(rest, lines[at + 1])) return -1;
  for (; ; rest = lines[++at]) {
    if (rest === LF) return at + 1;
    if (rest === CR) return lines[at + 1] === LF ? at + 2 : -1;
    if (rest === undefined) return -1;
  }
}

/** Whether a text may match map-refusal.ts, or list-line.ts has a rule for it, by its first two bytes. */
function mayRefuse(first = 0, second = 0): boolean {
  if (first === COLON || first === QUOTE || first === BRACKET) return true;
  if (first === FOUR || first === FIVE) return second === DOT || (second >= ZERO && second <= NINE);
  const pair = ((first | 0x20) << 8) | (second | 0x20);
  return pair === RE || pair === DI || pair === DE || pair === ER;
}
