// A file that cannot be a list, or is one in a way that its first lines do not show: the message says what it is, or
// which key of the configuration says so.
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { entriesOf } from './entries.ts';
import { refusal } from './gathered.ts';

const zeros = (count: number): Buffer => Buffer.alloc(count);

test.each<[string, Buffer, string]>([
  ['a spreadsheet', Buffer.concat([Buffer.from('PK\u0003\u0004'), zeros(50)]), 'save it as CSV'],
  ['an old spreadsheet', Buffer.concat([Buffer.from('d0cf11e0a1b11ae1', 'hex'), zeros(50)]), 'save it as CSV'],
  ['gzip', gzipSync('a@d.example\n'), 'compressed by gzip'],
  ['a database of SQLite', Buffer.concat([Buffer.from('SQLite format 3\0'), zeros(84)]), 'type = "sql"'],
  [
    'a hash: map',
    Buffer.concat([zeros(12), Buffer.from([0x61, 0x15, 0x06, 0x00]), zeros(4000)]),
    'type = "postfix-map"',
  ],
  ['a web page', Buffer.from('<!DOCTYPE html>\n<html><a href="mailto:a@d.example">'), 'a web page'],
  ['XML', Buffer.from('<?xml version="1.0"?>\n<row><mail>a@d.example</mail></row>\n'), 'XML, which is not read'],
  ['YAML', Buffer.from('---\nusers:\n  - email: a@d.example\n'), 'YAML, which is not read'],
  ['a list in YAML', Buffer.from('- a@d.example\n- b@d.example\n'), 'YAML, which is not read'],
])('%s is called by its name', async (_, bytes, words) => {
  for (const length of [7, 1000]) expect(await entriesOf(bytes, {}, length)).toContain(words);
});

test('an address in angle brackets is no XML, and a hyphen before an address is not YAML', async () => {
  expect(await entriesOf('<a@d.example>\n')).toEqual(['<a@d.example>']);
  expect(await entriesOf('-a@d.example\n')).toEqual(['-a@d.example']);
});

test('columns that nobody knows: the message says `columns`', async () => {
  const words =
    'list, row 1: no @ in it, and no column that is known for addresses; say with columns = [...] which to take';
  for (const text of [
    'accountid,accountaddress,accountactive\n1,a@d.example,1\n2,b@d.example,0\n',
    'First Name,Last Name,E-mail 1 - Label,E-mail 1 - Value\nA,B,* Work,a@d.example\n',
    'Nom;Boîte\n"A; B";a@d.example\n',
  ])
    expect(await entriesOf(text)).toBe(words);
  // A map is none.
  expect(await entriesOf('d.example\tanything\na@d.example\ta\n')).toEqual(['d.example\tanything', 'a@d.example\ta']);
});

test('a comment before the header is no header', async () => {
  for (const options of [{}, { format: 'csv' as const }])
    expect(await entriesOf('# made today, by hand\nName,Mail\nA,a@d.example\n', options)).toEqual(['a@d.example']);
});

describe('a list of which not one entry is an address', () => {
  test('the message says `format`, and `domain`', async () => {
    const words = /\nlist: not one entry is an address; say with format what it is \(text, csv, .*\), and with domain /;
    expect(await refusal('a:b\nc:d\n')).toMatch(words);
    expect(await refusal('anna\nbert\n')).toMatch(words);
    expect(await refusal('a@d.example\nbert\n')).not.toContain('not one entry');
  });
});
