/**
 * Turns a query's rows into addresses: one column, or a local part and a domain (docs/commands.md section 3). Pure.
 */
import { foldCase } from '../../../bundle/address/case-folding.ts';
import { PublishError } from '../../errors.ts';
import { quotedAddress, quotedLocal } from '../quoted.ts';

/** The rows that a driver hands over at once. */
export interface Rows {
  readonly columns: readonly string[];
  /** One value per column, in the order of the columns. Drivers leave none out. */
  readonly rows: readonly (readonly unknown[])[];
}

/** A whole address. A local part may have an @ too, but hardly a name with a dot behind it. */
const ADDRESS = /^[^\s@]+@[^\s@.]+\.[^\s@]+$/;

export class RowReader {
  readonly #name: string;
  readonly #preset: 'folds' | 'exact' | null;
  #count = 0;
  #unreachable = 0;

  /**
   * @param name the source's, for messages.
   * @param preset whether a preset made the rows, and whether the database's look-ups are case-sensitive (`exact`).
   *   If they are, Postfix never finds a row that is not in the form in which it asks.
   */
  constructor(name: string, preset: 'folds' | 'exact' | null = null) {
    this.#name = name;
    this.#preset = preset;
  }

  /** Rows so far. */
  get count(): number {
    return this.#count;
  }

  /** Rows of a preset that the software's own Postfix never finds. They are left out. */
  get unreachable(): number {
    return this.#unreachable;
  }

  /**
   * The addresses as they stand. If there are two columns, the local part is quoted where needed.
   * @throws PublishError SOURCE if there are not one or two columns, or a value is NULL, empty, not text or not
   *   UTF-8. A row without an address is a fault of the query, and `skip_invalid` does not excuse it: an empty
   *   local part would mean a whole domain.
   */
  addresses({ columns, rows }: Rows): string[] {
    if (columns.length !== 1 && columns.length !== 2) {
      throw new PublishError(
        'SOURCE',
        `${this.#name}: the query gives ${columns.length} columns (${columns.map((name) => JSON.stringify(name)).join(', ')}); it must give an address, or a local part and a domain`,
      );
    }
    const found: string[] = [];
    for (const row of rows) {
      this.#count++;
      const first = this.#text(columns, row, 0);
      if (columns.length === 2 && this.#preset === null && ADDRESS.test(first)) throw this.#twice(columns);
      if (columns.length === 2) found.push(`${quotedLocal(first)}@${this.#text(columns, row, 1)}`);
      else if (this.#preset === null) found.push(first);
      else if (this.#preset === 'exact' && foldCase(first).trimEnd() !== first) this.#unreachable++;
      else found.push(quotedAddress(first));
    }
    return found;
  }

  /**
   * A domain, a TAB and a next hop for each row.
   * @throws PublishError SOURCE if there are not two columns, or a value is none.
   */
  routes({ columns, rows }: Rows): string[] {
    if (columns.length !== 2) {
      const names = columns.map((name) => JSON.stringify(name)).join(', ');
      const what = `the query gives ${columns.length} columns (${names}); it must give a domain and a next hop`;
      throw new PublishError('SOURCE', `${this.#name}: ${what}`);
    }
    return rows.map((row) => {
      this.#count++;
      return `${this.#text(columns, row, 0)}\t${this.#text(columns, row, 1)}`;
    });
  }

  /** Joined, the two would be an address in whose local part an address stands: nobody would be in the list. */
  #twice([name]: readonly string[]): PublishError {
    const what =
      'is an address, and the query gives another column; it must give the address alone, or a local part and a domain';
    return new PublishError('SOURCE', `${this.#name}, row ${this.#count}: column ${JSON.stringify(name)} ${what}`);
  }

  #text(columns: readonly string[], row: readonly unknown[], column: number): string {
    const value = row[column];
    if (typeof value === 'string' && value !== '' && !value.includes('\ufffd')) return value;
    const what =
      value === null || value === undefined
        ? 'is NULL; leave such rows out by a WHERE'
        : value === ''
          ? 'is empty; leave such rows out by a WHERE'
          : typeof value === 'string'
            ? 'is not UTF-8'
            : `is ${kindOf(value)}, not text; ${Array.isArray(value) ? 'unnest()' : 'CAST'} it`;
    throw new PublishError(
      'SOURCE',
      `${this.#name}, row ${this.#count}: column ${JSON.stringify(columns[column])} ${what}`,
    );
  }
}

function kindOf(value: unknown): string {
  if (value instanceof Uint8Array) return 'binary data';
  if (value instanceof Date) return 'a time';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'a structure' : `a ${typeof value}`;
}
