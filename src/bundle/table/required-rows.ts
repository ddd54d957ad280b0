/**
 * Which of a few required addresses a table accepts, by its own row or by its domain's, while the rows stream by.
 * Pure.
 */
import { compareBytes, type RowBlock } from './rows.ts';

export class RequiredRows {
  /** By required address: the rows of which one is enough. */
  readonly #required: ReadonlyMap<string, readonly string[]>;
  readonly #wanted: Uint8Array[];
  readonly #found = new Set<string>();
  #next = 0;

  /** @param required addresses in canonical form. @param forms the spellings of an address of which one is enough */
  constructor(required: readonly string[], forms: (address: string) => readonly string[] = (address) => [address]) {
    const rowsOf = (a: string) => forms(a).flatMap((form) => [form, form.slice(form.lastIndexOf('@'))]);
    this.#required = new Map(required.map((address) => [address, rowsOf(address)]));
    const rows = new Set([...this.#required.values()].flat());
    this.#wanted = [...rows].map((row) => Buffer.from(row)).sort((a, b) => Buffer.compare(a, b));
  }

  push(block: RowBlock): void {
    for (;;) {
      const row = this.#wanted[this.#next];
      if (row === undefined) return;
      const at = firstNotBefore(block, row);
      if (at === block.count) return; // it may be in a later block
      if (compareAt(block, at, row) === 0) this.#found.add(Buffer.from(row).toString());
      this.#next++;
    }
  }

  missing(): string[] {
    return [...this.#required].flatMap(([a, rows]) => (rows.some((row) => this.#found.has(row)) ? [] : [a]));
  }
}

function compareAt({ bytes, starts }: RowBlock, i: number, row: Uint8Array): number {
  return compareBytes(bytes, starts[i] ?? 0, (starts[i + 1] ?? 1) - 1, row, 0, row.length);
}

function firstNotBefore(block: RowBlock, row: Uint8Array): number {
  let low = 0;
  let high = block.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareAt(block, middle, row) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
