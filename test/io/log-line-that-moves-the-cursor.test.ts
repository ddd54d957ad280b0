// Text from outside on a terminal: nothing in it may be taken for a command.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { closeSync, openSync, readFileSync, mkdtempSync, rmSync, fstatSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { printable } from '../../src/io/printable.ts';

test.each([
  ['plain äöü 李 \u{1f4ee}', 'plain äöü 李 \u{1f4ee}'],
  ['\u001b[2J', String.raw`\x1b[2J`],
  ['a\r\nb\tc\0', String.raw`a\x0d\x0ab\x09c\x00`],
  ['\u009b31m', String.raw`\x9b31m`],
  ['\u007f', String.raw`\x7f`],
  ['\u202egro.elpmaxe', String.raw`\u{202e}gro.elpmaxe`],
  ['\u2066a\u2069', String.raw`\u{2066}a\u{2069}`],
  ['\u200fa\u200e', String.raw`\u{200f}a\u{200e}`],
  ['a\u061cb', String.raw`a\u{61c}b`],
  ['a\u2028b\u2029', String.raw`a\u{2028}b\u{2029}`],
  ['', ''],
])('%j', (text, shown) => {
  expect(printable(text)).toBe(shown);
});

test('no control character is left of any text, and what holds none is untouched', () => {
  const controls = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/u;
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const shown = printable(text);
      expect(shown).not.toMatch(controls);
      if (!controls.test(text)) expect(shown).toBe(text);
      expect(printable(shown)).toBe(shown);
    }),
    { numRuns: 2000 },
  );
  for (let code = 0; code < 0x3000; code++) expect(printable(String.fromCharCode(code))).not.toMatch(controls);
});

describe('a line of the log', () => {
  const script = `import { log } from ${JSON.stringify(fileURLToPath(new URL('../../src/io/log.ts', import.meta.url)))};
    for (const level of ['error', 'warning', 'notice', 'info', 'debug']) log(level, ['one\\u001b[1m', 'and\\ntwo']);`;

  /** What a process writes to a file in place of a terminal or the journal. */
  function logged(environment: (fd: number) => Record<string, string>): string[] {
    const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-log-'));
    onTestFinished(() => rmSync(dir, { recursive: true }));
    const file = path.join(dir, 'stderr');
    const compiled = path.join(dir, 'log.mjs');
    execFileSync(
      path.resolve('node_modules/.bin/esbuild'),
      ['--bundle', '--format=esm', '--platform=node', `--outfile=${compiled}`, '--log-level=error'],
      {
        input: script,
      },
    );
    const fd = openSync(file, 'w');
    const env = { PATH: process.env['PATH'] ?? '', ...environment(fd) };
    const stdout = execFileSync(process.execPath, [compiled], { env, stdio: ['ignore', 'pipe', fd] });
    closeSync(fd);
    expect(stdout.toString()).toBe('');
    return readFileSync(file, 'utf8').trimEnd().split('\n');
  }

  test('in a file: words, no colours, each line one line', () => {
    expect(logged(() => ({}))).toEqual([
      String.raw`error: one\x1b[1m`,
      String.raw`error: and\x0atwo`,
      String.raw`warning: one\x1b[1m`,
      String.raw`warning: and\x0atwo`,
      ...['notice', 'info', 'debug'].flatMap(() => [String.raw`one\x1b[1m`, String.raw`and\x0atwo`]),
    ]);
  });

  test('under systemd: a priority on each line', () => {
    const journal = (fd: number) => {
      const { dev, ino } = fstatSync(fd);
      return { JOURNAL_STREAM: `${dev}:${ino}` };
    };
    expect(logged(journal)).toEqual(
      [3, 4, 5, 6, 7].flatMap((n) => [String.raw`<${n}>one\x1b[1m`, String.raw`<${n}>and\x0atwo`]),
    );
  });

  test('with a JOURNAL_STREAM that is another one', () => {
    expect(logged(() => ({ JOURNAL_STREAM: '1:2' }))[0]).toBe(String.raw`error: one\x1b[1m`);
  });
});
