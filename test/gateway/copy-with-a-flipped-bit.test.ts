// The last good copies: whatever becomes of a file on disk, a table that is not the one kept never reaches its end.
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { judgeTable } from '../../src/bundle/offer/guard.ts';
import { Copies } from '../../src/gateway/record/copies.ts';
import { refOf } from '../../src/gateway/record/version-history.ts';
import type { CopyRef } from '../../src/gateway/record/state.ts';
import { collected } from '../bundle/blocks.ts';
import { sha256, SigningKey, tableOf } from '../support/forger.ts';
import { digit, keep, signed } from './records.ts';

const key = new SigningKey();
const rows = Array.from({ length: 50 }, (_, i) => `user${i}@example.org`);
let dir: string;
let copies: Copies;
let copy: CopyRef;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-copies-'));
  copies = new Copies(dir, 'example-org', null);
  copy = keep(copies, 1, key, rows);
  file = path.join(copies.folder, `${copy.table}.gz`);
});
afterEach(() => rmSync(dir, { recursive: true }));

test('a whole copy gives its rows, is whole, and only its group may read it', async () => {
  expect(await collected(copies.rows(copy.table))).toEqual(tableOf(rows).toString().trimEnd().split('\n'));
  expect(await copies.isWhole(copy.table)).toBe(true);
  expect(copies.folder).toBe(path.join(dir, 'bundles', 'example-org'));
  expect([statSync(file).mode & 0o7777, statSync(copies.folder).mode & 0o7777]).toEqual([0o640, 0o750]);
});

test('one flipped bit, wherever: it throws before it ends, or it is the very same table', async () => {
  const good = readFileSync(file);
  const text = (await collected(copies.rows(copy.table))).join('\n');
  let same = 0;
  for (let bit = 0; bit < good.length * 8; bit += 3) {
    const bytes = Buffer.from(good);
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    writeFileSync(file, bytes);
    const read = await collected(copies.rows(copy.table)).catch(() => null);
    if (read === null) continue;
    same++;
    expect(read.join('\n')).toBe(text);
  }
  // The time and system in the gzip header, and padding: nothing else is without meaning.
  expect(same).toBeLessThan(30);
});

describe('not whole', () => {
  test.each<[string, () => void]>([
    ['missing', () => rmSync(file)],
    ['empty', () => truncateSync(file, 0)],
    ['cut short', () => truncateSync(file, 100)],
    ['two members', () => writeFileSync(file, Buffer.concat([readFileSync(file), gzipSync('')]))],
    ['another table, well compressed', () => writeFileSync(file, gzipSync(tableOf(rows.slice(1))))],
    ['a row too long to be one', () => writeFileSync(file, gzipSync('x'.repeat(5000)))],
    ['not compressed', () => writeFileSync(file, tableOf(rows))],
    ['a folder', () => (rmSync(file), mkdirSync(file))],
    ['a link to the very table', () => (renameSync(file, `${file}.far`), symlinkSync(`${file}.far`, file))],
    ['a pipe, which nobody writes to', () => (rmSync(file), void execFileSync('mkfifo', [file]))],
  ])('%s', async (_, spoil) => {
    spoil();
    expect(await copies.isWhole(copy.table)).toBe(false);
    expect(await copies.fault(copy.table)).toMatch(/\w/);
    await expect(collected(copies.rows(copy.table))).rejects.toThrow();
  });

  test('the wrong hash is told with both values', async () => {
    writeFileSync(file, gzipSync(tableOf(['b@x.org'])));
    await expect(collected(copies.rows(copy.table))).rejects.toMatchObject({
      code: 'HASH_MISMATCH',
      message: expect.stringMatching(new RegExp(`${sha256(tableOf(['b@x.org']))}.*${copy.table}`)),
    });
  });
});

test('a reader that stops early leaves no descriptor open', async () => {
  const many = Array.from({ length: 60_000 }, (_, i) => `user${(i * 7919) % 1_000_003}@example.org`);
  const large = keep(copies, 2, key, many);
  const open = () => readdirSync('/proc/self/fd').length;
  const before = open();
  for (let i = 0; i < 20; i++) for await (const _ of copies.rows(large.table)) break;
  await expect.poll(open, { timeout: 60_000 }).toBeLessThanOrEqual(before + 2);
});

