// postconf writes main.cf and master.cf one after the other. Where the second fails, what is said of both must be true.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { applySettings } from '../../src/gateway/init/main-cf-settings.ts';
import type { PostfixConfig } from '../../src/gateway/mta/postfix/main-cf.ts';

const MAIN = 'compatibility_level = 3.6\nmyhostname = mx.example.org\n';
const MASTER = 'relay unix - - n - - smtp\n';
const ALL = [
  { name: 'relay_filter', value: 'inline:{a=b}' },
  { name: 'relay/unix/smtp_delivery_status_filter', value: '$relay_filter' },
];

/** A folder in which postconf cannot write this file: a folder stands where it writes its new one. */
function spoilt(file: string) {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'relaymap-postconf-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  writeFileSync(path.join(directory, 'main.cf'), MAIN);
  writeFileSync(path.join(directory, 'master.cf'), MASTER);
  mkdirSync(path.join(directory, `${file}.tmp`));
  const read = (name: string) => readFileSync(path.join(directory, name), 'utf8');
  return { postfix: { directory } as PostfixConfig, read };
}

test('main.cf cannot be written: it is as it was, and master.cf is said to be changed', () => {
  const { postfix, read } = spoilt('main.cf');
  expect(() => applySettings(postfix, ALL)).toThrow(
    /postconf -e failed, .*main\.cf is as it was, but master\.cf beside it has been changed .*--take-back/,
  );
  expect(read('main.cf')).toBe(MAIN);
  expect(read('master.cf')).not.toBe(MASTER);
});

test('master.cf cannot be written: neither is changed', () => {
  const { postfix, read } = spoilt('master.cf');
  expect(() => applySettings(postfix, ALL)).toThrow(/postconf -P failed, .*main\.cf is as it was: /);
  expect([read('main.cf'), read('master.cf')]).toEqual([MAIN, MASTER]);
});
