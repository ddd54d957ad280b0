/** Aliases (aliases(5)), Exim's lsearch files and what panels make of them: a key, a colon, a value. Pure. */
import type { Entry } from '../../source-reader.ts';
import { MapKeys } from '../map-keys.ts';
import type { ReadingOptions } from '../text-options.ts';
import { logicalLines } from './logical-lines.ts';

/** A key, in quotes or plain, with a colon or, as Exim takes it, white space behind it. */
const KEY = /^("(?:[^"\\]|\\.)*"(?:@[^\s:]*)?|[^\s":]+)\s*(?::|\s)\s*(.*)$/su;

export async function* aliasEntries(
  options: ReadingOptions,
  batches: AsyncIterable<readonly string[]>,
): AsyncGenerator<Entry[]> {
  const keys = new MapKeys({ ...options, unit: 'line' });
  for await (const lines of logicalLines(batches)) {
    yield lines.flatMap(({ text, number }) => {
      const [, key = '', value = ''] = KEY.exec(text) ?? [];
      // What is no alias, or has no domain, is refused by the rules of addresses.
      if (key === '') return [{ number, text }];
      if (!key.includes('@') && options.domain === undefined) return [{ number, text: key }];
      if (value.trim() !== '') return keys.take(number, unquoted(key), value.trim());
      options.left.add('broken', 'line');
      return [];
    });
  }
  yield keys.end();
}

/** `"a b@example.org"` is a key in quotes, and its local part is `a b`; `"a b"@example.org` stays as it is. */
function unquoted(key: string): string {
  const inner = /^"((?:[^"\\]|\\.)*)"$/su.exec(key)?.[1];
  if (inner === undefined) return key;
  const at = inner.lastIndexOf('@');
  const [local, domain] = at < 0 ? [inner, ''] : [inner.slice(0, at), inner.slice(at)];
  return /^[^\s"(),:;<>@[\\\]]*$/u.test(local) ? inner : `"${local}"${domain}`;
}
