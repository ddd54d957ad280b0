// The live map of domains stays only where it is, to the byte, the one that would be made: another domain, another
// value, a byte that flipped or a mode that was changed, and it is made again.
// Covers src/gateway/maps/same-domains.ts
import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { compile, type CompiledMap } from '../../src/gateway/maps/compile.ts';
import { install, mapsRecord } from '../../src/gateway/maps/install.ts';
import type { LiveMaps } from '../../src/gateway/maps/live-maps.ts';
import type { CompileRules } from '../../src/gateway/maps/map-pair.ts';
import { stream } from '../bundle/blocks.ts';

let folder = '';
beforeEach(() => (folder = mkdtempSync(path.join(os.tmpdir(), 'relaymap-same-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string) => path.join(folder, name);
const rules = (more: Partial<CompileRules> = {}): CompileRules => ({
  mapDir: folder,
  value: 'OK',
  types: ['cdb'],
  text: 'pairs',
  expected: 2,
  gid: null,
  warn: () => undefined,
  ...more,
});
const made = (rows: readonly string[], live: LiveMaps | null, more: Partial<CompileRules> = {}): Promise<CompiledMap> =>
  compile([{ rows: stream(rows), speaksFor: null }], rules(more), null, live?.files ?? null);

async function installed(rows: readonly string[], live: LiveMaps | null = null): Promise<LiveMaps> {
  const map = await made(rows, live);
  const record = mapsRecord(map, 'a'.repeat(64));
  install(map);
  return record;
}

const ROWS = ['a@x.example', 'b@y.example'];
const names = (map: CompiledMap) => map.files.map(({ name }) => name);
const ALL = ['relay_recipients', 'relay_recipients.cdb', 'relay_domains', 'relay_domains.cdb'];

test('of the same domains it stays, with its record; the recipients are new', async () => {
  const live = await installed(ROWS);
  const before = lstatSync(at('relay_domains.cdb')).ino;
  const next = await installed(['c@x.example', 'd@y.example', 'e@y.example'], live);
  expect(lstatSync(at('relay_domains.cdb')).ino).toBe(before);
  expect(next.files['relay_domains.cdb']).toEqual(live.files['relay_domains.cdb']);
  expect(Object.keys(next.files).sort()).toEqual([...ALL].sort());
  expect(readFileSync(at('relay_recipients'), 'utf8')).toBe('c@x.example\tOK\nd@y.example\tOK\ne@y.example\tOK\n');
  expect(readdirSync(folder).sort()).toEqual([...ALL].sort());
});

test.each<[string, readonly string[]]>([
  ['a domain more', [...ROWS, 'c@z.example']],
  ['a domain less', ['a@x.example']],
  ['as many others', ['a@x.example', 'b@z.example']],
  ['none of before', ['a@v.example', 'b@w.example']],
])('%s: it is made again', async (_, rows) => {
  const live = await installed(ROWS);
  await installed(rows, live);
  const domains = [...new Set(rows.map((row) => row.slice(row.indexOf('@') + 1)))].sort();
  expect(readFileSync(at('relay_domains'), 'utf8')).toBe(domains.map((domain) => `${domain}\tOK\n`).join(''));
});

test.each<[string, (live: LiveMaps) => LiveMaps | null]>([
  ['there is no record', () => null],
  ['the record lacks its cdb', (live) => ({ ...live, files: without(live.files, 'relay_domains.cdb') })],
  ['it is gone', (live) => (rmSync(at('relay_domains.cdb')), live)],
  ['its mode was changed', (live) => (chmodSync(at('relay_domains.cdb'), 0o600), live)],
  ['a byte of its cdb flipped, and nothing shows it', (live) => flipped('relay_domains.cdb', live)],
  ['a byte of its text flipped, and nothing shows it', (live) => flipped('relay_domains', live)],
])('%s: it is made again', async (_, spoil) => {
  const live = await installed(ROWS);
  const wanted = readFileSync(at('relay_domains.cdb'));
  const map = await made(ROWS, spoil(live));
  expect(names(map)).toEqual(ALL);
  install(map);
  expect(readFileSync(at('relay_domains.cdb')).equals(wanted)).toBe(true);
  expect(readFileSync(at('relay_domains'), 'utf8')).toBe('x.example\tOK\ny.example\tOK\n');
});

test.each<[string, Partial<CompileRules>]>([
  ['another value', { value: 'YES' }],
  ['a value that ends alike', { value: 'NOT OK' }],
  ['another form of the text', { text: 'list' }],
])('%s: it is made again', async (_, more) => {
  const live = await installed(ROWS);
  expect(names(await made(ROWS, live, more))).toEqual(ALL);
});

const without = (files: LiveMaps['files'], name: string): LiveMaps['files'] =>
  Object.fromEntries(Object.entries(files).filter(([each]) => each !== name));

/** Size, inode and mtime stay; the time is a whole second, which can be set again exactly. */
function flipped(name: string, live: LiveMaps): LiveMaps {
  const record = live.files[name];
  if (record === undefined) throw new Error(`${name} has no record`);
  const bytes = readFileSync(at(name));
  const last = bytes.lastIndexOf('x.example');
  bytes[last] = (bytes[last] ?? 0) ^ 1;
  writeFileSync(at(name), bytes);
  utimesSync(at(name), 1_700_000_000, 1_700_000_000);
  return { ...live, files: { ...live.files, [name]: { ...record, mtimeMs: 1_700_000_000_000 } } };
}
