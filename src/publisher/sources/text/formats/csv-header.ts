/** Whether the first row of a CSV is a header, and which columns to take. Pure. */
import { PublishError } from '../../../errors.ts';
import { columnOf, plainName } from '../columns.ts';
import type { ReadingOptions } from '../text-options.ts';

export interface Header {
  /** The first row is a header and contains no addresses. */
  readonly isRow: boolean;
  /**
   * A name for each column. If the configuration names columns, those are called `wanted`. Null: decide by the
   * contents.
   */
  readonly names: readonly string[] | null;
  /** The index of the first column to take. */
  readonly first: number;
}

/** @throws PublishError SOURCE if it is neither a known header nor a row with an address. */
export function headerOf({ name, columns, domain }: ReadingOptions, cells: readonly string[]): Header {
  const failed = (why: string) => new PublishError('SOURCE', `${name}, row 1: ${why}`);
  const hasAddress = cells.some((cell) => cell.includes('@'));
  if (columns !== undefined) return chosen(columns, cells, hasAddress, failed);
  if (hasAddress) return { isRow: false, names: null, first: 0 };
  const kinds = cells.map(columnOf);
  const first = ['address', 'user', 'alias', 'local']
    .map((kind) => kinds.findIndex((each) => each === kind))
    .find((at) => at >= 0);
  if (first !== undefined) return { isRow: true, names: cells, first };
  if (domain !== undefined && cells.length === 1) return { isRow: false, names: null, first: 0 };
  throw failed('no @ in it, and no column that is known for addresses; say with columns = [...] which to take');
}

/** The columns that the configuration names, by header or by number. */
function chosen(
  columns: readonly (string | number)[],
  cells: readonly string[],
  hasAddress: boolean,
  failed: (why: string) => PublishError,
): Header {
  const plain = cells.map(plainName);
  // A name may stand above several columns, and `Mail` for `Mail 1` and `Mail 2`.
  const allOf = (names: readonly string[], name: string) => names.flatMap((each, i) => (each === name ? [i] : []));
  const places = columns.flatMap((column) => {
    if (typeof column === 'number') return [column - 1];
    const exact = hasAddress ? [] : allOf(cells, column);
    const found = hasAddress || exact.length > 0 ? exact : allOf(plain, plainName(column));
    if (found.length === 0)
      throw failed(`there is no column ${JSON.stringify(column)}${hasAddress ? ', since it is no header' : ''}`);
    return found;
  });
  const byName = columns.some((column) => typeof column === 'string');
  const first = Math.min(...places);
  const count = Math.max(cells.length, ...places.map((at) => at + 1));
  const names = Array.from({ length: count }, (_, i) => {
    const kind = hasAddress ? 'unknown' : columnOf(cells[i] ?? '');
    if (places.includes(i)) return kind === 'local' ? (cells[i] ?? '') : 'wanted';
    return kind === 'status' || kind === 'domain' ? (cells[i] ?? '') : `column ${i + 1}`;
  });
  // If columns are given only by number, the first row is a header only if its names are known: a mistyped address
  // must not pass for a header.
  const isKnown = !hasAddress && cells.some((cell) => columnOf(cell) !== 'unknown' || NAMES.has(plainName(cell)));
  return { isRow: byName || isKnown, names, first };
}

/** Names in the headers of lists of people. */
const NAMES = new Set(
  'name displayname fullname firstname lastname givenname surname nachname vorname department title company office city'.split(
    ' ',
  ),
);