describe('an envelope', () => {
  const stored = () => path.join(copies.folder, `${copy.version}-${copy.digest}.json`);

  test('comes back as it was', () => {
    expect(Buffer.from(copies.envelope(copy) ?? '')).toEqual(readFileSync(stored()));
  });

  test.each<[string, () => void]>([
    ['missing', () => rmSync(stored())],
    ['empty', () => truncateSync(stored(), 0)],
    ['of another payload', () => writeFileSync(stored(), signed(9, key).envelope)],
    ['not JSON', () => writeFileSync(stored(), 'x')],
    ['a folder', () => (rmSync(stored()), mkdirSync(stored()))],
  ])('%s is none, and among the stored ones it has no bytes', (_, spoil) => {
    expect(copies.envelopes.good().map(({ ref }) => ref)).toEqual([refOf(copy)]);
    spoil();
    expect([copies.envelope(copy), copies.envelopes.good()]).toEqual([
      null,
      existsSync(stored()) ? [{ ref: refOf(copy), bytes: null }] : [],
    ]);
  });

  test('without its table is none the less one, in the order of the names', () => {
    const second = keep(copies, 2, key, ['b@example.org']);
    const tenth = keep(copies, 10, key, ['c@example.org']);
    rmSync(file);
    const all = copies.envelopes.good();
    expect(all.map(({ ref }) => ref)).toEqual([copy, tenth, second].map(refOf));
    for (const { ref, bytes } of all) expect(copies.envelope(ref)).toEqual(bytes);
  });

  test('files of other names are none', () => {
    const envelope = readFileSync(stored());
    for (const name of [
      `x1-${copy.digest}.json`,
      `1-${copy.digest}a.json`,
      `1-${copy.digest}xjson`,
      `1-${copy.digest}.json.new`,
      `.1-${copy.digest}.json.new`,
      `x-${copy.digest}.json`,
      '1.json',
    ]) {
      writeFileSync(path.join(copies.folder, name), envelope);
    }
    expect(copies.envelopes.good().map(({ ref }) => ref)).toEqual([refOf(copy)]);
  });

  test('before there is a folder there is none', () => {
    expect(new Copies(dir, 'other', null).envelopes.good()).toEqual([]);
    new Copies(dir, 'other', null).clean(new Set(), [], []);
  });
});

describe('clean', () => {
  test('takes away what nothing names, and leaves copies, evidence and key ring', () => {
    const second = keep(copies, 2, key, ['b@example.org']);
    for (const name of ['evidence', 'keyring', 'stray']) mkdirSync(path.join(copies.folder, name));
    writeFileSync(path.join(copies.folder, `.${digit(1)}.gz.new`), 'half-written');
    copies.clean(new Set([copy.table]), [copy], []);
    expect(readdirSync(copies.folder).sort()).toEqual(
      ['evidence', 'keyring', `${copy.table}.gz`, `1-${copy.digest}.json`].sort(),
    );
    expect(copies.envelope(second)).toBeNull();
  });

  test('does not reach out of its folder', () => {
    const other = new Copies(dir, 'other', null);
    const theirs = keep(other, 1, key);
    copies.clean(new Set(), [], []);
    expect([readdirSync(copies.folder), existsSync(path.join(other.folder, `${theirs.table}.gz`))]).toEqual([[], true]);
  });
});

test('two payloads of one version are both kept as evidence', () => {
  const rival = signed(1, key, ['other@example.org']);
  const folder = copies.keepEvidence(rival, copy);
  expect(readdirSync(folder).sort()).toEqual(
    [`1-${copy.digest.slice(0, 16)}.json`, `1-${rival.digest.slice(0, 16)}.json`].sort(),
  );
  expect(readFileSync(path.join(folder, `1-${rival.digest.slice(0, 16)}.json`))).toEqual(Buffer.from(rival.envelope));
});

test('evidence is kept of the one payload where the other one is gone', () => {
  const rival = signed(1, key, ['other@example.org']);
  rmSync(path.join(copies.folder, `1-${copy.digest}.json`));
  expect(readdirSync(copies.keepEvidence(rival, copy))).toEqual([`1-${rival.digest.slice(0, 16)}.json`]);
});

test('what is kept, evidence above all, is for owner and group alone', () => {
  const rival = signed(1, key, ['other@example.org']);
  const folder = copies.keepEvidence(rival, copy);
  expect(folder).toBe(path.join(copies.folder, 'evidence'));
  for (const where of [copies.folder, folder]) {
    expect(statSync(where).mode & 0o7777).toBe(0o750);
    for (const entry of readdirSync(where, { withFileTypes: true })) {
      if (entry.isFile()) expect(statSync(path.join(where, entry.name)).mode & 0o7777).toBe(0o640);
    }
  }
});

