// Maps are made while their table is still being read. They count for that table alone, once, and only after it was
// judged good.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { DomainSet } from '../../src/bundle/table/domain-set.ts';
import type { RowBlock } from '../../src/bundle/table/rows.ts';
import { EarlyMaps } from '../../src/gateway/maps/early-maps.ts';
import { Draft } from '../../src/gateway/maps/compile.ts';
import { judgeTable } from '../../src/bundle/offer/guard.ts';
import { Copies } from '../../src/gateway/record/copies.ts';
import { blocks } from '../bundle/blocks.ts';
import { addDomains } from '../../src/bundle/address/row-domain.ts';

let folder: string;
beforeEach(() => (folder = mkdtempSync(path.join(os.tmpdir(), 'relaymap-early-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const [GOOD, OTHER] = ['a'.repeat(64), 'b'.repeat(64)];
const judged = (table: string) => judgeTable({ table, missing: [], foreign: null, shrinkage: null, lifted: false });
const kept = (table: string) => new Copies(folder, 'example-org', null).reopen(table);
const left = (): string[] => readdirSync(folder).sort();

const draft = (rows: number): Draft => {
  const rules = {
    mapDir: folder,
    value: 'OK',
    types: ['cdb'] as const,
    text: 'pairs' as const,
    expected: rows,
    gid: null,
    warn: () => undefined,
  };
  return new Draft(rules, 'nameless');
};

/** Adds rows, and gives their domains. */
function add(early: EarlyMaps, rows: readonly string[]): DomainSet {
  const domains = new DomainSet();
  for (const block of blocks(rows)) {
    early.add(block);
    addDomains(domains, block);
  }
  return domains;
}

test('the accepted table has its maps, and only once', async () => {
  const early = new EarlyMaps(draft);
  early.begin(2);
  early.accept(judged(GOOD), add(early, ['a@x.example', 'b@y.example']));
  const map = await early.take(kept(GOOD));
  expect(map?.rows).toBe(2);
  expect(readFileSync(path.join(folder, '.relay_domains.new'), 'utf8')).toBe('x.example\tOK\ny.example\tOK\n');
  expect(await early.take(kept(GOOD))).toBeNull();
  early.discard();
  expect(left()).toHaveLength(4); // which are its taker's now
});

test.each<[string, (early: EarlyMaps) => void]>([
  ['was never accepted', () => undefined],
  ['is another one than the accepted', (early) => early.accept(judged(OTHER), new DomainSet())],
  [
    'was accepted before another one was begun',
    (early) => {
      early.accept(judged(GOOD), new DomainSet());
      early.begin(1);
      add(early, ['b@y.example']);
    },
  ],
  ['was given up', (early) => (early.discard(), early.accept(judged(GOOD), new DomainSet()))],
])('a table that %s has none', async (_, how) => {
  const early = new EarlyMaps(draft);
  early.begin(1);
  add(early, ['a@x.example']);
  how(early);
  expect(await early.take(kept(GOOD))).toBeNull();
  early.discard();
  expect(left()).toEqual([]);
});

test('rows of an attempt that failed are not in the maps of the next', async () => {
  const early = new EarlyMaps(draft);
  early.begin(1);
  add(early, ['wrong@x.example']);
  early.begin(1);
  early.accept(judged(GOOD), add(early, ['right@y.example']));
  await early.take(kept(GOOD));
  expect(readFileSync(path.join(folder, '.relay_recipients.new'), 'utf8')).toBe('right@y.example\tOK\n');
  expect(readFileSync(path.join(folder, '.relay_recipients.cdb.new'), 'latin1')).not.toContain('wrong');
});

test.each<[string, (rows: number) => Draft]>([
  [
    'cannot be begun',
    () => {
      throw new Error('no room');
    },
  ],
  [
    'cannot be gone on with',
    () =>
      Object.assign(draft(1), {
        add: () => {
          throw new Error('no room');
        },
      }),
  ],
])('maps that %s are none, and no failure; nothing is left of them', async (_, begin) => {
  const early = new EarlyMaps(begin);
  early.begin(1);
  early.accept(judged(GOOD), add(early, ['a@x.example']));
  expect(await early.take(kept(GOOD))).toBeNull();
  expect(left()).toEqual([]);
});

test('a disk that is full after the first rows, and has room again after the next, makes no maps without those', async () => {
  let blocksAdded = 0;
  const early = new EarlyMaps(() => {
    const made = draft(3);
    const add = made.add.bind(made);
    return Object.assign(made, {
      add: (block: RowBlock) => {
        if (++blocksAdded === 2) throw new Error('no room');
        add(block);
      },
    });
  });
  early.begin(3);
  for (const row of ['a@x.example', 'b@x.example', 'c@x.example']) add(early, [row]);
  early.accept(judged(GOOD), add(early, ['d@x.example']));
  expect(await early.take(kept(GOOD))).toBeNull();
  expect([blocksAdded, left()]).toEqual([2, []]);
});

test('a list without rows has no maps, and nothing is left of them', async () => {
  const early = new EarlyMaps(draft);
  early.begin(0);
  early.accept(judged(GOOD), new DomainSet());
  expect(await early.take(kept(GOOD))).toBeNull();
  expect(left()).toEqual([]);
});

test('they have no names before they are taken, and two runs do not meet in them', async () => {
  const [early, other] = [new EarlyMaps(draft), new EarlyMaps(draft)];
  early.begin(1);
  other.begin(1);
  const mine = add(early, ['a@x.example']);
  other.accept(judged(OTHER), add(other, ['b@y.example']));
  early.accept(judged(GOOD), mine);
  expect(left()).toEqual([]);
  expect((await other.take(kept(OTHER)))?.rows).toBe(1);
  early.discard();
  expect(readFileSync(path.join(folder, '.relay_recipients.new'), 'utf8')).toBe('b@y.example\tOK\n');
});

test.each<[string, number, string | undefined]>([
  ['small ones are copied', 2, undefined],
  ['large ones are named where they are', 100_000, undefined],
  ['large ones are copied where no program can name them', 100_000, '/nonexistent'],
])('they are the same files, however they come by their names: %s', async (_, expected, programs) => {
  const rows = Array.from({ length: 5000 }, (_row, i) => `user${String(i).padStart(4, '0')}@x.example`);
  const before = process.env['PATH'];
  onTestFinished(() => {
    process.env['PATH'] = before;
  });
  const names = new DomainSet();
  for (const block of blocks(rows)) addDomains(names, block);
  const named = new Draft(
    { mapDir: folder, value: 'OK', types: ['cdb'], text: 'pairs', expected: 1, gid: null, warn: () => undefined },
    'named',
  );
  for (const block of blocks(rows)) named.add(block);
  const made = await named.finish(names);
  const bytes = () => left().map((name) => [name, readFileSync(path.join(folder, name)).toString('latin1')]);
  const wanted = bytes();
  for (const { file } of made.files) file.discard();
  process.env['PATH'] = programs ?? before;
  const early = new EarlyMaps(() => draft(expected));
  early.begin(expected);
  early.accept(judged(GOOD), add(early, rows));
  expect(left()).toEqual([]);
  const map = await early.take(kept(GOOD));
  expect(map?.files.map(({ name, sha256 }) => [name, sha256])).toEqual(
    made.files.map(({ name, sha256 }) => [name, sha256]),
  );
  expect(bytes()).toEqual(wanted);
  for (const name of left()) expect(statSync(path.join(folder, name))).toMatchObject({ nlink: 1, mode: 0o100640 });
});
