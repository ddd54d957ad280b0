// The types make the order of a cycle: each step takes only what the step before it makes. For each door that could
// be skipped there is a piece of code that goes around it, which the type checker must refuse, and one that goes
// through it, which it must accept.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Door {
  readonly is: string;
  readonly through: string;
  /** Each on its own must be refused. */
  readonly around: readonly string[];
}

/** What the pieces of code may use: values of each step, declared and never made. */
const GIVEN = `
import { judgeOffer, type AcceptedOffer, type OfferRules } from '${root}src/bundle/offer/offer.ts';
import { judgeTable, type JudgedTable, type TableFindings } from '${root}src/bundle/offer/guard.ts';
import { verifyManifest, type Ring, type VerifiedManifest } from '${root}src/bundle/trust/verify.ts';
import { Copies, Spool, type Copy } from '${root}src/gateway/record/copies.ts';
import { compile, Draft, type CompiledMap } from '${root}src/gateway/maps/compile.ts';
import { install, mapsRecord } from '${root}src/gateway/maps/install.ts';
import { EarlyMaps } from '${root}src/gateway/maps/early-maps.ts';
import { makeMaps, type MapMaker } from '${root}src/gateway/maps/make-maps.ts';
import type { CopyRef, GatewayState } from '${root}src/gateway/record/state.ts';
export * from '${root}src/bundle/offer/offer.ts';
declare const bytes: Uint8Array, ring: Ring, manifest: VerifiedManifest['manifest'], verified: VerifiedManifest;
declare const rules: OfferRules, findings: TableFindings, judged: JudgedTable, table: string, ref: CopyRef;
declare const copies: Copies, spool: Spool, copy: Copy, maker: MapMaker, state: GatewayState;
declare const draft: Draft, early: EarlyMaps, map: CompiledMap;
void [judgeOffer, judgeTable, verifyManifest, Copies, Spool, compile, Draft, install, mapsRecord, EarlyMaps, makeMaps];
void [bytes, ring, manifest, verified, rules, findings, judged, table, ref, copies, spool, copy, maker, state, draft, early, map];
export type Used = [AcceptedOffer, CompiledMap];
`;

const DOORS: readonly Door[] = [
  {
    is: 'only verify makes a VerifiedManifest: an offer is not judged before its signatures',
    through: 'judgeOffer(verifyManifest(bytes, ring), rules)',
    around: [
      'judgeOffer(manifest, rules)',
      "judgeOffer({ manifest, digest: 'd', envelope: bytes }, rules)",
      'judgeOffer(bytes, rules)',
    ],
  },
  {
    is: 'only the judge makes an AcceptedOffer',
    through: 'const offer: AcceptedOffer = judgeOffer(verified, rules); void offer',
    around: [
      'const offer: AcceptedOffer = verified; void offer',
      'const offer: AcceptedOffer = { ...verified }; void offer',
    ],
  },
  {
    is: "a table is kept only on the judge's word",
    through: 'copies.keep(spool, judgeTable(findings))',
    around: [
      'copies.keep(spool)',
      'copies.keep(spool, findings)',
      'copies.keep(spool, { table })',
      'spool.commit()',
      'spool.commit(judged)',
    ],
  },
  {
    is: 'maps that are made early are accepted only on the same word',
    through: 'early.accept(judgeTable(findings), {} as never)',
    around: ['early.accept({ table }, {} as never)', 'early.accept(table, {} as never)'],
  },
  {
    is: 'only keep and reopen make a Copy, and maps are made of nothing else',
    through: "void makeMaps(maker, state, new Map([['a', copies.keep(spool, judged)], ['b', copies.reopen(table)]]))",
    around: [
      'void makeMaps(maker, state)',
      "void makeMaps(maker, state, new Map([['a', ref]]))",
      "void makeMaps(maker, state, new Map([['a', spool]]))",
      "void makeMaps(maker, state, new Map([['a', { table, rows: () => copies.rows(table) }]]))",
      'void early.take(ref)',
      'void early.take({ table, rows: () => copies.rows(table) })',
    ],
  },
  {
    is: 'only compile makes a CompiledMap, and nothing else is installed',
    through: 'void draft.finish({} as never).then((made) => install(made))',
    around: [
      'install(draft)',
      'install({ files: map.files, rows: map.rows, left: map.left })',
      'install({ ...copy })',
      "mapsRecord(draft, 'inputs')",
    ],
  },
];

let folder: string;
/** By file: what the type checker says of it. */
let said: Map<string, string[]>;

const name = (door: number, piece: number): string => `door-${door}-${piece}.mts`;

beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'relaymap-doors-'));
  for (const [i, { through, around }] of DOORS.entries()) {
    for (const [j, code] of [through, ...around].entries()) {
      writeFileSync(path.join(folder, name(i, j)), `${GIVEN}${code};\n`);
    }
  }
  const config = {
    extends: path.join(root, 'tsconfig.json'),
    compilerOptions: { typeRoots: [path.join(root, 'node_modules/@types')], rootDir: '/' },
    include: ['*.mts'],
  };
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(config));
  const { stdout, error } = spawnSync(
    process.execPath,
    [path.join(root, 'node_modules/typescript/bin/tsc'), '--noEmit', '--pretty', 'false', '-p', folder],
    { encoding: 'utf8' },
  );
  if (error !== undefined) throw error;
  said = new Map();
  for (const line of stdout.split('\n')) {
    const [, file, what] = /^([^ (]*)\(\d+,\d+\): (error .*)$/.exec(line) ?? [];
    if (file === undefined || what === undefined) continue;
    const key = path.basename(file);
    said.set(key, [...(said.get(key) ?? []), what]);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

/** An argument or a value that is of another type, one argument too few, or a method that is not there. */
const REFUSAL = /^error TS(2345|2322|2554|2339|2739|2741|2769|2353)\b/;

describe.each(DOORS.map((door, i) => ({ ...door, i })))('$is', ({ i, through, around }) => {
  test(`through it: ${through}`, () => {
    expect(said.get(name(i, 0)) ?? []).toEqual([]);
  });

  test.each(around.map((code, j) => [code, j + 1] as const))('around it: %s', (_, j) => {
    const faults = said.get(name(i, j)) ?? [];
    expect(faults.length).toBeGreaterThan(0);
    for (const fault of faults) expect(fault).toMatch(REFUSAL);
  });
});

test('nothing else is said, so that no piece is refused for another reason', () => {
  expect([...said.keys()].filter((file) => !file.startsWith('door-'))).toEqual([]);
});
