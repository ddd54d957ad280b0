// What README.md and docs/mtas.md say that each mail server does is what the last saved run of test/mta has seen of the
// real ones: `RELAYMAP_MTA_SAVE=1 npm run test:mta` writes test/mta/last-run.json.
// Covers test/mta/summary.ts
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { Results } from '../mta/summary.ts';

const read = (name: string): string => readFileSync(fileURLToPath(new URL(`../../${name}`, import.meta.url)), 'utf8');
const results = JSON.parse(read('test/mta/last-run.json')) as Results;

type Cell = string | number;
type Seen = Readonly<Record<string, Cell>>;

const PRESENT = '1,000,000 rows, present, ms';
const ABSENT = '1,000,000 rows, absent, ms';

/** Each row of docs/mtas.md, and what it has of a run. */
const ROWS: Readonly<Record<string, (seen: Seen) => Cell | undefined>> = {
  'a recipient of the list': (seen) => seen['present'],
  'one that the list does not have': (seen) => seen['absent'],
  'the map is not there': (seen) => withoutMap(seen['absent map']),
  'a map that is cut short': (seen) => withoutMap(seen['cut map']),
  'an update, without a restart': (seen) => seen['update'],
  'a new domain': (seen) => seen['new domain'],
  'a row `@domain`': (seen) => (seen['@domain'] === 250 ? 'found' : undefined),
  'an internationalised domain': (seen) => seen['IDN'],
  'folding beyond ASCII': (seen) => seen['folding'],
  '`user+tag@` is `user@`': (seen) => seen['user+tag'],
  '1,000,000 rows: one that is there': (seen) => `${seen[PRESENT]} ms`,
  '1,000,000 rows: one that is not': (seen) => `${seen[ABSENT]} ms`,
  'unknown ones of a list out of date': (seen) => seen['out of date'],
  'a host for each domain': (seen) => seen['next hop'] ?? '-',
  "a next hop that is a name's MX": (seen) => seen['MX next hop'] ?? '-',
};

const withoutMap = (seen: Cell | undefined): Cell | undefined => (seen === 'old table' ? 'answers as before' : seen);

/** Each row of README.md. */
const SHORT: typeof ROWS = {
  'a listed recipient': (seen) => seen['present'],
  'an unlisted recipient': (seen) => seen['absent'],
  'any recipient, without maps': (seen) => (seen['absent map'] === 'old table' ? '(keeps last)' : seen['absent map']),
  'update without a restart': (seen) => (seen['update'] === 'next connection' ? 'yes' : undefined),
  '`@domain`; both IDN forms': (seen) =>
    seen['@domain'] !== 250 ? undefined : seen['IDN'] === 'both labels' ? 'yes' : 'A-label only',
  'look-up in 1,000,000 rows': (seen) => `${seen[PRESENT]} ms`,
};

describe.each([
  ['docs/mtas.md', "a stranger's RCPT", ROWS],
  ['README.md', 'answer to RCPT TO', SHORT],
])('%s', (page, corner, rows) => {
  const lines = read(page).split('\n');
  const from = lines.findIndex((line) => line.startsWith(`| ${corner}`));
  const end = lines.findIndex((line, i) => i > from && !line.startsWith('|'));
  const [head = [], , ...body] = lines.slice(from, end).map((line) => line.split('|').slice(1, -1));
  const kinds = head.slice(1).map((name) => name.trim().toLowerCase());

  test('every server of the table was run, and every row is one that a run can tell', () => {
    expect(kinds.length).toBeGreaterThan(3);
    for (const kind of kinds) expect(Object.keys(results)).toContain(kind);
    expect(body.map(([label]) => label?.trim())).toEqual(Object.keys(rows));
  });

  test.each(body.map(([label = '', ...cells]) => [label.trim(), cells.map((cell) => cell.trim())] as const))(
    '%s',
    (label, cells) => {
      expect(cells).toEqual(kinds.map((kind) => String(rows[label]?.(results[kind] ?? {}))));
    },
  );
});
