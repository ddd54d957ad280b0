// The text of a table (format section 4) in whatever pieces it comes, and what is made of its rows.
import { rowRule } from '../../../src/bundle/address/address.ts';
import { diffRows } from '../../../src/bundle/table/delta.ts';
import { MAX_ROW, rowBlocks, type RowBlock } from '../../../src/bundle/table/rows.ts';
import { TableChecker } from '../../../src/bundle/table/table.ts';
import { TableError } from '../../../src/errors.ts';
import { domainRows } from '../../../src/map/domains.ts';
import { sourceText } from '../../../src/map/source-text.ts';
import { union } from '../../../src/map/union.ts';
import { coming, gathered, must, pieces, same, type Target } from '../target.ts';

/** A table's rows, or the first row that breaks a rule, with no regard for speed. */
function plainly(bytes: Uint8Array): { rows: string[] } | { bad: number } {
  const text = Buffer.from(bytes);
  const rows: string[] = [];
  let before: Buffer | null = null;
  for (let at = 0; at < text.length;) {
    const end = text.indexOf(0x0a, at);
    if (end < 0) return { bad: rows.length + 1 };
    const row = text.subarray(at, end);
    const chars = row.toString();
    const bom = rows.length === 0 && chars.startsWith('\ufeff');
    const canonical = Buffer.from(chars).equals(row) && !bom && row.length <= MAX_ROW && rowRule(chars) === null;
    if (!canonical || (before !== null && Buffer.compare(before, row) >= 0)) return { bad: rows.length + 1 };
    rows.push(chars);
    before = row;
    at = end + 1;
  }
  return { rows };
}

export const textOf = (blocks: readonly RowBlock[]): string =>
  blocks
    .flatMap(({ bytes, starts, count }) => [
      Buffer.from(bytes.subarray(starts[0] ?? 0, starts[count] ?? 0)).toString('latin1'),
    ])
    .join('');

async function checked(
  all: readonly Uint8Array[],
): Promise<{ checker: TableChecker; blocks: RowBlock[]; broken: string | null }> {
  const checker = new TableChecker();
  const blocks: RowBlock[] = [];
  try {
    for await (const block of rowBlocks(coming(all))) {
      checker.push(block);
      blocks.push(block);
    }
  } catch (error) {
    if (!(error instanceof TableError) || error.code !== 'NOT_CANONICAL') throw error;
    return { checker, blocks, broken: error.message };
  }
  return { checker, blocks, broken: null };
}

export const table: Target = {
  name: 'table',
  form: 'text',
  longest: 4096,
  words: [
    '@',
    '.',
    '@x.y',
    '\n',
    'ß',
    'ſ',
    'İ',
    'ẞ',
    '李',
    '\u0085',
    '\ufeff',
    '[',
    ' ',
    '"',
    '\\',
    '#',
    '\udbff',
    'K',
    `${'a'.repeat(63)}.`,
    'x'.repeat(250),
  ],
  seeds: () => [
    'a@example.org\nb@example.org\n',
    '@example.org\na b@example.org\n',
    '"@x.y\n#a@x.y\n\\@x.y\nbücher@bücher.example\n李@x.y\n',
    `${'a'.repeat(506)}@x.yz\n`,
    `a@${`${'b'.repeat(62)}.`.repeat(4)}c\n`,
    '',
    'A@x.y\n',
    'b@x.y\na@x.y\n',
    'a@x.y\na@x.y\n',
    'a@[192.0.2.1]\n',
    'a@x..y\n',
    'a@x.y',
  ],
  run: async (input) => {
    const wanted = plainly(input);
    const { checker, blocks, broken } = await checked([input]);
    const fault = checker.fault;
    const row = fault?.row ?? (broken === null ? null : checker.rows + 1);
    same(row, 'bad' in wanted ? wanted.bad : null, 'the first row that is not canonical');
    for (const salt of [1, 2]) {
      const other = await checked(pieces(input, salt));
      // Which of two rules a row breaks first may hang on where it was cut; which row it is may not.
      const otherRow = other.checker.fault?.row ?? (other.broken === null ? null : other.checker.rows + 1);
      same(otherRow, row, 'in other pieces');
    }
    if ('bad' in wanted) return fault?.rule ?? broken?.replace(/\d+/g, '0') ?? '';
    same(textOf(blocks), Buffer.from(input).toString('latin1'), 'the rows');
    same(checker.rows, wanted.rows.length, 'their number');
    const domains = [...new Set(wanted.rows.map((each) => each.slice(each.lastIndexOf('@') + 1)))];
    const sorted = domains.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    same(
      textOf([...domainRows(checker.domains)]),
      Buffer.from(sorted.map((d) => `${d}\n`).join('')).toString('latin1'),
      'the domains',
    );
    const source = () => coming(blocks);
    const two = { rows: source(), speaksFor: null };
    same(textOf(await gathered(union([two, { ...two, rows: source() }]))), textOf(blocks), 'the union with itself');
    same(textOf(await gathered(diffRows(source(), source()))), '', 'the difference from itself');
    let left = 0;
    for (const block of blocks) left += sourceText(block, Buffer.from('OK')).left;
    must(left <= checker.rows, 'more rows left out than there are');
    return `${Math.min(3, wanted.rows.length)} rows, ${Math.min(2, left)} left out`;
  },
};
