/**
 * What PowerShell and database clients show on a screen: a table, columns under a line of dashes. It cuts off what does
 * not fit; the reader refuses that. Pure.
 */
import { PublishError } from '../../../errors.ts';
import type { Entry } from '../../source-reader.ts';
import type { ReadingOptions } from '../text-options.ts';
import { isNaming } from '../columns.ts';
import { Records, shownColumn, type Field } from '../records.ts';

/** The line under a header: of PowerShell, sqlcmd and sqlite3 with blanks, of psql with a plus between columns. */
export const DASHES = /^\s*-{2,}(?:(?: +|\+)-+)*\s*$/;
/** A line of the frame that the client of MySQL draws. */
export const FRAME = /^\+(?:-+\+)+$/;
/** What psql, sqlcmd, sqlplus and the client of MySQL write last. */
const ROW_COUNT = /^\(\d+ rows?(?: affected)?\)$|^\d+ rows? (?:in set\b|selected\.$)/;
/** sqlite3 and others draw the same frame in characters for that. */
export const inAscii = (line: string): string =>
  line.includes('─') || line.includes('│')
    ? line
        .replace(/[│║]/g, '|')
        .replace(/[─═]/g, '-')
        .replace(/[┌┬┐├┼┤└┴┘╭╮╰╯]/g, '+')
    : line;

const NO_DASHES = 'no line of dashes under the header';

interface TableColumn {
  readonly name: string;
  readonly start: number;
  readonly end: number | undefined;
}

/** @throws PublishError SOURCE for text where a header was expected. */
export async function* tableEntries(
  options: ReadingOptions,
  batches: AsyncIterable<readonly string[]>,
): AsyncGenerator<Entry[]> {
  const records = new Records({ ...options, unit: 'line', columns: options.columns?.map(String) });
  let number = 0;
  const failed = (line: number, why: string) => new PublishError('SOURCE', `${options.name}, line ${line}: ${why}`);
  /** A line that may be a header. The next line shows whether it is. */
  let header: string | null = null;
  let columns: TableColumn[] | null = null;
  let isFramed = false;
  for await (const lines of batches) {
    const found: Entry[] = [];
    for (const line of lines) {
      number++;
      const text = inAscii(line.trimEnd());
      const isFrame = FRAME.test(text);
      if (columns === null && header === null && isFrame) isFramed = true;
      else if (header === null && ROW_COUNT.test(text)) columns = null;
      else if (text === '') {
        if (header !== null) throw failed(number - 1, NO_DASHES);
        columns = null;
      } else if (columns !== null) {
        if (isFramed && isFrame) columns = null;
        else found.push(...records.take(number, fieldsOf(text, columns)));
      } else if (header !== null) {
        if (!(isFramed ? isFrame : DASHES.test(text))) throw failed(number, NO_DASHES);
        columns = columnsOf(header, text);
        if (!columns.some(({ name }) => isNaming(records.kindOf(name))))
          throw failed(number - 1, 'no column that is known for addresses; say with columns = [...] which to take');
        header = null;
      } else header = text;
    }
    yield found;
  }
  if (header !== null) throw failed(number, NO_DASHES);

  /** @throws PublishError SOURCE if a column with addresses does not stand under its header. */
  function fieldsOf(text: string, all: readonly TableColumn[]): Field[] {
    return all.map(({ name, start, end }): Field => {
      // A letter that is two columns wide on a screen moves what stands behind it. Numbers may begin further left.
      const cut = [start, end ?? text.length].map((at) => wordAround(text, at)).join(' ');
      const kind = records.kindOf(name);
      if (cut.includes('@') || (cut.trim() !== '' && (isNaming(kind) || kind === 'status')))
        throw failed(number, `${shownColumn(name)} does not stand under its header; export it as CSV`);
      return [name, trimmed(text.slice(start, end))];
    });
  }
}

function columnsOf(header: string, dashes: string): TableColumn[] {
  const starts = [...dashes.matchAll(/-+/g)].map(({ index }) => index);
  return starts.map((start, i) => ({
    name: trimmed(header.slice(start, starts[i + 1])),
    start,
    end: starts[i + 1],
  }));
}

/** As much of a word as is looked at. */
const LONGEST = 400;

/** The word that a border between two columns cuts in two; `''` if it cuts none. */
function wordAround(text: string, at: number): string {
  const before = /[^\s|]+$/.exec(text.slice(Math.max(0, at - LONGEST), at))?.[0] ?? '';
  const after = /^[^\s|]+/.exec(text.slice(at, at + LONGEST))?.[0] ?? '';
  return before === '' || after === '' ? '' : before + after;
}

/** A cell without blanks, and without the frame that stands at its end. */
const trimmed = (cell: string): string => cell.replace(/\|$/, '').trim().replace(/\s\|$/, '').trimEnd();
