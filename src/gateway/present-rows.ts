/** Which of some rows a kept copy has: one pass over it. Reads that copy and nothing else. */
import { compareBytes } from '../bundle/rows.ts';
import type { Copies } from './copies.ts';

/** @throws TableError or what reading throws, for a copy that is gone or damaged. */
export async function presentRows(copies: Copies, table: string, rows: readonly string[]): Promise<Set<string>> {
  const wanted = [...new Set(rows)].map((row) => Buffer.from(row)).sort((a, b) => Buffer.compare(a, b));
  const found = new Set<string>();
  let next = 0;
  for await (const { bytes, starts, count } of copies.rows(table)) {
    for (let i = 0; i < count;) {
      const key = wanted[next];
      if (key === undefined) return found;
      const order = compareBytes(bytes, starts[i] ?? 0, (starts[i + 1] ?? 1) - 1, key, 0, key.length);
      if (order === 0) found.add(key.toString());
      if (order >= 0) next++;
      if (order <= 0) i++;
    }
  }
  return found;
}
