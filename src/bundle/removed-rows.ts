/** Counts what of an installed table a new one lacks, while the new one streams by: a merge of sorted rows. Pure. */
import { DomainSet } from './domain-set.ts';
import { compareBytes, RowCursor, type RowBlock, type RowStream } from './rows.ts';

const AT = 0x40;

export class RemovedRows {
  rows = 0;
  /** Domains of the removed rows; those that the new table still has are not gone. */
  readonly domains = new DomainSet();
  readonly #base: RowCursor;
  #begun = false;

  constructor(base: RowStream) {
    this.#base = new RowCursor(base);
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
    let at = end - 1;
    while (at > start && bytes[at] !== AT) at--;
    this.domains.add(bytes, at + 1, end, this.rows);
  }
}
