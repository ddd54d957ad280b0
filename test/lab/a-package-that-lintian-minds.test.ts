// Debian's own judge of packages, on both as built.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { deb } from './scene.ts';

test.each(['relaymap', 'relaymap-publisher'] as const)('lintian minds nothing in %s', async (name) => {
  const { stdout } = await promisify(execFile)('lintian', [
    '--allow-root',
    '--display-info',
    '--pedantic',
    '--fail-on',
    'error,warning',
    deb(name),
  ]);
  expect(stdout).toBe('');
});
