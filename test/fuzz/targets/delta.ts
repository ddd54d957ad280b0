// A delta (format section 5) on the one base that it is for: two texts, parted by a NUL.
import { applyDelta, composeDeltas, DeltaMismatch, diffRows } from '../../../src/bundle/table/delta.ts';
import { MAX_ROW, rowBlocks, type RowBlock } from '../../../src/bundle/table/rows.ts';
import { TableError } from '../../../src/errors.ts';
import { coming, gathered, pieces, same, type Target } from '../target.ts';
import { textOf } from './table.ts';

/** The rows of a text; the base is a table and so in order, each row once. */
const rowsOf = (text: string): string[] => text.split('\n').slice(0, -1);
const inOrder = (rows: readonly string[]): string[] => [...new Set(rows)].sort();

/** What a delta makes of a base by the page's own words; null where it does not apply. */
function plainly(base: readonly string[], delta: string): string[] | null {
  const table = new Set(base);
  let last: string | null = null;
  if (delta !== '' && !delta.endsWith('\n')) return null;
  for (const line of rowsOf(delta)) {
    const [sign, row] = [line[0], line.slice(1)];
    if (line === '' || row.length > MAX_ROW || (last !== null && row <= last)) return null;
    last = row;
    if (sign === '+' ? table.has(row) : sign !== '-' || !table.has(row)) return null;
    if (sign === '+') table.add(row);
    else table.delete(row);
  }
  return inOrder([...table]);
}

async function made(stream: AsyncIterable<RowBlock>): Promise<string | null> {
  try {
    return textOf(await gathered(stream));
  } catch (error) {
    if (error instanceof DeltaMismatch || (error instanceof TableError && error.code === 'NOT_CANONICAL')) return null;
    throw error;
  }
}

const stream = (text: string, salt = 0) => rowBlocks(coming(pieces(Buffer.from(text, 'latin1'), salt)));

export const delta: Target = {
  name: 'delta',
  form: 'text',
  longest: 4096,
  words: ['\n+', '\n-', '+', '-', '\0', '@x.y\n', '++', '--', 'x'.repeat(506)],
  seeds: () => [
    'a@x.y\nb@x.y\nc@x.y\n\0-b@x.y\n+bb@x.y\n',
    'a@x.y\n\0+b@x.y\n',
    '\0+a@x.y\n',
    'a@x.y\n\0-a@x.y\n',
    'a@x.y\n\0',
    `a@x.y\n\0+${'b'.repeat(508)}@x.y\n`,
    `a@x.y\n\0+${'b'.repeat(509)}@x.y\n`,
    'a@x.y\nc@x.y\n\0-c@x.y\n-a@x.y\n',
    'a@x.y\n\0+a@x.y\n',
    'a@x.y\n\0-b@x.y\n',
    'a@x.y\n\0a@x.y\n',
  ],
  run: async (input) => {
    const text = Buffer.from(input).toString('latin1');
    const at = text.indexOf('\0');
    const base = inOrder(rowsOf(text.slice(0, Math.max(at, 0)))).filter((row) => row !== '' && row.length <= MAX_ROW);
    const change = text.slice(at + 1);
    const old = base.map((row) => `${row}\n`).join('');
    const wanted = plainly(base, change);
    const next = await made(applyDelta(stream(old), stream(change, 1)));
    // The empty row cannot stand in a table: what the table's checker says of it is not the delta's matter.
    same(next, wanted === null ? null : wanted.map((row) => `${row}\n`).join(''), 'the delta applied');
    same(await made(applyDelta(stream(old, 2), stream(change, 3))), next, 'in other pieces');
    if (next === null) return 'does not apply';
    const back = (await made(diffRows(stream(next), stream(old)))) ?? '';
    same(await made(applyDelta(stream(next), stream(back))), old, 'there and back');
    const forth = (await made(diffRows(stream(old), stream(next)))) ?? '';
    same(forth, change, 'a delta that applies is the difference');
    same(await made(composeDeltas(stream(forth), stream(back))), '', 'both ways together');
    return `${Math.min(3, rowsOf(change).length)} rows`;
  },
};
