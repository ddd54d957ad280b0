// What stands where a map belongs, and what fails while maps are put in place: nothing that is not ours is deleted,
// nothing is renamed before every place is free, and Postfix hears of a map that it could not open before.
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CompiledMap } from '../../src/gateway/maps/compile.ts';
import { install, mapsRecord, requirePlaces } from '../../src/gateway/maps/install.ts';
import { AtomicFile, tempName, translateSpace } from '../../src/io/atomic-file.ts';
import { digit } from './records.ts';

const NAMES = ['relay_recipients', 'relay_recipients.cdb', 'relay_domains', 'relay_domains.cdb'] as const;

/** What the system answers to a rename when a disk has no block left for the folder. */
class FullDisk extends AtomicFile {
  override commit(): void {
    throw translateSpace(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }), this.target);
  }
}

let dir: string;
beforeEach(() => (dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-maps-'))));
afterEach(() => rmSync(dir, { recursive: true }));

const at = (name: string) => path.join(dir, name);
/** Finished maps, not yet in place; each holds its own name. */
function compiled(Kind: typeof AtomicFile = AtomicFile): CompiledMap {
  const files = NAMES.map((name, i) => {
    const file = new (name === 'relay_domains' ? Kind : AtomicFile)(at(name), 0o640);
    file.write(Buffer.from(name));
    file.finish();
    return { name, file, sha256: digit(i), bytes: name.length };
  });
  return { files, rows: 7, left: 0 } as unknown as CompiledMap;
}
const discard = (map: CompiledMap) => map.files.forEach(({ file }) => file.discard());
const old = (...names: string[]) => names.forEach((name) => writeFileSync(at(name), 'old'));
const content = (name: string) => readFileSync(at(name), 'utf8');

test('the record made before the renames is what lies there after them', () => {
  old(...NAMES);
  const map = compiled();
  const record = mapsRecord(map, digit(5));
  install(map);
  expect(record).toEqual({
    inputs: digit(5),
    rows: 7,
    hashed: null,
    files: Object.fromEntries(
      NAMES.map((name, i) => {
        const { mtimeMs, ino } = lstatSync(at(name));
        return [name, { sha256: digit(i), bytes: name.length, mtimeMs, ino }];
      }),
    ),
  });
  expect(NAMES.map(content)).toEqual(NAMES);
  expect(readdirSync(dir).sort()).toEqual([...NAMES].sort());
});

describe('a place', () => {
  test('that is free, or holds a file, is left alone', () => {
    old('relay_domains');
    const map = compiled();
    requirePlaces(map);
    expect(content('relay_domains')).toBe('old');
    discard(map);
  });

  test('that holds an empty folder is freed', () => {
    mkdirSync(at('relay_domains.cdb'));
    const map = compiled();
    requirePlaces(map);
    expect(install(map).appeared).toBe(true);
    expect(content('relay_domains.cdb')).toBe('relay_domains.cdb');
  });

  test('that holds a folder with something in it is no place, and nothing is deleted or renamed', () => {
    old('relay_recipients', 'relay_recipients.cdb');
    mkdirSync(at('relay_domains.cdb'));
    writeFileSync(path.join(at('relay_domains.cdb'), 'a person’s'), '');
    const map = compiled();
    expect(() => requirePlaces(map)).toThrow(
      expect.objectContaining({
        name: 'InstallError',
        code: 'INSTALL_FAILED',
        message: `${at('relay_domains.cdb')} is a folder; move it away`,
        cause: expect.objectContaining({ code: 'ENOTEMPTY' }) as unknown,
      }),
    );
    expect(readdirSync(at('relay_domains.cdb'))).toEqual(['a person’s']);
    expect([content('relay_recipients'), content('relay_recipients.cdb')]).toEqual(['old', 'old']);
    discard(map);
  });

  test('that holds a link to a folder: the link goes, the folder stays', () => {
    mkdirSync(at('elsewhere'));
    symlinkSync('elsewhere', at('relay_domains.cdb'));
    const map = compiled();
    requirePlaces(map);
    install(map);
    expect(lstatSync(at('relay_domains.cdb')).isFile()).toBe(true);
    expect(readdirSync(at('elsewhere'))).toEqual([]);
  });
});

describe('Postfix must be reloaded', () => {
  test.each<[string, string[], boolean]>([
    ['for maps that appear', [], true],
    ['for one compiled map that appears', ['relay_recipients', 'relay_recipients.cdb', 'relay_domains'], true],
    ['not for maps that are replaced', [...NAMES], false],
    ['not for a text, which it does not open', ['relay_recipients.cdb', 'relay_domains.cdb'], false],
  ])('%s', (_, there, appeared) => {
    old(...there);
    expect(install(compiled())).toEqual({ appeared });
  });

  test('for a map in whose place there was a link', () => {
    old(...NAMES.slice(0, 3), 'elsewhere');
    symlinkSync('elsewhere', at('relay_domains.cdb'));
    expect(install(compiled())).toEqual({ appeared: true });
    expect(content('elsewhere')).toBe('old');
  });
});

describe('a rename that fails', () => {
  test('is told with the name and the reason; recipients are in place by then, the rest is as it was', () => {
    old(...NAMES);
    const map = compiled();
    rmSync(tempName(at('relay_domains')));
    expect(() => install(map)).toThrow(
      expect.objectContaining({
        name: 'InstallError',
        code: 'INSTALL_FAILED',
        message: expect.stringMatching(/^relay_domains cannot be renamed into place: ENOENT/) as string,
        cause: expect.objectContaining({ code: 'ENOENT' }) as unknown,
      }),
    );
    expect(NAMES.map(content)).toEqual(['relay_recipients', 'relay_recipients.cdb', 'old', 'old']);
    discard(map);
  });

  test('for want of space is NO_SPACE, which another try may cure', () => {
    old(...NAMES);
    const map = compiled(FullDisk);
    expect(() => install(map)).toThrow(expect.objectContaining({ name: 'HostError', code: 'NO_SPACE' }));
    expect(NAMES.map(content)).toEqual(['relay_recipients', 'relay_recipients.cdb', 'old', 'old']);
    discard(map);
  });
});
