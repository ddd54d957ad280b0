// An address as somebody types it, as a source gives it and as a client of Postfix names it: row, look-up, and the
// lists that speak of it.
import { domainToASCII } from 'node:url';
import { canonicalRow, rowRule, splitRow } from '../../../src/bundle/address/address.ts';
import { foldCase } from '../../../src/bundle/address/case-folding.ts';
import { TableChecker } from '../../../src/bundle/table/table.ts';
import { isTable, words as listWords } from '../../../src/gateway/mta/postfix/tables.ts';
import { printable } from '../../../src/io/printable.ts';
import { Proxies } from '../../../src/io/proxies.ts';
import { domainMatcher } from '../../../src/map/domains.ts';
import { keysOf, lookup } from '../../../src/map/lookup.ts';
import { typedAddress } from '../../../src/map/typed-address.ts';
import { addressOf, EntryError, firstField, rowsOf, simpleRow } from '../../../src/publisher/entry.ts';
import { blocks } from '../../bundle/blocks.ts';
import { AddressError } from '../../../src/bundle/address/address.ts';
import { HostError } from '../../../src/errors.ts';
import { expanded, must, same, type Target } from '../target.ts';

const WORDS = [
  '"',
  '\\',
  '@',
  '.',
  '+',
  '<',
  '>',
  ' ',
  '#',
  '[',
  ']',
  '[127.0.0.1]',
  '[ipv6:::1]',
  'xn--',
  'xn--bcher-kva',
  'bücher',
  'ß',
  'ẞ',
  'ſ',
  'K',
  'İ',
  'ı',
  'ǰ',
  'ᾳ',
  '\u0345',
  '\u200d',
  '。',
  '１',
  '%41',
  '!',
  'postmaster',
  'owner-',
  '-request',
  '~600*a~',
  '~70*a.~',
  '~90000*>~',
  '~50000*"\\~',
  '~60000*\\~',
];

/** A row by our rules, or null. */
function row(address: string): string | null {
  try {
    return canonicalRow(address);
  } catch (error) {
    if (error instanceof AddressError) return null;
    throw error;
  }
}

function entry(line: string): string[] | null {
  try {
    const field = firstField(line);
    return field === null ? [] : rowsOf(addressOf(field));
  } catch (error) {
    if (error instanceof EntryError) return null;
    throw error;
  }
}

/** Whether a table's checker takes this row. */
function taken(text: string): boolean {
  const checker = new TableChecker();
  for (const block of blocks([text], 1 << 20)) checker.push(block);
  return checker.fault === null;
}

