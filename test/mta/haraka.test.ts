// Haraka from npm, with the plugin of packaging/haraka, on the Node of this test in a tree of Debian 12.
// Covers src/gateway/mta/haraka
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { plainTree } from '../support/mta-trees.ts';
import { conforms, type Kit } from './conformance.ts';
import type { MailHost } from './mail-host.ts';
import { defersWhileStale, routes } from './routing.ts';

const VERSION = '3.3.4';
const PLUGIN = fileURLToPath(new URL('../../packaging/haraka', import.meta.url));

/** Installed once from the registry, beside the trees; without its optional plugins. */
async function harakaFolder(): Promise<string> {
  const cache = path.join(process.env['XDG_CACHE_HOME'] ?? os.tmpdir(), 'relaymap-trees');
  const folder = path.join(cache, `haraka-${VERSION}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const made = mkdtempSync(path.join(cache, 'haraka-unfinished-'));
  writeFileSync(path.join(made, 'package.json'), '{ "private": true }');
  const how = ['install', '--omit=optional', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
  await promisify(execFile)('npm', [...how, `Haraka@${VERSION}`], { cwd: made });
  if (existsSync(folder)) rmSync(made, { recursive: true });
  else renameSync(made, folder);
  return folder;
}

const FOLDER = '/etc/haraka';

const END =
  'pid=$(cat /run/haraka.pid); kill $pid; while grep -q "^State:.[^Z]" /proc/$pid/status 2>/dev/null; do sleep 0.1; done';

export const haraka: Kit = {
  kind: 'haraka',
  tree: plainTree,
  async prepare(host) {
    const shared = path.join(host.dir, 'shared');
    cpSync(process.execPath, path.join(shared, 'node'));
    cpSync(await harakaFolder(), path.join(shared, 'haraka'), { recursive: true });
    cpSync(PLUGIN, path.join(shared, 'haraka/node_modules/haraka-plugin-relaymap'), { recursive: true });
    await host.must(['mkdir', '-p', FOLDER, '/etc/haraka/node_modules']);
    await host.must(['cp', '-r', '/shared/haraka/node_modules/haraka-plugin-relaymap', '/etc/haraka/node_modules/']);
    await host.write(`${FOLDER}/config/plugins`, '# only what the tests need\n');
    await host.write(`${FOLDER}/config/smtp.ini`, 'listen=127.0.0.1:25\n');
    await host.must(['cp', '/shared/haraka/node_modules/Haraka/config/connection.ini', `${FOLDER}/config/`]);
    await host.write(`${FOLDER}/config/me`, 'mx.test.invalid\n');
    await host.write(`${FOLDER}/package.json`, '{ "private": true }\n');
  },
  async setUp(host) {
    const { status, stdout, stderr } = await host.init('haraka', '--apply');
    expect([status, stdout], stderr).toEqual([0, expect.stringMatching(/Haraka has been told/)]);
  },
  start,
  async endDeferring(host) {
    await host.must(['sed', '-i', 's/^defer=/; &/', `${FOLDER}/config/relaymap.ini`]);
    await host.must(['sh', '-c', END]);
    await start(host);
  },
  async setDelimiter(host) {
    await host.must(['sed', '-i', 's/^; delimiter=/delimiter=/', `${FOLDER}/config/relaymap.ini`]);
    await host.must(['sh', '-c', END]);
    await start(host);
  },
  async forget(host) {
    await host.must(['sed', '-i', '/^relaymap$/d', `${FOLDER}/config/plugins`]);
  },
  withoutMap: 'defers',
  utf8: true,
};

async function start(host: MailHost): Promise<void> {
  await host.must([
    'sh',
    '-c',
    'cd /etc/haraka; setsid /shared/node /shared/haraka/node_modules/Haraka/bin/haraka -c /etc/haraka >/tmp/haraka.log 2>&1 </dev/null & echo $! >/run/haraka.pid',
  ]);
}

conforms(haraka);
defersWhileStale(haraka);
routes({
  ...haraka,
  async setUpHops(host) {
    expect((await host.relaymap('check')).stdout).toMatch(/next_hops is set/);
    await host.must(['sed', '-i', 's/^; next_hops=/next_hops=/', `${FOLDER}/config/relaymap.ini`]);
    await host.write(`${FOLDER}/config/outbound.ini`, 'local_mx_ok=true\n');
    await host.must(['sh', '-c', END]);
    await start(host);
  },
  byMx: true,
});
