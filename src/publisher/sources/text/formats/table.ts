/**
 * What PowerShell shows on a screen: `Format-Table`, columns under a line of dashes, and `Format-List`, one
 * property per line. Both cut off what does not fit; the reader refuses that. Pure.
 */
import { PublishError } from '../../../errors.ts';
import type { Entry } from '../../source-reader.ts';
import type { ReadingOptions } from '../text-options.ts';
import { isNaming } from '../columns.ts';
import { Records, type Field } from '../records.ts';

export const DASHES = /^\s*-{2,}(?: +-+)*\s*$/;
export const PROPERTY = /^([A-Za-z][\w .-]{0,80}?) {1,80}: ?(.*)$/;

/** @throws PublishError SOURCE for text where a header was expected. */
export async function* tableEntries(
  options: ReadingOptions,
  batches: AsyncIterable<readonly string[]>,
): AsyncGenerator<Entry[]> {
  const records = new Records({ ...options, unit: 'line', columns: options.columns?.map(String) });
  let number = 0;
  /** A line that may be a header. The next line shows whether it is. */
  let header: string | null = null;
  let columns: { name: string; start: number; end: number | undefined }[] | null = null;
  for await (const lines of batches) {
    const found: Entry[] = [];
    for (const line of lines) {
      number++;
      const text = line.trimEnd();
      if (text === '') {
        if (header !== null)
          throw new PublishError('SOURCE', `${options.name}, line ${number - 1}: no line of dashes under the header`);
        columns = null;
      } else if (columns !== null && /^\(\d+ rows?\)$/.test(text))
        columns = null; // psql
      else if (columns !== null) {
        const row = columns.map(({ name, start, end }): Field => [name, text.slice(start, end).trim()]);
        found.push(...records.take(number, row));
      } else if (header !== null) {
        if (!DASHES.test(text))
          throw new PublishError('SOURCE', `${options.name}, line ${number}: no line of dashes under the header`);
        columns = columnsOf(header, text);
        if (!columns.some(({ name }) => isNaming(records.kindOf(name))))
          throw new PublishError(
            'SOURCE',
            `${options.name}, line ${number - 1}: no column that is known for addresses; say with columns = [...] which to take`,
          );
        header = null;
      } else header = text;
    }
    yield found;
  }
}

function columnsOf(header: string, dashes: string) {
  const starts = [...dashes.matchAll(/-+/g)].map(({ index }) => index);
  // Columns of numbers are right-aligned: values may begin before the dashes, but not before the end of the
  // previous column.
  return starts.map((start, i) => ({ name: header.slice(start, starts[i + 1]).trim(), start, end: starts[i + 1] }));
}

export async function* propertyEntries(
  options: ReadingOptions,
  batches: AsyncIterable<readonly string[]>,
): AsyncGenerator<Entry[]> {
  const records = new Records({ ...options, unit: 'line', columns: options.columns?.map(String) });
  let number = 0;
  let fields: [string, string][] = [];
  let begun = 0;
  const record = (): Entry[] => {
    const found = fields.length === 0 ? [] : records.take(begun, fields);
    fields = [];
    return found;
  };
  for await (const lines of batches) {
    const found: Entry[] = [];
    for (const line of lines) {
      number++;
      const property = PROPERTY.exec(line.trimEnd());
      const last = fields.at(-1);
      if (line.trim() === '') found.push(...record());
      else if (/^\s/.test(line) && last !== undefined) last[1] += wrapped(line.trim(), last[1]);
      else if (property === null)
        throw new PublishError('SOURCE', `${options.name}, line ${number}: no property and its value`);
      else {
        if (fields.length === 0) begun = number;
        fields.push([property[1] ?? '', property[2] ?? '']);
      }
    }
    yield found;
  }
  yield record();
}

/** A continued value was broken at a blank, or inside a word that is too long for the screen. */
const wrapped = (text: string, before: string): string => (/[,;{]$/.test(before.trimEnd()) ? ` ${text}` : text);
