// The one rule of both sides: who may change a file, a folder above it or a link on the way could change what is
// relied on.
import { chmodSync, chownSync, lchownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { requireUnwritable, writableByOthers } from '../../src/io/rights.ts';

const STRANGER = 54_321;

/** `top/middle/file` in a folder of its own, all of them root's or this user's. */
function place(): { top: string; middle: string; file: string } {
  const top = mkdtempSync(path.join(os.tmpdir(), 'relaymap-rights-'));
  onTestFinished(() => rmSync(top, { recursive: true, force: true }));
  const middle = path.join(top, 'middle');
  mkdirSync(middle, { mode: 0o755 });
  writeFileSync(path.join(middle, 'file'), 'x', { mode: 0o644 });
  chmodSync(top, 0o755);
  return { top, middle, file: path.join(middle, 'file') };
}

test('nobody else may write it: nothing to say, absent or not', () => {
  const { top, middle, file } = place();
  for (const each of [top, middle, file, path.join(middle, 'absent', 'far', 'away'), '/dev/null']) {
    expect(writableByOthers('the thing', each)).toBeNull();
  }
});

test.each([
  ['top', 0o777, 'everybody'],
  ['middle', 0o757, 'everybody'],
  ['file', 0o646, 'everybody'],
] as const)('%s of mode %o: everybody may', (which, mode, whom) => {
  const at = place();
  chmodSync(at[which], mode);
  const said = writableByOthers('the key', at.file);
  expect(said).toContain(`can be written by ${whom} (mode ${mode.toString(8)}): chmod go-w ${at[which]}`);
  expect(said).toContain(`the key ${at.file}`);
  expect(() => requireUnwritable('the key', at.file)).toThrow('chmod go-w');
});

test.each(['top', 'middle', 'file'] as const)("%s by a stranger's group; not by root's", (which) => {
  const at = place();
  chmodSync(at[which], 0o775);
  chownSync(at[which], process.geteuid?.() ?? 0, process.getegid?.() ?? 0);
  expect(writableByOthers('the key', at.file)).toBeNull();
  chownSync(at[which], 0, STRANGER);
  expect(writableByOthers('the key', at.file)).toContain(`can be written by group ${STRANGER} (mode 775)`);
});

test.each(['top', 'middle', 'file'] as const)('%s that belongs to a stranger', (which) => {
  const at = place();
  chownSync(at[which], STRANGER, 0);
  const said = writableByOthers('the configuration', at.file);
  expect(said).toMatch(/belongs to user 54321, who is neither root nor the user of this process: chown root /);
  expect(said?.endsWith(at[which])).toBe(true);
  expect(writableByOthers('the configuration', at.file, STRANGER)).toBeNull();
});

test('a folder with the sticky bit, like /tmp, keeps what lies in it; the place itself must not be one', () => {
  const { top, file } = place();
  chmodSync(top, 0o1777);
  expect(writableByOthers('the key', file)).toBeNull();
  expect(writableByOthers('output', top)).toContain('output');
});

test('links: what they lead through counts, and whose they are', () => {
  const [from, to] = [place(), place()];
  const link = path.join(from.top, 'link');
  symlinkSync(to.middle, link);
  const through = path.join(link, 'file');
  expect(writableByOthers('the key', through)).toBeNull();
  chmodSync(to.top, 0o777);
  expect(writableByOthers('the key', through)).toContain(`chmod go-w ${to.top}`);
  chmodSync(to.top, 0o755);
  lchownSync(link, STRANGER, 0);
  expect(writableByOthers('the key', through)).toContain(`the link ${link} on the way`);
});

test('links in a circle are for whoever opens them', () => {
  const { top } = place();
  symlinkSync(path.join(top, 'b'), path.join(top, 'a'));
  symlinkSync(path.join(top, 'a'), path.join(top, 'b'));
  expect(writableByOthers('the key', path.join(top, 'a', 'file'))).toBeNull();
});
