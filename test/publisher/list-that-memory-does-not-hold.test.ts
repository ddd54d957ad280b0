// A list that does not fit into the memory that is allowed for it is sorted on disk. What is published is the same,
// byte for byte, whatever is allowed: table, deltas, what is said and refused, and what waits to be removed.
// Covers src/publisher/gather/merge-runs.ts, src/publisher/gather/rows-on-disk.ts, src/publisher/repository/content.ts
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { array, assert, asyncProperty, constantFrom, nat, property, string } from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { readPublisherConfig } from '../../src/publisher/config.ts';
import { gather } from '../../src/publisher/gather/gather.ts';
import { mergeRuns } from '../../src/publisher/gather/merge-runs.ts';
import { stored } from '../../src/publisher/gather/row-runs.ts';
import { RowSpace } from '../../src/publisher/gather/row-space.ts';
import { RowCollection } from '../../src/publisher/gather/sorted-rows.ts';
import { openKeys } from '../../src/publisher/keys/publisher-keys.ts';
import { publish } from '../../src/publisher/publish.ts';
import { packed, packedToKeep } from '../../src/publisher/tables/compress.ts';
import { chunksOf } from '../../src/publisher/repository/content.ts';
import { SigningKey } from '../support/forger.ts';
import { inPieces } from './in-pieces.ts';

function folder(): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-large-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const collected = (rows: readonly string[]) => {
  const collection = new RowCollection();
  for (const row of rows) collection.add(row);
  return collection.sorted();
};

const row = string({ unit: constantFrom(' ', '!', '@', 'a', 'b', 'é', '\u{10000}'), minLength: 1, maxLength: 8 });

test('runs that overlap in any way, with the same row in several', () => {
  assert(
    property(array(array(row, { maxLength: 30 }), { maxLength: 6 }), nat(40), (lists, size) => {
      const runs = lists.map((list) => inPieces(collected(list).text, size + 1));
      const pieces: Buffer[] = [];
      let rows = 0;
      mergeRuns(runs, (text, count) => {
        pieces.push(Buffer.from(text));
        rows += count;
      });
      const wanted = collected(lists.flat());
      expect(Buffer.concat(pieces).toString()).toBe(Buffer.from(wanted.text).toString());
      expect(rows).toBe(wanted.rows);
    }),
    { numRuns: 300 },
  );
});

test('runs that do not overlap pass in whole pieces, and long ones in many', () => {
  const person = (i: number) => `p${String(i).padStart(6, '0')}@d.example`;
  const rows = Array.from({ length: 30_000 }, (_, i) => person(i));
  const space = new RowSpace(folder());
  onTestFinished(() => space.close());
  const parts = [rows.slice(20_000), rows.slice(0, 10_000), rows.slice(9_000, 20_001)].map(collected);
  const table = stored(space, parts);
  const wanted = collected(rows);
  expect(table).toMatchObject({ rows: 30_000, bytes: wanted.bytes, sha256: wanted.sha256 });
  expect(Buffer.from(table.part(0, table.bytes)).equals(wanted.text)).toBe(true);
  let count = 0;
  for (const block of table.blocks()) count += block.count;
  expect(count).toBe(30_000);
});

test('compressed from disk, in many pieces, as from memory: another member would have another size', async () => {
  // Of people, and of numbers: each kind is compressed in another way.
  for (const local of [(i: number) => `p${Math.imul(i, 0x9e3779b1) >>> 8}`, (i: number) => `${'ab'[i % 2]}${i}`]) {
    const table = collected(Array.from({ length: 90_000 }, (_, i) => `${local(i)}@d${i % 7}.example`));
    const space = new RowSpace(folder());
    const onDisk = stored(space, [table]);
    for (const pack of [packed, packedToKeep]) {
      const [one, other] = [await pack(table, space), await pack(onDisk, space)];
      expect(other).not.toBeInstanceOf(Uint8Array);
      expect(Buffer.concat([...chunksOf(other)]).equals(Buffer.concat([...chunksOf(one)]))).toBe(true);
    }
    space.close();
  }
});

interface Place {
  readonly dir: string;
  readonly lists: readonly string[];
}

