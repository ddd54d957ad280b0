// The access log is renamed away, removed, cut to nothing, or cannot be written: no line is lost or cut in two, and
// nobody waits for it.
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AccessLog } from '../../src/io/access/access-log.ts';

let dir: string;
let file: string;
let said: string[];

beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-access-'));
  file = path.join(dir, 'access.json');
  said = [];
});
afterEach(() => rmSync(dir, { recursive: true }));

const opened = (): AccessLog => new AccessLog(file, (level, message) => said.push(`${level}: ${message}`));
const line = (n: number): string => `{"n":${n}}\n`;
const lines = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => line(from + i)).join('');
const text = (name = file): string => readFileSync(name, 'utf8');

/** Waits until it is so. */
async function until(so: () => boolean): Promise<void> {
  while (!so()) await new Promise((resolve) => setImmediate(resolve));
}
const holds = async (content: string, name = file) => await until(() => existsSync(name) && text(name) === content);

test('lines come into the file in their order, which has mode 0640 whatever the umask is', async () => {
  const umask = process.umask(0o077);
  const log = opened();
  try {
    for (let n = 0; n < 5000; n++) log.write(line(n));
    await log.close();
  } finally {
    process.umask(umask);
  }
  expect(text()).toBe(lines(0, 5000));
  expect(statSync(file).mode & 0o777).toBe(0o640);
  expect(said).toEqual([]);
});

test('a file that is there keeps its mode and what is in it; a line that was cut is ended', async () => {
  writeFileSync(file, '{"whole":1}\n{"cu');
  chmodSync(file, 0o600);
  const log = opened();
  log.write(line(0));
  await log.close();
  expect(text()).toBe(`{"whole":1}\n{"cu\n${line(0)}`);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('renamed away: what is written until the next look is in the old file, the rest in a new one', async () => {
  const log = opened();
  log.write(line(0));
  await holds(line(0));
  renameSync(file, `${file}.1`);
  log.write(line(1));
  await holds(lines(0, 2), `${file}.1`);
  log.look();
  log.write(line(2));
  await holds(line(2));
  await log.close();
  expect(text(`${file}.1`)).toBe(lines(0, 2));
});

test('renamed away again and again while lines come: all are there, each whole and in one place', async () => {
  const log = opened();
  let n = 0;
  for (let turn = 1; turn <= 20; turn++) {
    for (let i = 0; i < 200; i++) log.write(line(n++));
    await until(() => existsSync(file));
    renameSync(file, `${file}.${turn}`);
    for (let i = 0; i < 50; i++) log.write(line(n++));
    if (turn % 2 === 0) log.reopen();
    else log.look();
  }
  await log.close();
  const all = [...Array.from({ length: 20 }, (_, i) => `${file}.${i + 1}`), file]
    .filter(existsSync)
    .map((name) => text(name));
  expect(all.join('')).toBe(lines(0, n));
});

test('removed, and copied and cut to nothing, as logrotate does it with copytruncate', async () => {
  const log = opened();
  log.write(line(0));
  await holds(line(0));
  rmSync(file);
  log.look();
  log.write(line(1));
  await holds(line(1));
  copyFileSync(file, `${file}.1`);
  truncateSync(file);
  log.write(line(2));
  await log.close();
  expect([text(`${file}.1`), text()]).toEqual([line(1), line(2)]);
});

test('no folder: told once, tried again at each look, and nothing is lost when it is there', async () => {
  file = path.join(dir, 'later', 'access.json');
  const log = opened();
  for (let n = 0; n < 100; n++) log.write(line(n));
  await until(() => said.length > 0);
  for (let i = 0; i < 50; i++) {
    log.look();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(said).toEqual([
    expect.stringMatching(
      /^warning: the access log \S+ cannot be written: ENOENT.*Requests are answered all the same$/,
    ),
  ]);
  mkdirSync(path.join(dir, 'later'));
  await until(() => {
    log.look();
    return existsSync(file) && text() === lines(0, 100);
  });
  await log.close();
  expect(said.slice(1)).toEqual([expect.stringMatching(/^notice: .*is written again; 0 lines are not in it$/)]);
});

test('what waits is bounded: lines beyond it are left out, counted, and told', async () => {
  file = path.join(dir, 'later', 'access.json');
  const log = opened();
  const long = `${'x'.repeat(8190)}\n`;
  for (let n = 0; n < 2000; n++) log.write(long);
  await until(() => said.length > 0);
  mkdirSync(path.join(dir, 'later'));
  await until(() => {
    log.look();
    return said.length > 1;
  });
  await log.close();
  const written = text().split('\n').length - 1;
  expect(written).toBe(Math.floor((8 * 1024 * 1024) / long.length));
  expect(said[1]).toMatch(new RegExp(`is written again; ${2000 - written} lines are not in it$`));
});

test('a folder, or a device, in place of the file: told, and not written to', async () => {
  mkdirSync(file);
  const log = opened();
  log.write(line(0));
  await until(() => said.length > 0);
  expect(said[0]).toMatch(/cannot be written: EISDIR|is not a regular file/);
  await log.close();
  file = '/dev/null';
  const other = opened();
  await until(() => said.length > 2);
  expect(said[2]).toMatch(/\/dev\/null cannot be written: it is not a regular file/);
  await other.close();
});

test('another process writes to the file too: no line is cut', async () => {
  const log = opened();
  for (let n = 0; n < 50; n++) {
    log.write(line(n));
    appendFileSync(file, 'other\n');
    await new Promise((resolve) => setImmediate(resolve));
  }
  await log.close();
  expect(
    text()
      .split('\n')
      .filter((each) => !/^(\{"n":\d+\}|other)?$/.test(each)),
  ).toEqual([]);
});
