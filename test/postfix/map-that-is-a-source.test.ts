// The postfix-map source beside Postfix itself: a map's text and what postmap makes of it give the same recipients,
// and Postfix agrees on each of them.
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { RowCollection } from '../../src/publisher/gather/sorted-rows.ts';
import { written } from '../map/cdb-records.ts';
import { folder, refusalFrom, rowsFrom } from '../publisher/sourced.ts';

const run = promisify(execFile);
const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
let dir: string;

beforeEach(() => {
  dir = folder();
  // postmap reads a main.cf before anything else; that of this machine is none of the test's business.
  mkdirSync(path.join(dir, 'etc'));
  writeFileSync(path.join(dir, 'etc', 'main.cf'), 'compatibility_level = 3.6\n');
  process.env['MAIL_CONFIG'] = path.join(dir, 'etc');
  onTestFinished(() => {
    delete process.env['MAIL_CONFIG'];
  });
});

const text = (content: string): string => {
  writeFileSync(path.join(dir, 'virtual'), content);
  return path.join(dir, 'virtual');
};
async function compile(type: string, content: string): Promise<string> {
  const map = `${type}:${text(content)}`;
  await run('postmap', [map], { env: { ...process.env, PATH } });
  rmSync(path.join(dir, 'virtual')); // nothing but the compiled map may be read
  return map;
}
const fromMap = async (map: string, policy = 'postmaster = false'): Promise<string[]> =>
  await rowsFrom({ type: 'postfix-map', path: map }, policy);

const VIRTUAL = `# virtual_alias_maps, as virtual(5) has it
example.org anything
localuser   someone@elsewhere.example

alice@example.org alice@mail.example
Bob@Example.ORG
    bob@mail.example,
# a comment does not end what goes on
    bob2@mail.example
info@example.org\tcarol@mail.example dave@mail.example
   # an indented comment is one too
"john smith"@example.org john@mail.example
"a\\"b"@example.org x@mail.example
without-value@example.org
without-value-either@example.org\u0020\u0020
"odd@example.org x@mail.example
tags+x@example.org x@mail.example
last@example.org x@mail.example`;
const RECIPIENTS = [
  'a"b@example.org',
  'alice@example.org',
  'bob@example.org',
  'info@example.org',
  'john smith@example.org',
  'last@example.org',
  'tags+x@example.org',
];

test('a text of virtual_alias_maps: keys only, no domains, no local users, no line that Postfix ignores', async () => {
  expect(await fromMap(text(VIRTUAL))).toEqual(RECIPIENTS);
  expect(await fromMap(`texthash:${text(VIRTUAL)}`)).toEqual(RECIPIENTS);
});

test.each(['hash', 'btree', 'lmdb', 'cdb'])('a %s map gives what its text gives', async (type) => {
  expect(await fromMap(await compile(type, VIRTUAL))).toEqual(RECIPIENTS);
});

test('continuation lines across the pieces in which a file is read, and the last line', async () => {
  const users = Array.from({ length: 20_000 }, (_, i) => `user${String(i).padStart(5, '0')}@example.org`);
  const content = users.map((user) => `${user}\n${' '.repeat(9)}x@mail.example,\n\ty@mail.example\n`).join('');
  expect(await fromMap(text(content))).toEqual(users);
  expect(await fromMap(await compile('lmdb', content))).toEqual(users);
});

test('a line that goes on before there is one, as Postfix has it', async () => {
  const content = '   lost@example.org x\nkept@example.org x\n';
  expect(await fromMap(text(content))).toEqual(await fromMap(await compile('cdb', content)));
});

test('the keys of a map of our own, in internal form', async () => {
  const rows = [
    'a b@example.org',
    'a"b@example.org',
    String.raw`a\b@example.org`,
    'x@y@example.org',
    'plain@example.org',
  ];
  const made = path.join(dir, 'relay_recipients');
  const block = new RowCollection();
  for (const row of rows) block.add(row);
  writeFileSync(`${made}.cdb`, written([...block.sorted().blocks()], 'OK'));
  expect(await fromMap(`cdb:${made}`)).toEqual([...rows].sort());
});

describe('a whole domain', () => {
  test('is refused unless the policy allows it', async () => {
    const content = 'a@example.org x@y.example\n@example.org x@y.example\n';
    const keys = { type: 'postfix-map', path: text(content) };
    expect(await refusalFrom(keys)).toMatch(/^WILDCARD list, line 2: @example.org accepts every address/);
    const policy = 'postmaster = false\nwildcards = ["example.org"]';
    expect(await rowsFrom(keys, policy)).toEqual(['@example.org', 'a@example.org']);
    expect(await fromMap(await compile('hash', content), policy)).toEqual(['@example.org', 'a@example.org']);
  });
});

test('a key that is no address is named with its line', async () => {
  const found = await refusalFrom({ type: 'postfix-map', path: text('# x\na@example.org\n  x\n\nb@c x\n') });
  expect(found).toMatch(/^INVALID_ENTRY list, line 5: "b@c" has a domain of a single label/);
});

describe('a map that is not there, or cannot be listed', () => {
  test('a compiled one', async () => {
    expect(await refusalFrom({ type: 'postfix-map', path: `lmdb:${dir}/none` })).toMatch(
      /^SOURCE list ended with status 1;/,
    );
    writeFileSync(path.join(dir, 'broken.cdb'), 'x'.repeat(3000));
    expect(await refusalFrom({ type: 'postfix-map', path: `cdb:${dir}/broken` })).toMatch(
      /^(SOURCE|INVALID_ENTRY) list/,
    );
    expect(await refusalFrom({ type: 'postfix-map', path: await compile('cdb', '# nothing\n') })).toMatch(
      /^SOURCE list gave no address/,
    );
  });
  test('a text', async () => {
    expect(await refusalFrom({ type: 'postfix-map', path: `${dir}/none` })).toMatch(
      /^SOURCE list cannot be read: ENOENT/,
    );
    expect(await refusalFrom({ type: 'postfix-map', path: text('a@example.org\nb@example.org\n') })).toMatch(
      /^SOURCE list gave no address/,
    );
  });
  test.each([
    ['pcre:/etc/postfix/x', 'the keys of a pcre map cannot be listed'],
    ['mysql:/etc/postfix/x', 'the keys of a mysql map cannot be listed'],
    ['static:all', 'path must be an absolute path'],
    ['virtual', 'path must be an absolute path'],
    ['hash:virtual', 'path must be an absolute path'],
  ])('%s', async (map, words) => {
    const found = await refusalFrom({ type: 'postfix-map', path: map });
    expect(found).toMatch(/^CONFIG /);
    expect(found).toContain(words);
  });
});
