/** Aliases (aliases(5)), Exim's lsearch files and similar files of control panels: a key, a colon, a value. Pure. */
import type { Entry } from '../../source-reader.ts';
import { MapKeys } from '../map-keys.ts';
import { refusesMail } from '../map-refusal.ts';
import type { ReadingOptions } from '../text-options.ts';
import { logicalLines } from './logical-lines.ts';

/** A key, quoted or plain, followed by a colon or, as Exim allows, white space. */
const KEY = /^("(?:[^"\\]|\\.)*"(?:@[^\s:]*)?|[^\s":]+)\s*(?::|\s)\s*(.*)$/su;

/** Words without a comma are no targets: `Error: cannot connect to the server` is what a program says. */
const SENTENCE = /^[^\s",:|/@]+(?:\s+[^\s",:|/@]+){2,}$/;

export async function* aliasEntries(
  options: ReadingOptions,
  batches: AsyncIterable<readonly string[]>,
): AsyncGenerator<Entry[]> {
  const keys = new MapKeys({ ...options, unit: 'line' });
  for await (const lines of logicalLines(batches)) {
    yield lines.flatMap(({ text, number }) => {
      const [, key = '', value = ''] = KEY.exec(text) ?? [];
      // The address rules refuse a line that is not an alias or has no domain.
      if (key === '') return [{ number, text }];
      if (SENTENCE.test(value)) return [{ number, text: key }];
      if (!key.includes('@') && options.domain === undefined) {
        if (!refusesMail(value.trim())) return [{ number, text: key }];
        options.left.add('refusing', 'line');
        return [];
      }
      if (value.trim() !== '') return keys.take(number, unquoted(key), value.trim());
      options.left.add('broken', 'line');
      return [];
    });
  }
  yield keys.end();
}

/** `"a b@example.org"` is a quoted key with the local part `a b`; `"a b"@example.org` stays as it is. */
function unquoted(key: string): string {
  const inner = /^"((?:[^"\\]|\\.)*)"$/su.exec(key)?.[1];
  if (inner === undefined) return key;
  const at = inner.lastIndexOf('@');
  const [local, domain] = at < 0 ? [inner, ''] : [inner.slice(0, at), inner.slice(at)];
  return /^[^\s"(),:;<>@[\\\]]*$/u.test(local) ? inner : `"${local}"${domain}`;
}
