// The command source: its exit status counts, whatever it printed; it runs without a shell and with an environment
// of ours.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { commandSource } from '../../src/publisher/sources/command.ts';
import { folder, refusalFrom, rowsFrom } from './sourced.ts';

const command = (...argv: string[]) => ({ type: 'command', argv });
const sh = (script: string) => command('/bin/sh', '-c', script);
const GOOD = "printf 'a@example.org\\nb@example.org OK\\n'";

test('what it prints is read like a file', async () => {
  expect(await rowsFrom(sh(GOOD))).toEqual(['a@example.org', 'b@example.org']);
  expect(await rowsFrom(sh(`echo '# a comment'; echo '"a b"@example.org'; printf c@example.org`))).toEqual([
    'a b@example.org',
    'c@example.org',
  ]);
});

describe('all its output came, and yet it is not used', () => {
  test.each([
    ['status 1', `${GOOD}; exit 1`, 'SOURCE list ended with status 1; its output is not used'],
    ['status 75', `${GOOD}; exit 75`, 'SOURCE list ended with status 75; its output is not used'],
    ['a pipe whose last part worked', `set -o pipefail; (${GOOD}; exit 3) | cat`, 'status 3'],
    ['killed', `${GOOD}; kill -9 $$`, /was ended by SIGKILL|signal 9/],
    ['ended by a signal', `${GOOD}; kill -TERM $$`, /signal 15|SIGTERM/],
    ['its output closed and then a failure', `${GOOD}; exec >&-; sleep 0.3; exit 4`, 'status 4'],
  ])('%s', async (_, script, words) => {
    const found = await refusalFrom({ type: 'command', argv: ['/bin/bash', '-c', script] });
    expect(found).toMatch(/^SOURCE list /);
    if (typeof words === 'string') expect(found).toContain(words);
    else expect(found).toMatch(words);
  });
});

test('no such program, one that may not be run, no output at all', async () => {
  expect(await refusalFrom(command('/nowhere/list-users'))).toBe(
    'SOURCE list ended with status 127: no such program?; its output is not used',
  );
  const file = path.join(folder(), 'list');
  writeFileSync(file, '#!/bin/sh\necho a@example.org\n', { mode: 0o644 });
  expect(await refusalFrom(command(file))).toContain('status 126: no program that may be run?');
  expect(await refusalFrom(command('/bin/true'))).toMatch(/^SOURCE list gave no address/);
});

test('arguments are not given to a shell', async () => {
  const dir = folder();
  const argument = `$(touch ${dir}/x); a@example.org`;
  await refusalFrom(command('/bin/echo', argument));
  expect(() => readFileSync(path.join(dir, 'x'))).toThrow(/ENOENT/);
  expect(await rowsFrom(command('/bin/echo', 'a@example.org', '; rm -rf /nowhere'))).toEqual(['a@example.org']);
});

test('it gets no variable of ours but a few, no input, and a fixed path', async () => {
  process.env['NODE_OPTIONS_FOR_TEST'] = 'secret';
  const found = await rowsFrom(sh('env | cut -d= -f1 | sed s/$/@example.org/'));
  delete process.env['NODE_OPTIONS_FOR_TEST'];
  const allowed = ['home@', 'lc_all@', 'path@', 'pwd@', 'tz@', 'shlvl@', 'oldpwd@', '_@'].map(
    (name) => `${name}example.org`,
  );
  expect(found.filter((row) => !allowed.includes(row))).toEqual([]);
  expect(found).toContain('path@example.org');
  expect(await rowsFrom(sh('cat; echo a@example.org'))).toEqual(['a@example.org']);
});

test('one that does not end is ended, with all that it started', async () => {
  const dir = folder();
  const script = `echo a@example.org; sleep 300 & echo $! >'${dir}/pid'; wait`;
  const read = async () => {
    for await (const _ of commandSource({ ...sh(script), type: 'command', name: 'list' }, 3000).read(new Date()))
      continue;
  };
  await expect(read()).rejects.toThrow(/^list did not end within 3 s; its output is not used$/);
  const pid = readFileSync(path.join(dir, 'pid'), 'utf8').trim();
  await expect.poll(() => alive(pid), { timeout: 60_000 }).toBe(false);
});

function alive(pid: string): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false; // no such process
  }
}

test('output that is not UTF-8, or one line without end', async () => {
  expect(await refusalFrom(sh(`printf 'a@example.org\\n\\374@example.org\\n'`))).toBe(
    'SOURCE list, line 2: not UTF-8; encoding says what else it is, such as "windows-1252"',
  );
  expect(await refusalFrom(sh('head -c 300000 /dev/zero | tr "\\0" x'))).toContain('line 1: over 65536 bytes');
});