export const address: Target = {
  name: 'address',
  form: 'text',
  longest: 1024,
  words: WORDS,
  seeds: () => [
    'User+Tag@Example.ORG',
    '"a b"@example.org',
    '<"a\\"b".c@example.org>',
    '@example.org',
    'a@b@c.d',
    'ß@STRASSE.example',
    'x@bücher.example',
    'x@xn--bcher-kva.example',
    'a@[127.0.0.1]',
    '-a@b.c',
    '@a,@b:c@d.e',
    `${'a'.repeat(500)}@b.c`,
    'a%b@c.d',
    '~40000*"\\~',
    'a@b.c.',
    ' a@b.c',
  ],
  run: (input) => {
    const text = new TextDecoder().decode(expanded(input));
    const folded = foldCase(text);
    same(foldCase(folded), folded, 'folded twice');
    const found = row(text);
    if (found !== null) {
      same(row(found), found, 'a row is its own row');
      must(rowRule(found) === null && Buffer.byteLength(found) <= 512, 'a row that breaks a rule');
      const { local, domain } = splitRow(found);
      same(`${local}@${domain}`, found, 'parted and joined');
    }
    // One row, two readers: the one that goes over bytes as they stream, and the one for a single text.
    if (text !== '' && !/[\n\ud800-\udfff]/u.test(text) && Buffer.byteLength(text) <= 600 && !text.startsWith('\ufeff'))
      same(taken(text), rowRule(text) === null, 'the table takes it');
    const line = text.split('\n')[0] ?? '';
    const rows = entry(line);
    for (const each of rows ?? []) {
      same(row(each), each, 'a source gives what is no row');
      // Another source may give these same rows again: nothing else may become of them.
      const { local, domain } = splitRow(each);
      const again = local === '' ? `@${domain}` : `"${local.replace(/["\\]/g, '\\$&')}"@${domain}`;
      same(entry(again)?.sort(), rows?.sort(), `the rows of ${again}`);
    }
    const simple = simpleRow(line);
    if (simple !== null) same([simple], rows, 'a simple line');
    const typed = typedAddress(text);
    const asked = [typed ?? text, text];
    const keys = new Set<string>();
    for (const delimiter of ['', '+', '+-', '\u00e9']) {
      for (const utf8 of [true, false]) {
        for (const each of asked) {
          const question = { address: each, delimiter, utf8, toAscii: domainToASCII };
          const all = keysOf(question);
          must(all.length <= 5, 'more than five keys');
          const answer = lookup(
            question,
            (key) => key === all.at(-1),
            () => true,
          );
          must(!answer.accepted || answer.row === all.at(-1), 'accepted by another row');
          const nobody = lookup(
            question,
            () => false,
            () => false,
          );
          must(!nobody.accepted && nobody.rejection !== null, 'accepted by nothing');
          for (const key of all) keys.add(key);
        }
      }
    }
    if (found !== null)
      must(keysOf({ address: found }).includes(found) || /^@|[^.]\.$/.test(found), 'a row that no look-up asks for');
    must(!/[\u0000-\u001f\u007f-\u009f\u202e]/.test(printable(text)), 'a control character is printed');
    return `${found === null ? (rowRule(folded) ?? '') : 'row'}, ${rows?.length ?? 'no'} rows, ${typed === null ? 'not ' : ''}typed, ${keys.size}`;
  },
};

export const domainList: Target = {
  name: 'domain-list',
  form: 'text',
  longest: 1024,
  words: [
    '{',
    '}',
    ',',
    ' ',
    '$x',
    'cdb:/a',
    'proxy:',
    '!',
    '/',
    '.example.org',
    '*.',
    '*',
    'no_proxy',
    'example.org:8443',
    'http://',
    '[::1]',
    '%',
    '~3000*{~',
  ],
  seeds: () => [
    'example.org, .example.net cdb:/etc/x',
    '{ a, b } c',
    '*.example.org',
    'proxy:proxy:hash:/x',
    'http://u:p@proxy:3128',
    '*',
    'localhost,.example.org',
  ],
  run: (input) => {
    const text = new TextDecoder().decode(expanded(input));
    const found = listWords(text);
    must(
      found.every((word) => word !== ''),
      'an empty word',
    );
    if (!/[{}]/.test(text))
      same(
        found,
        text.split(/[\s,]/).filter((word) => word !== ''),
        'the words',
      );
    same(found.join('').length <= text.length, true, 'more than there was');
    const matches = domainMatcher(found);
    for (const word of found) {
      if (!word.startsWith('*.')) must(matches(foldCase(word)), `${word} does not match itself`);
      else
        must(
          matches(`x${foldCase(word).slice(1)}`) && (found.length > 1 || !matches(foldCase(word).slice(2))),
          `${word} matches wrongly`,
        );
    }
    let proxy: string | null = null;
    try {
      const proxies = new Proxies({ https_proxy: text, no_proxy: text });
      proxy = proxies.for(new URL('https://example.org:8443/x'));
      must(proxy === null || /^https?:$/.test(new URL(proxy).protocol), 'a proxy of another kind');
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      must(text.length < 8 || !error.message.includes(text), 'a message that shows the proxy');
    }
    return `${Math.min(4, found.length)} words, ${found.some(isTable)}, ${proxy === null ? 'direct' : 'proxy'}`;
  },
};
