/** CSV (RFC 4180) as it streams: one column of it, an entry a row. Pure. */
import { PublishError } from '../errors.ts';

/** What a header calls the column of addresses, without case, blanks, `-` and `_`. */
const COLUMNS = ['address', 'email', 'emailaddress', 'mail', 'mailaddress', 'primarysmtpaddress', 'recipient'];
const MAX_ROW = 64 * 1024;

/**
 * The addresses of a CSV: of the column whose header is like `address`, `email` or `mail`, else of the first. A first row without any @ is
 * a header. The separator is a comma, a semicolon or a tab, whichever the first row has. A header, a blank line and an empty
 * cell are `''`.
 * @param batches lines without their LF.
 * @throws PublishError SOURCE: a row that ends within quotes, has text behind them, or has no such column.
 */
export async function* csvColumn(name: string, batches: AsyncIterable<readonly string[]>): AsyncGenerator<string[]> {
  const failed = (why: string) => new PublishError('SOURCE', `${name}, row ${rows + 1}: ${why}`);
  let [separator, column, rows, open] = [',', -1, 0, ''];
  for await (const lines of batches) {
    const found: string[] = [];
    for (const line of lines) {
      const text = open === '' ? line : `${open}\n${line}`;
      const row = text.replace(/\r$/, '');
      const isFirst = column < 0 && row.trim() !== '';
      if (isFirst) separator = separatorOf(row);
      const cells = cellsOf(row, separator);
      if (cells === 'open') {
        if (text.length > MAX_ROW) throw failed(`a quote is not closed within ${MAX_ROW} characters`);
        open = text;
        continue;
      }
      open = '';
      if (cells === null) throw failed('text behind a closing quote');
      if (isFirst) {
        const header = cells.every((cell) => !cell.includes('@'));
        column = header ? columnOf(cells) : 0;
        found.push(header ? '' : (cells[0] ?? '').trim());
      } else if (row.trim() === '') found.push('');
      else if (cells.length <= column)
        throw failed(
          `${cells.length === 1 ? '1 column' : `${cells.length} columns`}, the address is in column ${column + 1}`,
        );
      else found.push((cells[column] ?? '').trim());
      rows++;
    }
    yield found;
  }
  if (open !== '') throw failed('ends within quotes; is it cut short?');
}

function separatorOf(row: string): string {
  const plain = row.replace(/"[^"]*"/g, '');
  return [',', ';', '\t'].find((each) => plain.includes(each)) ?? ',';
}

function columnOf(header: readonly string[]): number {
  const names = header.map((cell) => cell.toLowerCase().replace(/[\s_-]/g, ''));
  const at = names.findIndex((each) => COLUMNS.includes(each));
  return Math.max(at, 0);
}

/**
 * The cells of a row; `open` where a quoted cell goes on in the next line, null where text follows its closing quote. A quote within an
 * unquoted cell is a character like any other: taken for more, it would swallow the rows up to the next one.
 */
function cellsOf(row: string, separator: string): string[] | 'open' | null {
  if (!row.includes('"')) return row.split(separator);
  const cells: string[] = [];
  for (let at = 0; ;) {
    let end = row.indexOf(separator, at);
    if (row[at] === '"') {
      const close = closingQuote(row, at);
      if (close < 0) return 'open';
      cells.push(row.slice(at + 1, close).replaceAll('""', '"'));
      end = close + 1 < row.length ? close + 1 : -1;
      if (end >= 0 && row[end] !== separator) return null;
    } else cells.push(row.slice(at, end < 0 ? undefined : end));
    if (end < 0) return cells;
    at = end + 1;
  }
}

/** Where the quote that is opened at `from` closes, or -1; two quotes in a row are one of the text. */
function closingQuote(row: string, from: number): number {
  for (let at = row.indexOf('"', from + 1); at >= 0; at = row.indexOf('"', at + 2)) if (row[at + 1] !== '"') return at;
  return -1;
}