/** A publisher of two lists and a table of next hops, which keeps for a day what one of the lists has lost. */
function place(key: SigningKey): Place & { readonly config: string } {
  const dir = folder();
  const lists = ['one', 'two', 'hops'].map((name) => path.join(dir, name));
  writeFileSync(path.join(dir, 'a.key'), key.privatePem, { mode: 0o600 });
  const [one, two, hops] = lists.map((file) => JSON.stringify(file));
  const config = path.join(dir, 'publish.toml');
  writeFileSync(
    config,
    `name = "example-org"\noutput = "${dir}/output"\nstate_dir = "${dir}/state"\nkeys = ["${dir}/a.key"]\n` +
      `[policy]\nmax_shrink_percent = 100\nskip_invalid = true\n` +
      `[[source]]\ntype = "file"\nname = "one"\npath = ${one}\nskip_domains = ["skipped.example"]\n` +
      `[[source]]\ntype = "file"\nname = "two"\npath = ${two}\nremove_after = "24h"\n` +
      `[[source]]\ntype = "file"\nname = "hops"\npath = ${hops}\ntable = "transport"\n`,
  );
  return { dir, lists, config };
}

/** The content of all published and kept files, by name. */
function filesOf(dir: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const top of ['output', 'state'])
    for (const name of readdirSync(path.join(dir, top), { recursive: true, withFileTypes: true })) {
      if (!name.isFile() || name.name === 'lock') continue;
      const file = path.join(name.parentPath, name.name);
      found[path.relative(dir, file)] = readFileSync(file, 'latin1');
    }
  return found;
}

test('published from memory or from disk: the same files, with two sources, removals that wait and next hops', async () => {
  const key = new SigningKey();
  const local = constantFrom('ada', 'Bob', 'b+x', '"a b"', 'ß', 'no address at all', 'zoe', 'yan', 'x', 'w');
  const domain = constantFrom('a.example', 'B.example', 'c.example', 'bücher.example', 'skipped.example');
  const line = array(local, { minLength: 1, maxLength: 1 }).chain(([name]) => domain.map((d) => `${name}@${d}`));
  const list = array(line, { minLength: 1, maxLength: 40 });
  await assert(
    asyncProperty(array(list, { minLength: 6, maxLength: 6 }), async (all) => {
      const seen: unknown[] = [];
      for (const inMemory of [undefined, 40]) {
        const { dir, lists, config } = place(key);
        const read = readPublisherConfig(config);
        const keys = openKeys(read);
        const said: unknown[] = [];
        for (const round of [0, 1, 2]) {
          const now = new Date(Date.UTC(2026, 10, 20, round));
          for (const i of [0, 1]) writeFileSync(lists[i] ?? '', `x@a.example\n${all[2 * round + i]?.join('\n')}\n`);
          writeFileSync(lists[2] ?? '', `a.example mx${round}.a.example\nb.example [192.0.2.1]:25\n`);
          for (const dryRun of [true, false]) {
            const options = { dryRun, allowShrink: false, nextVersion: null, ...(inMemory && { inMemory }) };
            const result = await publish(read, keys, options, now);
            said.push(JSON.stringify(result).replaceAll(dir, ''));
          }
        }
        seen.push({ said, files: filesOf(dir) });
      }
      expect(seen[1]).toEqual(seen[0]);
    }),
    { numRuns: 3 },
  );
});

test('no descriptor stays open, whether a publish succeeds or fails', async () => {
  const { lists, config } = place(new SigningKey());
  const read = readPublisherConfig(config);
  const keys = openKeys(read);
  const open = () => readdirSync('/proc/self/fd').length;
  const options = { dryRun: false, allowShrink: false, nextVersion: null, inMemory: 40 };
  writeFileSync(lists[0] ?? '', 'a@a.example\n'.repeat(5) + 'b@a.example\nc@a.example\nd@b.example\n');
  writeFileSync(lists[1] ?? '', 'e@a.example\n');
  writeFileSync(lists[2] ?? '', 'a.example mx.a.example\n');
  const before = open();
  await publish(read, keys, options, new Date());
  expect(open()).toBe(before);
  writeFileSync(lists[1] ?? '', '@a.example\n');
  await expect(publish(read, keys, options, new Date())).rejects.toMatchObject({ code: 'WILDCARD' });
  expect(open()).toBe(before);
});

test('a dry run without a state uses another folder, and makes none', async () => {
  const { dir, lists, config } = place(new SigningKey());
  writeFileSync(lists[0] ?? '', 'a@a.example\nb@a.example\nc@a.example\nd@b.example\n');
  writeFileSync(lists[1] ?? '', 'e@a.example\n');
  const read = readPublisherConfig(config);
  const space = new RowSpace(path.join(dir, 'absent'), 10);
  const { table } = await gather(read, new Date(), { space });
  expect(table.text).toBeNull();
  expect(readdirSync(dir)).not.toContain('absent');
  space.close();
});
