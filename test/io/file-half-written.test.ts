// The one durable writer: a reader finds the old file or the new one; what a killed run or a stranger left at the
// temp name is no trap.
import {
  chmodSync,
  existsSync,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  AtomicFile,
  createFile,
  isAbsent,
  makeFolder,
  removeDurable,
  tempName,
  translateSpace,
  writeFileAtomic,
} from '../../src/io/atomic-file.ts';
import { HostError } from '../../src/errors.ts';

let dir: string;
let target: string;
let other: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-io-'));
  target = path.join(dir, 'file');
  other = path.join(dir, 'other');
  writeFileSync(other, 'not yours');
});
afterEach(() => rmSync(dir, { recursive: true }));

const content = (file: string) => readFileSync(file, 'utf8');
const mode = (file: string) => statSync(file).mode & 0o7777;

describe('before commit', () => {
  test('nothing shows at the target', () => {
    const file = new AtomicFile(target, 0o640);
    file.write(Buffer.from('new'));
    file.finish();
    expect(existsSync(target)).toBe(false);
    expect(content(file.temp)).toBe('new');
    file.discard();
  });

  test('the old file stays as it is, the same inode', () => {
    writeFileSync(target, 'old');
    const { ino } = statSync(target);
    const file = new AtomicFile(target, 0o640);
    file.write(Buffer.from('new'));
    file.finish();
    expect([content(target), statSync(target).ino]).toEqual(['old', ino]);
    file.commit();
    expect(content(target)).toBe('new');
    expect(statSync(target).ino).not.toBe(ino);
    expect(readdirSync(dir).sort()).toEqual(['file', 'other']);
  });

  test('discard leaves nothing, closes the descriptor, and may be called again', () => {
    writeFileSync(target, 'old');
    const file = new AtomicFile(target, 0o640);
    file.write(Buffer.from('new'));
    const { fd } = file;
    file.discard();
    file.discard();
    expect(readdirSync(dir).sort()).toEqual(['file', 'other']);
    expect(content(target)).toBe('old');
    expect(() => fstatSync(fd)).toThrow('EBADF');
  });

  test('discard after finish leaves nothing too, and after commit takes nothing away', () => {
    const file = new AtomicFile(target, 0o640);
    file.finish();
    file.discard();
    expect(readdirSync(dir)).toEqual(['other']);
    const second = new AtomicFile(target, 0o640);
    second.commit();
    second.discard();
    expect(existsSync(target)).toBe(true);
  });
});

describe('at the temp name lies', () => {
  test.each<[string, (temp: string) => void]>([
    ['what a killed run left', (temp) => writeFileSync(temp, 'a longer half-written file')],
    ['a symlink to a file of others', (temp) => symlinkSync(other, temp)],
    ['a symlink to nowhere', (temp) => symlinkSync(path.join(dir, 'nowhere'), temp)],
    ['a hard link to a file of others', (temp) => linkSync(other, temp)],
    ['a folder', (temp) => mkdirSync(path.join(temp, 'deep'), { recursive: true })],
    ['a file that nobody may write', (temp) => writeFileSync(temp, 'x', { mode: 0 })],
  ])('%s', (_, plant) => {
    plant(tempName(target));
    writeFileAtomic(target, 'new', 0o640);
    expect(content(target)).toBe('new');
    expect(lstatSync(target).isFile()).toBe(true);
    expect(content(other)).toBe('not yours');
    expect(readdirSync(dir).sort()).toEqual(['file', 'other']);
  });
});

test('a symlink at the target is replaced, not followed', () => {
  symlinkSync(other, target);
  writeFileAtomic(target, 'new', 0o640);
  expect(lstatSync(target).isSymbolicLink()).toBe(false);
  expect([content(target), content(other)]).toEqual(['new', 'not yours']);
});

test('a folder at the target: an error, and no temp file is left', () => {
  mkdirSync(target);
  expect(() => writeFileAtomic(target, 'new', 0o640)).toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
  expect(readdirSync(dir).sort()).toEqual(['file', 'other']);
});

