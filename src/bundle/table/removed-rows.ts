/** Counts what of an installed table a new one lacks, while the new one streams by: a merge of sorted rows. Pure. */
import { DomainSet } from './domain-set.ts';
import { compareBytes, RowCursor, type RowBlock, type RowStream } from './rows.ts';
import { routeDomainEnd } from './transport.ts';

const AT = 0x40;
const MINUS = 0x2d;

/** What a new table lacks of the installed one; complete once both have been read. */
export interface Removed {
  readonly rows: number;
  /** Domains of the removed rows; those that the new table still has are not gone. */
  readonly domains: DomainSet;
}

export class RemovedRows implements Removed {
  rows = 0;
  readonly domains = new DomainSet();
  readonly #base: RowCursor;
  readonly #isHops: boolean;
  #begun = false;

  /** @param isHops the rows are `DOMAIN TAB NEXTHOP` */
  constructor(base: RowStream, isHops = false) {
    this.#base = new RowCursor(base);
    this.#isHops = isHops;
  }

  /** Takes the next rows of the new table. Errors of the base's stream pass through. */
  async push(block: RowBlock): Promise<void> {
    const base = this.#base;
    let left = await this.#begin();
    const { bytes, starts, count } = block;
    for (let i = 0; i < count && left;) {
      const order = compareBytes(base.bytes, base.start, base.end, bytes, starts[i] ?? 0, (starts[i + 1] ?? 1) - 1);
      if (order < 0) this.#remove();
      if (order <= 0) left = base.step() || (await base.load());
      if (order >= 0) i++;
    }
  }

  /** The new table has ended: what is left of the base is gone. */
  async end(): Promise<void> {
    for (let left = await this.#begin(); left; left = this.#base.step() || (await this.#base.load())) this.#remove();
  }

  /** Whether there is a row of the base to compare with. */
  async #begin(): Promise<boolean> {
    if (this.#begun) return !this.#base.ended;
    this.#begun = true;
    return this.#base.load();
  }

  close(): Promise<void> {
    return this.#base.close();
  }

  #remove(): void {
    const { bytes, start, end } = this.#base;
    this.rows++;
    addDomain(this.domains, bytes, start, end, this.rows, this.#isHops);
  }
}

/** The same of a delta that applies to the installed table: what it takes away. */
export class RowsTaken implements Removed {
  rows = 0;
  readonly domains = new DomainSet();
  readonly #isHops: boolean;

  /** @param isHops the rows are `DOMAIN TAB NEXTHOP` */
  constructor(isHops = false) {
    this.#isHops = isHops;
  }

  /** The delta's rows, looked at as they pass. */
  async *of(delta: RowStream): AsyncGenerator<RowBlock> {
    for await (const block of delta) {
      const { bytes, starts, count } = block;
      for (let i = 0; i < count; i++) {
        const start = starts[i] ?? 0;
        if (bytes[start] !== MINUS) continue;
        this.rows++;
        addDomain(this.domains, bytes, start + 1, (starts[i + 1] ?? 1) - 1, this.rows, this.#isHops);
      }
      yield block;
    }
  }
}

function addDomain(
  domains: DomainSet,
  bytes: Uint8Array,
  start: number,
  end: number,
  row: number,
  isHops: boolean,
): void {
  if (isHops) {
    domains.add(bytes, start, routeDomainEnd(bytes, start, end), row);
    return;
  }
  let at = end - 1;
  // A delta is looked at before its table's hash is known: a row of it may lack the @, and must not reach into the
  // one before.
  while (at >= start && bytes[at] !== AT) at--;
  domains.add(bytes, at + 1, end, row);
}
