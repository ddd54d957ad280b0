/** The text of a Postfix or Sendmail map, as postmap(1) reads it: a key, white space, a value. Pure. */
import type { Entry } from '../../source-reader.ts';
import { MapKeys } from '../map-keys.ts';
import type { ReadingOptions } from '../text-options.ts';
import { logicalLines } from './logical-lines.ts';

/** Most keys contain no quote. This rule costs a tenth of the general one. */
const PLAIN = /^([^\s"\\]+)\s+(\S.*)$/su;
const QUOTED = /^((?:[^\s"\\]|\\.|"(?:[^"\\]|\\.)*")+)\s+(\S.*)$/su;

export async function* postfixEntries(
  options: ReadingOptions,
  batches: AsyncIterable<readonly string[]>,
): AsyncGenerator<Entry[]> {
  const keys = new MapKeys({ ...options, unit: 'row' });
  for await (const lines of logicalLines(batches)) {
    const found: Entry[] = [];
    for (const { text, number } of lines) {
      const [, key = '', value = ''] = PLAIN.exec(text) ?? QUOTED.exec(text) ?? [];
      if (key === '' || value === '') options.left.add('broken', 'row');
      else for (const entry of keys.take(number, key, value)) found.push(entry);
    }
    yield found;
  }
  yield keys.end();
}