test('a folder that is not there: ENOENT', () => {
  let fault: unknown;
  try {
    writeFileAtomic(path.join(dir, 'no', 'file'), 'x', 0o640);
  } catch (error) {
    fault = error;
  }
  expect([isAbsent(fault), isAbsent(new Error('x')), isAbsent(null)]).toEqual([true, false, false]);
});

describe('the mode is the one asked for', () => {
  test.each([0o000, 0o027, 0o077, 0o777])('under umask %o', (umask) => {
    const before = process.umask(umask);
    try {
      writeFileAtomic(target, 'x', 0o644);
      createFile(path.join(dir, 'created'), 'x', 0o604);
    } finally {
      process.umask(before);
    }
    expect([mode(target), mode(path.join(dir, 'created'))]).toEqual([0o644, 0o604]);
  });

  test('and not the one of the file before it', () => {
    writeFileSync(target, 'old');
    chmodSync(target, 0o666);
    writeFileAtomic(target, 'new', 0o640);
    expect(mode(target)).toBe(0o640);
  });
});

describe('bytes', () => {
  test('are appended, and written at a position without moving the end', () => {
    const file = new AtomicFile(target, 0o640);
    for (const part of ['head', '-', 'tail']) file.write(Buffer.from(part));
    file.write(Buffer.from('HEAD'), 0);
    file.write(Buffer.from('!'));
    file.commit();
    expect(content(target)).toBe('HEAD-tail!');
  });

  test('of no length and of eight million', () => {
    writeFileAtomic(target, '', 0o640);
    expect(statSync(target).size).toBe(0);
    const large = Buffer.alloc(8_000_000, 'abc');
    writeFileAtomic(target, large, 0o640);
    expect(readFileSync(target).equals(large)).toBe(true);
  });
});

test('a file made by another program is taken over under its own name, but no link', () => {
  const made = path.join(dir, '.made');
  writeFileSync(made, 'theirs');
  chmodSync(made, 0o777);
  const file = new AtomicFile(target, 0o640, made);
  file.commit();
  expect([content(target), mode(target), existsSync(made)]).toEqual(['theirs', 0o640, false]);
  symlinkSync(other, made);
  expect(() => new AtomicFile(target, 0o640, made)).toThrow('ELOOP');
  expect(() => new AtomicFile(target, 0o640, path.join(dir, 'missing'))).toThrow('ENOENT');
  expect(existsSync(path.join(dir, 'missing'))).toBe(false);
});

describe('createFile', () => {
  test('never overwrites, nor follows a link', () => {
    createFile(target, 'first', 0o600);
    expect(() => createFile(target, 'second', 0o600)).toThrow('EEXIST');
    const link = path.join(dir, 'link');
    symlinkSync(path.join(dir, 'nowhere'), link);
    expect(() => createFile(link, 'x', 0o600)).toThrow('EEXIST');
    expect([content(target), existsSync(path.join(dir, 'nowhere'))]).toEqual(['first', false]);
  });
});

test('what is removed may be missing already; a link goes, not what it points to', () => {
  removeDurable(path.join(dir, 'missing'));
  symlinkSync(other, target);
  removeDurable(target);
  expect([existsSync(target), content(other)]).toEqual([false, 'not yours']);
});

test('a folder is made with those above it, and one that is there is left alone', () => {
  makeFolder(path.join(dir, 'a', 'b'), 0o750);
  chmodSync(path.join(dir, 'a', 'b'), 0o700);
  makeFolder(path.join(dir, 'a', 'b'), 0o755);
  expect(mode(path.join(dir, 'a', 'b'))).toBe(0o700);
  expect(() => makeFolder(path.join(other, 'x'), 0o755)).toThrow('ENOTDIR');
});

test('a full disk and a full quota are NO_SPACE, everything else is itself', () => {
  const error = (code: string) => Object.assign(new Error(code), { code });
  for (const code of ['ENOSPC', 'EDQUOT']) {
    const cause = error(code);
    const told = translateSpace(cause, '/some/file');
    expect(told).toBeInstanceOf(HostError);
    expect(told).toMatchObject({ code: 'NO_SPACE', cause, message: expect.stringContaining('/some/file') });
  }
  const denied = error('EACCES');
  expect(translateSpace(denied, 'x')).toBe(denied);
  expect(translateSpace('text', 'x')).toBe('text');
});
