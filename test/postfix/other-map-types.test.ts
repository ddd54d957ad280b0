// lmdb and hash by the host's own postmap: a live smtpd answers from them, updates are seen, and a type the host
// lacks is refused.
// Covers src/gateway/mta/postfix/postmap.ts
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Postfix, startGateway } from '../support/postfix.ts';
import { createSite, type FetchReport, type Site } from '../support/site.ts';
import { askOnce } from '../support/smtp.ts';

const ROWS = Array.from({ length: 300 }, (_, i) => `user${i}@example.org`);
let site: Site;
let gateway: Postfix;

beforeAll(async () => {
  site = await createSite({ gatewayToml: '[maps]\ntypes = ["cdb", "lmdb", "hash"]' });
  const mapDir = site.mapDir;
  const maps = {
    relay_recipient_maps: `lmdb:${mapDir}/relay_recipients`,
    relay_domains: `hash:${mapDir}/relay_domains`,
  };
  gateway = await startGateway({ mapDir, mainCf: maps });
  Object.assign(site.env, gateway.env);
});
afterAll(async () => {
  await Promise.all([gateway?.stop(), site?.stop()]);
});

test('a live smtpd answers from lmdb and hash, and sees an update at the next connection', async () => {
  await site.publishAndFetch(ROWS);
  expect((await askOnce(gateway.port, ['user1@example.org', 'new@example.org'])).map((r) => r.code)).toEqual([
    250, 550,
  ]);
  await site.publishAndFetch([...ROWS, 'new@example.org']);
  expect((await askOnce(gateway.port, ['user1@example.org', 'new@example.org'])).map((r) => r.code)).toEqual([
    250, 250,
  ]);
  expect((await readdir(site.mapDir)).sort()).toEqual([
    'relay_domains',
    'relay_domains.cdb',
    'relay_domains.db',
    'relay_domains.lmdb',
    'relay_recipients',
    'relay_recipients.cdb',
    'relay_recipients.db',
    'relay_recipients.lmdb',
    'stale_domains',
    'stale_domains.cdb',
    'stale_domains.db',
    'stale_domains.lmdb',
  ]);
});

test('what a killed or starved postmap left behind is neither built upon nor in the way', async () => {
  const rows = [...ROWS, 'new@example.org', 'later@example.org'];
  const left = ['lmdb', 'db'].flatMap((type) =>
    ['relay_recipients', 'relay_domains'].map((map) => `${site.mapDir}/.${map}.new.${type}`),
  );
  for (const file of left) await writeFile(file, Buffer.alloc(20_480, 'not a map '));
  await site.publishAndFetch(rows);
  expect((await readdir(site.mapDir)).filter((name) => name.startsWith('.'))).toEqual([]);
  expect(await gateway.query(`lmdb:${site.mapDir}/relay_recipients`, 'later@example.org')).toBe('OK');
  expect((await askOnce(gateway.port, ['later@example.org'])).map((r) => r.code)).toEqual([250]);
});

test('a postmap that fails leaves nothing half made', async () => {
  await mkdir(`${site.dir}/failing`);
  const half = '#!/bin/sh\nfor map; do :; done\necho half >"${map#*:}.${map%%:*}"\necho "no room" >&2\nexit 1\n';
  await writeFile(`${site.dir}/failing/postmap`, half, { mode: 0o755 });
  const { PATH } = site.env;
  site.env['PATH'] = `${site.dir}/failing:${process.env['PATH'] ?? ''}`;
  const before = await readFile(`${site.mapDir}/relay_recipients.lmdb`);
  await site.publish([...ROWS, 'never@example.org']);
  const run = await site.relaymap('fetch', '--json');
  if (PATH === undefined) delete site.env['PATH'];
  else site.env['PATH'] = PATH;
  const report = JSON.parse(run.stdout) as FetchReport;
  expect([run.status, report.bundles[0]?.code]).toEqual([1, 'COMPILE_FAILED']);
  expect(await readFile(`${site.mapDir}/relay_recipients.lmdb`)).toEqual(before);
  expect((await readdir(site.mapDir)).filter((name) => name.startsWith('.'))).toEqual([]);
});

test('a type that the host lacks is refused with the package to install, and the maps stay', async () => {
  const before = await readFile(`${site.mapDir}/relay_recipients.lmdb`);
  // The host's own postconf, but for the one type.
  await mkdir(`${site.dir}/bin`);
  await writeFile(`${site.dir}/bin/postconf`, `#!/bin/sh\n/usr/sbin/postconf "$@" | grep -v '^lmdb$'\n`, {
    mode: 0o755,
  });
  site.env['PATH'] = `${site.dir}/bin:${process.env['PATH'] ?? ''}`;
  await site.publish([...ROWS, 'another@example.org']);
  const run = await site.relaymap('fetch', '--json');
  const report = JSON.parse(run.stdout) as FetchReport;
  expect([run.status, report.bundles[0]?.code]).toEqual([1, 'COMPILE_FAILED']);
  expect(report.bundles[0]?.message).toContain('apt-get install postfix-lmdb');
  expect(await readFile(`${site.mapDir}/relay_recipients.lmdb`)).toEqual(before);
  expect((await readdir(site.mapDir)).filter((name) => name.startsWith('.'))).toEqual([]);
});
