/** The text of a map of Postfix or Sendmail, as postmap(1) reads it: a key, white space, a value. Pure. */
import type { Entry } from '../../source-reader.ts';
import { MapKeys } from '../map-keys.ts';
import type { ReadingOptions } from '../reading.ts';
import { logicalLines } from './logical-lines.ts';

export async function* postfixEntries(
  options: ReadingOptions,
  batches: AsyncIterable<readonly string[]>,
): AsyncGenerator<Entry[]> {
  const keys = new MapKeys({ ...options, unit: 'row' });
  for await (const lines of logicalLines(batches)) {
    yield lines.flatMap(({ text, number }) => {
      const [, key = '', value = ''] = /^((?:[^\s"\\]|\\.|"(?:[^"\\]|\\.)*")+)\s+(\S.*)$/su.exec(text) ?? [];
      if (key !== '' && value !== '') return keys.take(number, key, value);
      options.left.add('broken', 'row');
      return [];
    });
  }
  yield keys.end();
}
