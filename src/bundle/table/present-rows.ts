/** Which of some rows a table has: one pass over it. Pure. */
import { compareBytes, type RowStream } from './rows.ts';

/** Errors of the table's stream pass through; it is left once the last of the rows would have come. */
export async function presentRows(table: RowStream, rows: Iterable<string>): Promise<Set<string>> {
  const wanted = [...new Set(rows)].map((row) => Buffer.from(row)).sort((a, b) => Buffer.compare(a, b));
  const found = new Set<string>();
  let next = 0;
  for await (const { bytes, starts, count } of table) {
    for (let i = 0; i < count;) {
      const key = wanted[next];
      if (key === undefined) return found;
      const order = compareBytes(bytes, starts[i] ?? 0, (starts[i + 1] ?? 1) - 1, key, 0, key.length);
      if (order === 0) found.add(key.toString());
      if (order < 0) i++;
      else next++;
    }
  }
  return found;
}
