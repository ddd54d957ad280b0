/**
 * Streams CSV (RFC 4180): records with their columns. The parser is our own: it names the wrong row, keeps each
 * row's width, and refuses a quote in the wrong place. The libraries guess there or give up. Pure.
 */
import { PublishError } from '../../../errors.ts';
import type { Entry } from '../../source-reader.ts';
import type { ReadingOptions } from '../text-options.ts';
import { columnOf } from '../columns.ts';
import { Records, type Field } from '../records.ts';
import { headerOf, type Header } from './csv-header.ts';

const MAX_ROW = 256 * 1024;
const SEPARATORS = [',', ';', '\t', '|', '%'];

/** @throws PublishError SOURCE for a row that ends inside quotes or has text after them, or an unknown column. */
export async function* csvEntries(
  options: ReadingOptions,
  batches: AsyncIterable<readonly string[]>,
): AsyncGenerator<Entry[]> {
  const reader = new RowReader(options.separator);
  const table = new CsvTable(options);
  let rows = 0;
  const failed = (why: string) => new PublishError('SOURCE', `${options.name}, row ${rows + 1}: ${why}`);
  for await (const lines of batches) {
    const found: Entry[] = [];
    for (const line of lines) {
      if (!reader.isOpen && line.trim() === '') {
        rows++;
        continue;
      }
      // PowerShell and Excel write this before the header.
      const preface = table.begun || reader.isOpen ? null : /^"?(?:sep=(.)|#TYPE .*?)"?\r?$/i.exec(line);
      if (preface !== null || isRemark(line, table.begun, reader.isOpen)) {
        if (preface?.[1] !== undefined) reader.separator ??= preface[1];
        rows++;
        continue;
      }
      const cells = reader.read(line);
      if (cells === 'open') {
        if (reader.size > MAX_ROW) throw failed(`a quote is not closed within ${MAX_ROW} characters`);
        continue;
      }
      if (cells === null) throw failed('text behind a closing quote');
      rows++;
      found.push(...table.take(rows, cells));
    }
    yield found;
  }
  if (reader.isOpen) throw failed('ends within quotes; is it cut short?');
}

/** A comment before the header, which has a name that is known or an address; and what psql writes last. */
const isRemark = (line: string, begun: boolean, isOpen: boolean): boolean =>
  !isOpen &&
  (begun
    ? /^\(\d+ rows?\)\r?$/.test(line)
    : line.startsWith('#') &&
      !line.includes('@') &&
      !line.split(separatorOf(line)).some((cell) => columnOf(cell) !== 'unknown'));

/** Turns rows into records: by the header, by the numbers of the columns, or, without either, by their contents. */
class CsvTable {
  readonly #options: ReadingOptions;
  readonly #records: Records;
  #header: Header | null = null;
  /** Without a header: columns that contained an address, and rows in which something else stood there. */
  readonly #addressed = new Set<number>();
  readonly #otherwise = new Map<number, number>();

