/**
 * The table of next hops (docs/bundle-format.md section 8): its rows `DOMAIN TAB NEXTHOP`, and a checker that looks at
 * them while they stream. The first fault is kept, not thrown, as for the other table. Pure.
 */
import { describeRule, rowRule } from '../address/address.ts';
import { readNextHop, type NextHop } from '../address/next-hop.ts';
import { DomainSet } from './domain-set.ts';
import { compareBytes, MAX_ROW, type RowBlock } from './rows.ts';
import type { RowFault } from './table.ts';

const TAB = 0x09;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** One row, parted. */
export interface Route {
  readonly domain: string;
  /** As it is written in the row. */
  readonly nextHop: string;
}

/** What stands on both sides of the first TAB; all of it is the domain where there is none. */
export function splitRoute(row: string): Route {
  const tab = row.indexOf('\t');
  return tab < 0 ? { domain: row, nextHop: '' } : { domain: row.slice(0, tab), nextHop: row.slice(tab + 1) };
}

/** The row for a domain and a next hop that keep the rules; `routeRule` says whether they do. */
export const routeRow = ({ domain, nextHop }: Route): string => `${domain}\t${nextHop}`;

/** The first rule that a row (without its LF) breaks, in words that complete "row 17 ..."; null if it breaks none. */
export function routeRule(row: string): string | null {
  const read = readRoute(row);
  return typeof read === 'string' ? read : null;
}

function readRoute(row: string): NextHop | string {
  if (row === '') return 'is empty';
  if (row.startsWith('\ufeff')) return 'begins with a BOM';
  if (Buffer.byteLength(row) > MAX_ROW) return `is longer than ${MAX_ROW} bytes`;
  if (!row.includes('\t')) return 'has no TAB between a domain and a next hop';
  const { domain, nextHop } = splitRoute(row);
  // An address is no domain, also where what follows its @ is one.
  if (domain.includes('@')) return 'has an @ in its domain';
  const rule = rowRule(`@${domain}`);
  if (rule !== null) return describeRule(rule);
  const read = readNextHop(nextHop);
  return typeof read === 'string' ? `has a next hop that ${read}` : read;
}

/** A row whose next hop is not allowed: its number from 1, and the host. */
export interface ForeignHop {
  readonly row: number;
  readonly host: string;
}

export class TransportChecker {
  rows = 0;
  readonly domains = new DomainSet();
  fault: RowFault | null = null;
  /** The first row whose next hop is not allowed. */
  foreign: ForeignHop | null = null;
  readonly #allows: (hop: NextHop) => boolean;
  #previous: Uint8Array = new Uint8Array(0);
  #previousDomain = 0;

  /** @param allows which next hops may be in the table; all without it */
  constructor(allows: (hop: NextHop) => boolean = () => true) {
    this.#allows = allows;
  }

  push(block: RowBlock): void {
    const { bytes, starts, count } = block;
    for (let i = 0; i < count; i++) {
      const start = starts[i] ?? 0;
      const end = (starts[i + 1] ?? 1) - 1;
      this.rows++;
      const rule = this.#check(bytes, start, end);
      if (rule !== null) this.fault ??= { row: this.rows, rule };
    }
  }

  #check(bytes: Uint8Array, start: number, end: number): string | null {
    const domainEnd = routeDomainEnd(bytes, start, end);
    const before = this.#previous;
    const order = compareBytes(before, 0, before.length, bytes, start, end);
    // Rows of one domain are neighbours in the order of bytes: no byte of a domain is below the TAB.
    const isSame =
      this.rows > 1 && compareBytes(before, 0, this.#previousDomain, bytes, start, domainEnd) === 0 && domainEnd < end;
    this.#previous = new Uint8Array(bytes.subarray(start, end));
    this.#previousDomain = domainEnd - start;
    let text: string;
    try {
      text = utf8.decode(this.#previous);
    } catch {
      return 'is not UTF-8'; // a fault of the row, reported as one
    }
    const read = readRoute(text);
    if (typeof read === 'string') return read;
    if (isSame) return 'has a domain that is there twice';
    if (order >= 0) return 'is not in the order of its bytes';
    this.domains.add(bytes, start, domainEnd, this.rows);
    if (this.foreign === null && !this.#allows(read)) this.foreign = { row: this.rows, host: read.host };
    return null;
  }
}

/** Where the domain of a row ends: before its first TAB. */
export function routeDomainEnd(bytes: Uint8Array, start: number, end: number): number {
  for (let i = start; i < end; i++) if (bytes[i] === TAB) return i;
  return end;
}

/** Adds the domain of each row of a block. */
export function addRouteDomains(set: DomainSet, { bytes, starts, count }: RowBlock): void {
  for (let i = 0; i < count; i++) {
    const start = starts[i] ?? 0;
    set.add(bytes, start, routeDomainEnd(bytes, start, (starts[i + 1] ?? 1) - 1), i + 1);
  }
}
