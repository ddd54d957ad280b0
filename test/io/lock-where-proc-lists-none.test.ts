// The shipped unit hides the kernel's list of locks. Whether a run is at work is then told by the lock file.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { isAtWork } from '../../src/io/lock-held.ts';
import { StandingLock, takeLock } from '../../src/io/lock.ts';

test.each([
  ['a command', takeLock],
  ['the daemon', (file: string, wait: number) => new StandingLock().take(file, wait)],
])('%s is seen at work from taking the lock to giving it back, and not before or after', async (_who, take) => {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-lock-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const noList = path.join(dir, 'locks');
  expect(isAtWork(dir, noList)).toBe(false);
  const lock = await take(path.join(dir, 'lock'), 0);
  expect(isAtWork(dir, noList)).toBe(true);
  lock.release();
  expect(isAtWork(dir, noList)).toBe(false);
  // With a list, a number that a killed run left behind counts for nothing.
  writeFileSync(path.join(dir, 'lock'), '1\n');
  writeFileSync(noList, '1: FLOCK  ADVISORY  WRITE 1 00:00:1 0 EOF\n');
  expect(isAtWork(dir, noList)).toBe(false);
});
