/** Whether the first row of a CSV is a header, and which of its columns are taken. Pure. */
import { PublishError } from '../../../errors.ts';
import { columnOf, plainName } from '../columns.ts';
import type { ReadingOptions } from '../text-options.ts';

export interface Header {
  /** The first row is one, and holds no addresses. */
  readonly isRow: boolean;
  /** A name a column, those that are wanted called `wanted` where the configuration names columns; null: by what stands in them. */
  readonly names: readonly string[] | null;
  /** The place of the first column that is taken. */
  readonly first: number;
}

/** @throws PublishError SOURCE: neither a header that is known nor a row with an address. */
export function headerOf({ name, columns, domain }: ReadingOptions, cells: readonly string[]): Header {
  const failed = (why: string) => new PublishError('SOURCE', `${name}, row 1: ${why}`);
  const hasAddress = cells.some((cell) => cell.includes('@'));
  if (columns !== undefined) return chosen(columns, cells, hasAddress, failed);
  if (hasAddress) return { isRow: false, names: null, first: 0 };
  const kinds = cells.map(columnOf);
  const first = ['address', 'user', 'alias']
    .map((kind) => kinds.findIndex((each) => each === kind))
    .find((at) => at >= 0);
  if (first !== undefined) return { isRow: true, names: cells, first };
  if (domain !== undefined && cells.length === 1) return { isRow: false, names: null, first: 0 };
  throw failed('no @ in it, and no column that is known for addresses; say with columns = [...] which to take');
}

/** The columns that the configuration names, by their headers or by their numbers. */
function chosen(
  columns: readonly (string | number)[],
  cells: readonly string[],
  hasAddress: boolean,
  failed: (why: string) => PublishError,
): Header {
  const plain = cells.map(plainName);
  const places = columns.map((column) => {
    if (typeof column === 'number') return column - 1;
    const at = hasAddress ? -1 : cells.indexOf(column) >= 0 ? cells.indexOf(column) : plain.indexOf(plainName(column));
    if (at < 0)
      throw failed(`there is no column ${JSON.stringify(column)}${hasAddress ? ', since it is no header' : ''}`);
    return at;
  });
  const byName = columns.some((column) => typeof column === 'string');
  const first = Math.min(...places);
  const count = Math.max(cells.length, ...places.map((at) => at + 1));
  const names = Array.from({ length: count }, (_, i) => {
    if (places.includes(i)) return 'wanted';
    return columnOf(cells[i] ?? '') === 'status' && !hasAddress ? (cells[i] ?? '') : `column ${i + 1}`;
  });
  // By numbers alone a first row is a header only if it is known for one: a mistyped address must not pass for it.
  const isKnown = !hasAddress && cells.some((cell) => columnOf(cell) !== 'unknown' || NAMES.has(plainName(cell)));
  return { isRow: byName || isKnown, names, first };
}

/** What stands in the headers of lists of people. */
const NAMES = new Set(
  'name displayname fullname firstname lastname givenname surname nachname vorname department title company office city'.split(
    ' ',
  ),
);
