// Our cdb against the real postmap: byte for byte the same where the text form can say it, and found by Postfix
// where it cannot.
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { foldCase } from '../../src/bundle/address/case-folding.ts';
import { expressible } from '../../src/map/source-text.ts';
import { CDB, colliding } from '../support/colliding.ts';
import { type Postfix, startGateway } from '../support/postfix.ts';
import { createSite, type Site } from '../support/site.ts';

const LOCALS = [
  ...Array.from({ length: 1500 }, (_, i) => `user.${(i * 7919) % 100_000}+tag${i % 7}`),
  'bücher',
  'straße',
  'ὀδυσσεύς',
  '李',
  "o'neill",
  'a&b=c',
  '{x}|~`!$%*?^_',
  'two""quotes',
  'q"mid"dle',
  'comma,here',
  'semi;colon',
  'at@sign',
  '.dots..',
  '<angle>',
  '(paren)',
  '#inside',
  'in#side',
  '#',
  ' ',
  ' leading',
  'trailing ',
  'in side',
  '"',
  'odd"one',
  '""',
  'back\\slash',
  'back\\\\slash',
  'quote\\"d',
  '"all"\\',
  '\\"\\"',
  'a"b\\"c',
  'back\\\\"x"',
];
/** Five hundred keys that all begin at one slot: where each of them ends up hangs on how the slots are filled. */
const CROWD = colliding(CDB, 9, 'user.1', '@example.org');
const ROWS = [...LOCALS.flatMap((local) => [`${local}@example.org`, `${local}@sub.example.net`]), ...CROWD];
let site: Site;
let gateway: Postfix;

beforeAll(async () => {
  site = await createSite({ wildcards: ['wild.example'] });
  await site.publishAndFetch([...ROWS, '@wild.example']);
  gateway = await startGateway({ mapDir: site.mapDir });
});
afterAll(async () => {
  await Promise.all([gateway?.stop(), site?.stop()]);
});

/** What `postmap cdb:` makes of a text, and what it holds. */
function byPostmap(text: string): Buffer {
  execFileSync('/usr/sbin/postmap', ['-c', gateway.configDir, `cdb:${text}`]);
  return readFileSync(`${text}.cdb`);
}

test.each(['relay_recipients', 'relay_domains'])(
  '%s: postmap makes the very same cdb of our text, if it can say all rows',
  async (map) => {
    // Without the rows that the text form cannot express, published as a list of its own.
    const plain = await createSite();
    try {
      await plain.publishAndFetch(ROWS.filter((row) => expressible(Buffer.from(row), 0, Buffer.byteLength(row))));
      const copy = `${plain.dir}/by-postmap`;
      copyFileSync(`${plain.mapDir}/${map}`, copy);
      expect(byPostmap(copy).equals(readFileSync(`${plain.mapDir}/${map}.cdb`))).toBe(true);
    } finally {
      await plain.stop();
    }
  },
);

test('what the text leaves out is what postmap would not read back, and what the contract names', () => {
  const wrong = ROWS.map(foldCase).filter((row) => {
    const said = expressible(Buffer.from(row), 0, Buffer.byteLength(row));
    const oddQuotes = row.split('"').length % 2 === 0; // left out by name, escaped or not
    return said ? !readBackByPostmap(row) : readBackByPostmap(row) && !oddQuotes;
  });
  expect(wrong).toEqual([]);
});

function readBackByPostmap(row: string): boolean {
  const local = row.slice(0, row.lastIndexOf('@'));
  if (/^user\.\d/.test(local)) return true; // fifteen hundred plain ones: one call each would take minutes
  const text = `${site.dir}/one`;
  execFileSync('/bin/sh', ['-c', 'printf "%s\\tOK\\n" "$1" >"$2"', 'sh', row, text]);
  // The same reader of texts; a cdb cannot be listed.
  execFileSync('/usr/sbin/postmap', ['-c', gateway.configDir, `lmdb:${text}`]);
  const listed = execFileSync('/usr/sbin/postmap', ['-c', gateway.configDir, '-s', `lmdb:${text}`], {
    encoding: 'utf8',
  });
  return listed === `${row}\tOK\n`;
}

test('Postfix finds every row in our cdb, those too that the text cannot say, and no other', async () => {
  const folded = ROWS.map(foldCase);
  const strangers = folded.map((row) => `x${row}`);
  const ask = (rows: readonly string[]) =>
    execFileSync('/usr/sbin/postmap', ['-c', gateway.configDir, '-q', '-', `cdb:${site.mapDir}/relay_recipients`], {
      input: `${rows.join('\n')}\n`,
      encoding: 'utf8',
    });
  expect(
    ask([...folded, '@wild.example'])
      .trimEnd()
      .split('\n').length,
  ).toBe(folded.length + 1);
  expect(() => ask(strangers)).toThrow('Command failed'); // exit status 1: none is found
  expect(await gateway.query(`cdb:${site.mapDir}/relay_domains`, 'wild.example')).toBe('OK');
});
