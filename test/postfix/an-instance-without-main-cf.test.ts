// Postfix's commands wait for a second before they say that main.cf is missing. A cycle asks three times, so it says
// the same itself, without them.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { postfixCommand } from '../../src/gateway/mta/postfix/commands.ts';
import { serverEnv } from '../support/guardian.ts';

afterEach(() => vi.unstubAllEnvs());

test('is told in the words of postconf, which is not started for it', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'relaymap-'));
  const real = spawnSync('postconf', ['-x'], { env: { ...serverEnv(), MAIL_CONFIG: folder }, encoding: 'utf8' });
  const expected = { status: real.status, stdout: real.stdout, stderr: real.stderr.trim() };
  expect(expected.stderr).toContain(folder);
  // The commands are found by an instance that has a main.cf, and started there only.
  vi.stubEnv('MAIL_CONFIG', folder);
  expect(postfixCommand('a-command-that-is-not-there', ['-x']).stderr).toBe(
    expected.stderr.replace('postconf', 'a-command-that-is-not-there'),
  );
  expect(postfixCommand('postconf', ['-x'])).toEqual(expected);
  expect(postfixCommand('postconf', ['-x'], path.join(folder, 'other')).stderr).toContain(`${folder}/other/main.cf`);
  rmdirSync(folder);
});
