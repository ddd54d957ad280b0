// Debian 13's Postfix comes with an ICU that knows Unicode 16, our rows are folded by Unicode 15: they agree on
// every code point that was assigned then, and this is the list of those that came later.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DebianTree } from '../support/debian-tree.ts';
import { everyCodePoint, type EveryCodePoint } from '../support/every-code-point.ts';
import { postfixTree } from '../support/postfix-tree.ts';

let dir: string;
let every: EveryCodePoint;
let tree: DebianTree;
beforeAll(async () => {
  tree = await postfixTree();
  dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-folding-'));
  writeFileSync(path.join(dir, 'main.cf'), 'compatibility_level = 3.6\nsmtputf8_enable = yes\n');
  every = everyCodePoint();
  writeFileSync(path.join(dir, 'every.cdb'), every.cdb);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const postmap = (...args: string[]) =>
  tree.run(['postmap', '-c', '/tmp/asked', ...args], { shown: { asked: dir }, input: every.questions });

test('it is the Postfix that it is taken for', async () => {
  expect((await tree.run(['postconf', '-d', '-h', 'mail_version'])).stdout).toMatch(/^3\.10\./);
});

/** What Unicode 16 gave a lower case: one Cyrillic letter, four Latin ones, and the capitals of Garay. */
const LATER: readonly (readonly [from: number, to: number])[] = [
  [0x1c89, 0x1c8a],
  [0xa7cb, 0x264],
  [0xa7cc, 0xa7cd],
  [0xa7da, 0xa7db],
  [0xa7dc, 0x19b],
  ...Array.from({ length: 22 }, (_, i) => [0x10d50 + i, 0x10d70 + i] as const),
];

test('it finds our row for every code point but the 27 that Unicode 16 has given a lower case', async () => {
  const { status, stdout, stderr } = await postmap('-q', '-', 'cdb:/tmp/asked/every');
  expect([status, stderr]).toEqual([0, '']);
  expect(every.disagreements(stdout)).toEqual(
    LATER.map(([from, to]) => ({
      text: `U+${from.toString(16).toUpperCase()}`,
      ours: String.fromCodePoint(from),
      postfix: String.fromCodePoint(to),
    })),
  );
});
