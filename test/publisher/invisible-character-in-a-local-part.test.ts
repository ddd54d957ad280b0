// What nobody sees comes with an address that was copied from a page. Such a row would match no mail at all.
import { expect, test } from 'vitest';
import { refusal } from './gathered.ts';

test.each(
  [
    '\u00ad',
    '\u061c',
    '\u180e',
    '\u200b',
    '\u200c',
    '\u200d',
    '\u200e',
    '\u202a',
    '\u202c',
    '\u2060',
    '\u2066',
    '\u3164',
  ].map((c) => [`U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`, c]),
)('%s: refused with its line and number', async (number, c) => {
  for (const line of [`${c}bob@d.example`, `bo${c}b@d.example`, `bob${c}@d.example`, `"b${c} b"@d.example`]) {
    const found = await refusal(`alice@d.example\n${line}\n`);
    expect(found, line).toMatch(/^INVALID_ENTRY list, line 2: /);
    expect(found).toContain(`invisible character (${number})`);
    expect(found).not.toContain(c);
  }
});

test.each(['“bob@d.example”', '‘bob@d.example’', '«bob@d.example»', '„bob@d.example“', 'bob@d.example’'])(
  'the typographic quotes of %s are refused, and one within a name is not',
  async (line) => {
    expect(await refusal(`alice@d.example\n${line}\n`)).toMatch(/^INVALID_ENTRY list, line 2: .* typographic quote/);
    expect(await refusal('o’brien@d.example\n')).toBe('accepted: ["o’brien@d.example"]');
  },
);
