/** What sorts of rows the installed list has, for a server that cannot do all of them. Reads the live maps. */
import { createReadStream, readFileSync } from 'node:fs';
import path from 'node:path';
import { cdbKeys } from '../../../map/cdb-reader.ts';
import { isListable } from '../../../map/list-text.ts';
import type { GatewayConfig } from '../../config.ts';
import { openMap } from '../../maps/open-map.ts';
import type { Asked, ListFacts, RcptAnswer, RowSort } from '../../mta/advisor.ts';
import { NOBODY } from '../asked.ts';

const SOME = 20;
const SORTS: readonly RowSort[] = ['plain', 'wildcard', 'unicode', 'special', 'tagged', 'unlistable'];

/** The facts, and what closes the map; null where there is no map, or none that can be read. */
export async function listFacts(config: GatewayConfig): Promise<(ListFacts & { close: () => void }) | null> {
  const file = path.join(config.map_dir, 'relay_recipients.cdb');
  let map: ReturnType<typeof openMap>;
  try {
    map = openMap(file);
  } catch {
    return null; // a finding of its own
  }
  if (map === null) return null;
  const sorts = Object.fromEntries(SORTS.map((sort) => [sort, { count: 0, some: [] as string[] }])) as Record<
    RowSort,
    { count: number; some: string[] }
  >;
  let rows = 0;
  try {
    await cdbKeys(createReadStream(file), (key) => {
      rows++;
      for (const sort of sortsOf(key)) {
        const found = sorts[sort];
        if (found.count++ < SOME) found.some.push(key.toString());
      }
    });
    const domains = readFileSync(path.join(config.map_dir, 'relay_domains'), 'utf8').split('\n').slice(0, -1);
    return { domains: domains.map((line) => line.split('\t')[0] ?? ''), rows, sorts, has: map.has, close: map.close };
  } catch {
    map.close();
    return null; // damaged: a finding of its own
  }
}

const [AT, PLUS] = [0x40, 0x2b];

/** Of a million rows most are plain: looked at as bytes. */
function sortsOf(row: Uint8Array): RowSort[] {
  if (row[0] === AT) return ['wildcard'];
  const sorts: RowSort[] = [];
  let [unicode, special, tagged] = [false, false, false];
  const end = row.lastIndexOf(AT);
  for (const [i, c] of row.entries()) {
    if (c >= 0x80) unicode = true;
    else if (i >= end || isPlain(c)) continue;
    else if (c === PLUS) tagged = true;
    else special = true;
  }
  if (unicode) sorts.push('unicode');
  if (special || row[0] === 0x2e) sorts.push('special');
  if (tagged) sorts.push('tagged');
  if (!isListable(row, 0, row.length)) sorts.push('unlistable');
  return sorts.length === 0 ? ['plain'] : sorts;
}

const isPlain = (c: number): boolean =>
  (c >= 0x61 && c <= 0x7a) || (c >= 0x30 && c <= 0x39) || c === 0x2e || c === 0x2d || c === 0x5f;

/** What to ask the server, and what its answers say. */
export function questions({ domains, sorts, has }: ListFacts): {
  readonly addresses: readonly string[];
  readonly asked: (answers: ReadonlyMap<string, RcptAnswer>) => Asked;
} {
  const closed = domains.filter((domain) => !has(`@${domain}`)).slice(0, SOME);
  const nobody = new Map(closed.map((domain) => [`${NOBODY}@${domain}`, domain]));
  const known = new Map(
    SORTS.flatMap((sort) => sorts[sort].some).map((row) => [row.startsWith('@') ? `${NOBODY}${row}` : row, row]),
  );
  const pick = (keys: ReadonlyMap<string, string>, answers: ReadonlyMap<string, RcptAnswer>) =>
    new Map(
      [...keys].flatMap(([address, key]) => {
        const answer = answers.get(address);
        return answer === undefined ? [] : [[key, answer] as const];
      }),
    );
  return {
    addresses: [...nobody.keys(), ...known.keys()],
    asked: (answers) => ({ nobody: pick(nobody, answers), known: pick(known, answers) }),
  };
}