  constructor(options: ReadingOptions) {
    this.#options = options;
    // With a header, the wanted columns have been found by now.
    this.#records = new Records({
      ...options,
      unit: 'row',
      columns: options.columns === undefined ? undefined : ['wanted'],
    });
  }

  get begun(): boolean {
    return this.#header !== null;
  }

  take(number: number, cells: readonly string[]): Entry[] {
    if (this.#header === null) {
      this.#header = headerOf(this.#options, cells);
      if (this.#header.isRow) return [];
    }
    const { names } = this.#header;
    if (names !== null) return this.#records.take(number, this.#named(number, cells, names));
    return this.#records.take(number, this.#unnamed(number, cells));
  }

  #unnamed(number: number, cells: readonly string[]): Field[] {
    const { name, domain } = this.#options;
    cells.forEach((cell, i) => {
      if (cell.includes('@') || (domain !== undefined && cells.length === 1)) {
        const other = this.#otherwise.get(i);
        if (other !== undefined) {
          const why = `column ${i + 1} has no @, but an address in row ${number}`;
          throw new PublishError('SOURCE', `${name}, row ${other}: ${why}; say with columns = [...] which to take`);
        }
        this.#addressed.add(i);
      } else if (cell.trim() !== '' && !this.#addressed.has(i) && !this.#otherwise.has(i))
        this.#otherwise.set(i, number);
    });
    const fields = cells.flatMap((cell, i): Field[] => (this.#addressed.has(i) ? [['address', cell]] : []));
    // A row without anything like an address is a mistake, unless it is empty.
    return fields.some(([, cell]) => cell.trim() !== '') ? fields : cells.map((cell): Field => ['address', cell]);
  }

  #named(number: number, cells: readonly string[], names: readonly string[]): Field[] {
    const failed = (why: string) => new PublishError('SOURCE', `${this.#options.name}, row ${number}: ${why}`);
    const beyond = cells.findIndex((cell, i) => i >= names.length && cell.includes('@'));
    if (beyond >= 0)
      throw failed(
        `${cells.length} columns, the header has ${names.length}, and an address is in column ${beyond + 1}`,
      );
    const first = this.#header?.first ?? 0;
    if (cells.length <= first)
      throw failed(
        `${cells.length === 1 ? '1 column' : `${cells.length} columns`}, the address is in column ${first + 1}`,
      );
    return names.map((name, i): Field => [name, cells[i] ?? '']);
  }
}

/**
 * Reads cells row by row. A quoted cell may span many lines. Each line is scanned only once: scanning the row again
 * for every further line would take minutes.
 */
class RowReader {
  /** Characters of the row so far. */
  size = 0;
  separator: string | undefined;
  #cells: string[] = [];
  /** The lines of an unclosed quoted cell. */
  #open: string[] = [];

  constructor(separator: string | undefined) {
    this.separator = separator;
  }

  get isOpen(): boolean {
    return this.#open.length > 0;
  }

  /**
   * The cells of the row that ends with this line; `open` if a quoted cell continues in the next one; null if text
   * follows a closing quote. A quote inside an unquoted cell is an ordinary character. Otherwise it would swallow
   * the rows up to the next quote.
   */
  read(line: string): string[] | 'open' | null {
    const row = line.replace(/\r$/, '');
    this.size = this.isOpen ? this.size + line.length + 1 : line.length;
    for (let at = 0; ;) {
      const quoted = this.isOpen || row[at] === '"';
      // If the first row begins with a quote, the separator follows the closing quote.
      if (!quoted) this.separator ??= separatorOf(row);
      let end = quoted ? this.#quotedCell(line, row, at) : row.indexOf(this.separator ?? ',', at);
      if (end === 'open') return 'open';
      if (!quoted) this.#cells.push(row.slice(at, end < 0 ? undefined : end));
      else if (end >= row.length) end = -1;
      else {
        const next = row[end] ?? '';
        this.separator ??= SEPARATORS.includes(next) ? next : separatorOf(row.slice(end));
        if (next !== this.separator) return null;
      }
      if (end < 0) {
        const cells = this.#cells;
        this.#cells = [];
        return cells;
      }
      at = end + 1;
    }
  }

  /** Reads a quoted cell that begins at `at`, or continues. @returns where it ends. */
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

/**
 * The first usual separator in the row outside quotes. `%` counts only after a quoted cell: addresses may contain
 * it.
 */
export function separatorOf(row: string): string {
  const plain = row.replace(/"[^"]*"/g, '');
  return SEPARATORS.slice(0, 4).find((each) => plain.includes(each)) ?? ',';
}

/** Where the quote that is open at `from` closes, or -1. Two quotes in a row stand for one in the text. */
function closingQuote(row: string, from: number): number {
  for (let at = row.indexOf('"', from); at >= 0; at = row.indexOf('"', at + 2)) if (row[at + 1] !== '"') return at;
  return -1;
}
