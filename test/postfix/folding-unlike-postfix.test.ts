// A row that we folded otherwise than Postfix folds its question is a recipient whose mail is rejected. Asked for
// every code point of Unicode, and for thousands of texts of several, in a cdb that our own writer made.
// Covers src/bundle/address/case-folding-data.ts
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { everyCodePoint, type EveryCodePoint } from '../support/every-code-point.ts';

let dir: string;
let every: EveryCodePoint;
beforeAll(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-folding-'));
  writeFileSync(path.join(dir, 'main.cf'), 'compatibility_level = 3.6\nsmtputf8_enable = yes\n');
  every = everyCodePoint();
  writeFileSync(path.join(dir, 'every.cdb'), every.cdb);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const ask = (options: readonly string[]) =>
  execFileSync('/usr/sbin/postmap', ['-c', dir, ...options, '-q', '-', `cdb:${dir}/every`], {
    input: every.questions,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });

test('only control characters and single surrogates cannot be asked for', () => {
  expect(every.impossible).toEqual({ 'control-character': 65, 'unpaired-surrogate': 2048 });
  expect(every.asked).toBeGreaterThan(0x110000 - 65 - 2048 + 15_000);
});

test('Postfix finds our row for every code point, and no other row', () => {
  expect(every.disagreements(ask([]))).toEqual([]);
});

test('without its folding it would not: the question is put to the folding', () => {
  const differing = every.disagreements(ask(['-f']));
  expect(differing.find(({ text }) => text === 'U+1E9E')).toEqual({ text: 'U+1E9E', ours: 'ss', postfix: null });
  expect(differing.filter(({ text }) => !text.includes(' '))).toHaveLength(1504 + 26);
});
