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
  const reader = new RowReader();
  let [column, rows] = [-1, 0];
  for await (const lines of batches) {
    const found: string[] = [];
    for (const line of lines) {
      if (!reader.isOpen && line.trim() === '') {
        found.push('');
        rows++;
        continue;
      }
      const cells = reader.read(line);
      if (cells === 'open') {
        if (reader.size > MAX_ROW) throw failed(`a quote is not closed within ${MAX_ROW} characters`);
        continue;
      }
      if (cells === null) throw failed('text behind a closing quote');
      if (column < 0) {
        const header = cells.every((cell) => !cell.includes('@'));
        column = header ? columnOf(cells) : 0;
        found.push(header ? '' : (cells[0] ?? '').trim());
      } else if (cells.length <= column)
        throw failed(
          `${cells.length === 1 ? '1 column' : `${cells.length} columns`}, the address is in column ${column + 1}`,
        );
      else found.push((cells[column] ?? '').trim());
      rows++;
    }
    yield found;
  }
  if (reader.isOpen) throw failed('ends within quotes; is it cut short?');
}

/**
 * Cells row by row. A quoted cell may go on over many lines, and each of them is looked at once: a row that is read anew with every line
 * that comes to it takes minutes.
 */
class RowReader {
  /** Characters of the row so far. */
  size = 0;
  #separator: string | null = null;
  #cells: string[] = [];
  /** The lines of a quoted cell that is not closed. */
  #open: string[] = [];

  get isOpen(): boolean {
    return this.#open.length > 0;
  }

  /**
   * The cells of the row that ends with this line; `open` where a quoted cell goes on in the next one, null where text follows a closing
   * quote. A quote within an unquoted cell is a character like any other: taken for more, it would swallow the rows up to the next one.
   */
  read(line: string): string[] | 'open' | null {
    const row = line.replace(/\r$/, '');
    this.size = this.isOpen ? this.size + line.length + 1 : line.length;
    for (let at = 0; ;) {
      const quoted = this.isOpen || row[at] === '"';
      // A first row that begins with a quote shows its separator behind that.
      if (!quoted) this.#separator ??= separatorOf(row);
      let end = quoted ? this.#quotedCell(line, row, at) : row.indexOf(this.#separator ?? ',', at);
      if (end === 'open') return 'open';
      if (!quoted) this.#cells.push(row.slice(at, end < 0 ? undefined : end));
      else if (end >= row.length) end = -1;
      else {
        this.#separator ??= separatorOf(row.slice(end));
        if (row[end] !== this.#separator) return null;
      }
      if (end < 0) {
        const cells = this.#cells;
        this.#cells = [];
        return cells;
      }
      at = end + 1;
    }
  }

  /** Takes a quoted cell that begins at `at`, or goes on. @returns where it ends. */
  #quotedCell(line: string, row: string, at: number): number | 'open' {
    const from = this.isOpen ? 0 : at + 1;
    const close = closingQuote(row, from);
    if (close < 0) {
      this.#open.push(line.slice(from));
      return 'open';
    }
    this.#cells.push([...this.#open, row.slice(from, close)].join('\n').replaceAll('""', '"'));
    this.#open = [];
    return close + 1;
  }
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

/** Where the quote closes that is open at `from`, or -1; two quotes in a row are one of the text. */
function closingQuote(row: string, from: number): number {
  for (let at = row.indexOf('"', from); at >= 0; at = row.indexOf('"', at + 2)) if (row[at + 1] !== '"') return at;
  return -1;
}