test('envelopes of a bundle that has no folder yet make one', () => {
  const other = new Copies(dir, 'other', null);
  const ref = other.keepEnvelope(signed(3, key));
  expect(readdirSync(other.folder)).toEqual([`3-${ref.digest}.json`]);
  expect(other.envelope(ref)).not.toBeNull();
});

test('a folder that cannot be listed is an error: nothing in it is taken for gone', () => {
  rmSync(copies.folder, { recursive: true });
  writeFileSync(copies.folder, '');
  expect(() => copies.envelopes.good()).toThrow(expect.objectContaining({ code: 'ENOTDIR' }));
  expect(() => copies.clean(new Set(), [], [])).toThrow(expect.objectContaining({ code: 'ENOTDIR' }));
});

const judged = (table: string) => judgeTable({ table, missing: [], foreign: null, shrinkage: null, lifted: false });

describe('a spool', () => {
  test('makes its folder, has no name in it, and a table is kept in the place of a folder', () => {
    const other = new Copies(dir, 'other', null);
    const table = path.join(other.folder, `${copy.table}.gz`);
    mkdirSync(path.join(table, 'within'), { recursive: true });
    const spool = other.spool(copy.table);
    spool.write(readFileSync(file));
    expect(readdirSync(other.folder)).toEqual([path.basename(table)]);
    other.keep(spool, judged(copy.table));
    expect(readFileSync(table)).toEqual(readFileSync(file));
    spool.discard();
  });

  test('does not take a good copy away before there is a new one', async () => {
    const spool = copies.spool(copy.table);
    expect(await copies.isWhole(copy.table)).toBe(true);
    spool.discard();
  });

  test('is kept for the group, and without it where that is refused', () => {
    const groupOf = (gid: number | null) => {
      const other = new Copies(dir, 'other', gid);
      const spool = other.spool(copy.table);
      other.keep(spool, judged(copy.table));
      spool.discard();
      return statSync(path.join(other.folder, `${copy.table}.gz`)).gid;
    };
    const own = groupOf(null);
    const other = process.getgroups?.().find((gid) => gid !== own) ?? (process.getuid?.() === 0 ? 4242 : own); // root may give to any
    expect(groupOf(other)).toBe(other);
    expect(groupOf(2 ** 40)).toBe(own); // no group at all, which chown does not take
  });

  test('is not kept on a word about another table', () => {
    const other = new Copies(dir, 'other', null);
    const spool = other.spool(copy.table);
    spool.write(readFileSync(file));
    expect(() => other.keep(spool, judged(digit(7)))).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
    expect(existsSync(other.folder)).toBe(false);
    spool.discard();
  });

  test('that is dropped leaves nothing, and does not touch the copy of its name', () => {
    const before = readFileSync(file);
    const spool = copies.spool(copy.table);
    spool.write(Buffer.from('half'));
    spool.discard();
    spool.discard();
    expect(readFileSync(file)).toEqual(before);
    expect(readdirSync(copies.folder).length).toBe(2);
  });

  test.each([
    ['a small one, in memory', 1],
    ['a large one, in a file', 40_000],
  ])('of two at once, each has what was written to it: %s', (_, times) => {
    const [one, two] = [copies.spool(digit(1)), copies.spool(digit(2))];
    const texts = { one: 'one'.repeat(times), two: 'two'.repeat(times), more: 'more'.repeat(times) };
    for (const [spool, text] of [
      [one, texts.one],
      [two, texts.two],
      [one, texts.more],
    ] as const)
      spool.write(Buffer.from(text));
    const chunks = (spool: typeof one) => Buffer.concat([...spool.chunks()]).toString();
    const copied = (spool: typeof one) => {
      const parts: string[] = [];
      spool.copyTo((chunk) => parts.push(Buffer.from(chunk).toString()));
      return parts.join('');
    };
    for (const read of [chunks, copied])
      expect([read(one) === texts.one + texts.more, read(two) === texts.two]).toEqual([true, true]);
    expect(readdirSync(copies.folder).length).toBe(2);
    for (const spool of [one, two]) spool.discard();
  });

  test('that a killed process has left a name for is begun all the same', () => {
    mkdirSync(path.join(copies.folder, '.scratch.new', 'within'), { recursive: true });
    const spool = copies.spool(digit(1));
    spool.write(Buffer.alloc(1_000_000));
    expect(readdirSync(copies.folder).length).toBe(2);
    spool.discard();
  });
});
