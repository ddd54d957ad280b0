// SQLite by its own command: the same rules as for the servers, and nothing is written, not even by a query that would.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ownFolder, refusal, rowsOf } from './querying.ts';
import { modoboa } from './software/modoboa.ts';
import { postfixadmin } from './software/postfixadmin.ts';
import { Chance } from './software/software.ts';

const PEOPLE = `CREATE TABLE people (n INTEGER PRIMARY KEY, local TEXT, domain TEXT, note);
  WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 12000)
  INSERT INTO people SELECT n, 'p' || n, 'd' || n % 10 || '.example', NULL FROM s;`;

/** A database in a folder of its own, whose path has a space and a quote in it. */
function database(statements: string): string {
  const file = path.join(ownFolder(), `it's a list.db`);
  execFileSync('sqlite3', [file], { input: statements });
  return file;
}
const url = (file: string) => `sqlite:${encodeURI(file)}`;
const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');

test('all rows come, in one column or two', async () => {
  const file = database(PEOPLE);
  const one = await rowsOf({ url: url(file), query: `SELECT local || '@' || domain FROM people;` });
  expect(one).toHaveLength(12_000);
  expect(await rowsOf({ url: url(file), query: 'SELECT local, domain FROM people -- all of them' })).toEqual(one);
});

describe('no list, and not a byte changed', () => {
  test.each<[string, string, RegExp]>([
    ['no rows', 'SELECT local, domain FROM people WHERE n < 0', /^SOURCE the table gave no address/],
    ['three columns', 'SELECT local, domain, note FROM people', /^SOURCE the table: the query gives 3 columns/],
    [
      'three columns of one name',
      'SELECT local, local, local FROM people',
      /^SOURCE the table: the query gives 3 columns/,
    ],
    ['a NULL', 'SELECT note FROM people', /^SOURCE the table, row 1: column "note" is NULL/],
    ['a number', 'SELECT n FROM people', /^SOURCE the table, row 1: column "n" is a number/],
    ['a table that is not there', 'SELECT a FROM nowhere', /^SOURCE the table failed: .*no such table/],
    [
      'an error in the last row',
      `SELECT CASE WHEN n = 12000 THEN abs(-9223372036854775807 - 1) ELSE local || '@' || domain END FROM people ORDER BY n`,
      /^SOURCE the table failed: .*integer overflow/,
    ],
    ['a statement that writes', 'DELETE FROM people', /^SOURCE the table failed: .*syntax error/],
    [
      'a second statement that writes',
      'SELECT local, domain FROM people); DELETE FROM people; SELECT (1',
      /^SOURCE the table failed: .*readonly/,
    ],
    ['a command of the shell', '.shell touch here', /^SOURCE the table failed: .*syntax error/],
    [
      'a command of the shell in a line of its own',
      "SELECT 'a@b.example'\n.shell touch here",
      /^SOURCE the table failed: .*(syntax error|no such column)/,
    ],
  ])('%s', async (_, query, words) => {
    const file = database(PEOPLE);
    const before = digest(file);
    expect(await refusal({ url: url(file), query })).toMatch(words);
    expect(digest(file)).toBe(before);
    expect(readdirSync(path.dirname(file))).toEqual([path.basename(file)]);
  });
});

test('a file that is not there is not made, and one that is no database is refused', async () => {
  const dir = ownFolder();
  expect(await refusal({ url: url(path.join(dir, 'none.db')), query: 'SELECT 1' })).toMatch(/^SOURCE .*unable to open/);
  expect(readdirSync(dir)).toEqual([]);
  writeFileSync(path.join(dir, 'text.db'), 'no database at all, but long enough to be taken for one\n'.repeat(100));
  expect(await refusal({ url: url(path.join(dir, 'text.db')), query: 'SELECT a FROM t' })).toMatch(
    /^SOURCE .*not a database/,
  );
});

test('text that is not UTF-8 is refused', async () => {
  const file = database(
    `CREATE TABLE t (a TEXT); INSERT INTO t VALUES (CAST(x'6dfc406578616d706c652e6f7267' AS TEXT));`,
  );
  expect(await refusal({ url: url(file), query: 'SELECT a FROM t' })).toMatch(
    /^SOURCE the table, row 1: column "a" is not UTF-8/,
  );
});

test('a writer is waited for, and its rows are in', async () => {
  const file = database(PEOPLE);
  const writer = spawn('sqlite3', [file], { stdio: ['pipe', 'pipe', 'ignore'] });
  onTestFinished(() => void writer.kill());
  writer.stdin.write("BEGIN EXCLUSIVE; INSERT INTO people VALUES (0, 'late', 'late.example', NULL); SELECT 'open';\n");
  await once(writer.stdout, 'data');
  const reading = rowsOf({ url: url(file), query: 'SELECT local, domain FROM people' });
  writer.stdin.end('COMMIT;\n');
  expect(await reading).toContain('late@late.example');
});

test.each([postfixadmin, modoboa])(
  'preset $preset finds what it finds on a server that tells cases apart',
  async (software) => {
    const file = database(software.statements('sqlite', new Chance(1, 0, 0)));
    const allowed = `postmaster = false\nwildcards = ${JSON.stringify(software.wildcards)}`;
    const rows = new Set(await rowsOf({ url: url(file), preset: software.preset }, allowed));
    const entries = software.entries('postgres');
    const found = entries.map(({ address, trap }) => {
      const is = rows.has(address) || rows.has(address.slice(address.indexOf('@')));
      return { address, trap, is };
    });
    expect(found).toEqual(entries.map(({ address, trap, is }) => ({ address, trap, is: is === 'accepted' })));
  },
);
