/**
 * The lines of a source of next hops, each with its number. In the format `postfix` a line that begins with white space
 * continues the one before (transport(5)). What a line says is for the gathering to judge. Pure.
 */
import type { Entry } from '../../source-reader.ts';
import type { Format } from '../text-options.ts';
import { logicalLines } from './logical-lines.ts';

type Lines = AsyncIterable<readonly string[]>;

export async function* routeEntries(format: Format | undefined, lines: Lines): AsyncGenerator<Entry[]> {
  if (format === 'postfix') {
    for await (const found of logicalLines(lines))
      yield found.map(({ text, number }) => ({ text: oneValue(text), number }));
    return;
  }
  let number = 0;
  for await (const batch of lines) {
    const found: Entry[] = [];
    for (const text of batch) {
      number++;
      if (!/^\s*(?:#|$)/.test(text)) found.push({ number, text });
    }
    yield found;
  }
}

/** A key, a TAB and the whole value: a value of several words is one transport, such as `error:5.1.1 no such user`. */
export function oneValue(text: string): string {
  const [, key = text, value = ''] = /^(\S+)\s+(.*)$/s.exec(text.trim()) ?? [];
  return `${key}\t${value}`;
}
