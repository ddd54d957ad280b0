// Maps are made while their table is still being read. They count for that table alone, once, and only after it was judged good.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DomainSet } from '../../src/bundle/table/domain-set.ts';
import type { RowBlock } from '../../src/bundle/table/rows.ts';
import { Ahead } from '../../src/gateway/maps/early-maps.ts';
import { Draft } from '../../src/gateway/maps/compile.ts';
import { judgeTable } from '../../src/bundle/offer/guard.ts';
import { Copies } from '../../src/gateway/record/copies.ts';
import { blocks } from '../bundle/blocks.ts';
import { addDomains } from '../../src/bundle/address/row-domain.ts';

let folder: string;
beforeEach(() => (folder = mkdtempSync(path.join(os.tmpdir(), 'relaymap-ahead-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const [GOOD, OTHER] = ['a'.repeat(64), 'b'.repeat(64)];
const judged = (table: string) => judgeTable({ table, missing: [], foreign: null, shrinkage: null, lifted: false });
const kept = (table: string) => new Copies(folder, 'example-org', null).reopen(table);
const left = (): string[] => readdirSync(folder).sort();

const draft = (rows: number): Draft =>
  new Draft({ mapDir: folder, value: 'OK', types: ['cdb'], expected: rows, gid: null, warn: () => undefined });

/** Adds rows, and gives their domains. */
function add(ahead: Ahead, rows: readonly string[]): DomainSet {
  const domains = new DomainSet();
  for (const block of blocks(rows)) {
    ahead.add(block);
    addDomains(domains, block);
  }
  return domains;
}

test('the accepted table has its maps, and only once', async () => {
  const ahead = new Ahead(draft);
  ahead.begin(2);
  ahead.accept(judged(GOOD), add(ahead, ['a@x.example', 'b@y.example']));
  const map = await ahead.take(kept(GOOD));
  expect(map?.rows).toBe(2);
  expect(readFileSync(path.join(folder, '.relay_domains.new'), 'utf8')).toBe('x.example\tOK\ny.example\tOK\n');
  expect(await ahead.take(kept(GOOD))).toBeNull();
  ahead.discard();
  expect(left()).toHaveLength(4); // which are its taker's now
});

test.each<[string, (ahead: Ahead) => void]>([
  ['was never accepted', () => undefined],
  ['is another one than the accepted', (ahead) => ahead.accept(judged(OTHER), new DomainSet())],
  [
    'was accepted before another one was begun',
    (ahead) => {
      ahead.accept(judged(GOOD), new DomainSet());
      ahead.begin(1);
      add(ahead, ['b@y.example']);
    },
  ],
  ['was given up', (ahead) => (ahead.discard(), ahead.accept(judged(GOOD), new DomainSet()))],
])('a table that %s has none', async (_, how) => {
  const ahead = new Ahead(draft);
  ahead.begin(1);
  add(ahead, ['a@x.example']);
  how(ahead);
  expect(await ahead.take(kept(GOOD))).toBeNull();
  ahead.discard();
  expect(left()).toEqual([]);
});

test('rows of an attempt that failed are not in the maps of the next', async () => {
  const ahead = new Ahead(draft);
  ahead.begin(1);
  add(ahead, ['wrong@x.example']);
  ahead.begin(1);
  ahead.accept(judged(GOOD), add(ahead, ['right@y.example']));
  await ahead.take(kept(GOOD));
  expect(readFileSync(path.join(folder, '.relay_recipients.new'), 'utf8')).toBe('right@y.example\tOK\n');
  expect(readFileSync(path.join(folder, '.relay_recipients.cdb.new'), 'latin1')).not.toContain('wrong');
});

test.each<[string, () => Draft]>([
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
  const ahead = new Ahead(begin);
  ahead.begin(1);
  ahead.accept(judged(GOOD), add(ahead, ['a@x.example']));
  expect(await ahead.take(kept(GOOD))).toBeNull();
  expect(left()).toEqual([]);
});

test('a disk that is full after the first rows, and has room again after the next, makes no maps without those', async () => {
  let blocksAdded = 0;
  const ahead = new Ahead(() => {
    const made = draft(3);
    const add = made.add.bind(made);
    return Object.assign(made, {
      add: (block: RowBlock) => {
        if (++blocksAdded === 2) throw new Error('no room');
        add(block);
      },
    });
  });
  ahead.begin(3);
  for (const row of ['a@x.example', 'b@x.example', 'c@x.example']) add(ahead, [row]);
  ahead.accept(judged(GOOD), add(ahead, ['d@x.example']));
  expect(await ahead.take(kept(GOOD))).toBeNull();
  expect([blocksAdded, left()]).toEqual([2, []]);
});

test('a list without rows has no maps, and nothing is left of them', async () => {
  const ahead = new Ahead(draft);
  ahead.begin(0);
  ahead.accept(judged(GOOD), new DomainSet());
  expect(await ahead.take(kept(GOOD))).toBeNull();
  expect(left()).toEqual([]);
});
