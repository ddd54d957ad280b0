// The Puppet module, taken by Puppet's own parser and applied for real: from a host without relaymap to one that
// refuses strangers; a second run changes nothing.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Lab, type LabHost } from '../support/lab.ts';
import { answers, backupMx, central, deb, graded, type Central } from './scene.ts';

const MODULE = fileURLToPath(new URL('../../packaging/puppet', import.meta.url));
const APPLY = 'puppet apply --color=false --detailed-exitcodes --modulepath=/root/modules /root/site.pp 2>&1';

let lab: Lab;
let from: Central;
let mx: LabHost;

beforeAll(async () => {
  lab = await Lab.start();
  [from, mx] = await Promise.all([
    central(lab, ['someone@example.org']),
    backupMx(lab, 'mx5', '10.77.0.35', 'trixie', ['puppet-agent']),
  ]);
  for (const entry of readdirSync(MODULE, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue;
    const file = path.join(entry.parentPath, entry.name);
    const there = path.join('/root/modules/relaymap', path.relative(MODULE, file));
    await mx.ok(`mkdir -p '${path.dirname(there)}'`);
    await mx.write(there, readFileSync(file));
  }
  await mx.write('/root/relaymap.deb', readFileSync(deb('relaymap')));
  await mx.write(
    '/root/site.pp',
    `class { 'relaymap':
  package_source => '/root/relaymap.deb',
  bundles        => { 'example-org' => {
    urls     => ['https://central.lab:8443/'],
    keys     => { 'example-org' => "${from.publicKey.replaceAll('\n', '\\n')}" },
    domains  => ['example.org'],
    required => ['postmaster@example.org'],
    ca       => "${from.certificate.replaceAll('\n', '\\n')}",
    token    => Sensitive('${from.token.trim()}'),
  } },
  settings       => {
    'schedule' => { 'cron' => '*/2 * * * * *', 'jitter' => '1s' },
    'stale'    => { 'after' => '3d' },
  },
}
`,
  );
});
afterAll(() => lab?.stop());

test("Puppet's parser takes every manifest and template", async () => {
  await mx.ok(
    'cd /root/modules/relaymap && puppet parser validate manifests/*.pp types/*.pp && puppet epp validate templates/*.epp',
  );
});

test('applied to a host without relaymap, strangers are refused; applied again, nothing changes', async () => {
  const first = await mx.run(APPLY);
  expect([first.status, first.stdout]).toEqual([2, expect.not.stringContaining('Error:')]);
  expect(first.stdout).not.toContain(from.token.trim());
  await answers(lab, mx, ['someone@example.org', 'nobody@example.org'], ['250', '550']);
  await graded(mx, 0);
  const second = await mx.run(APPLY);
  expect([second.status, second.stdout]).toEqual([0, expect.not.stringContaining('Error:')]);

  const restrictions = await mx.ok('postconf -h smtpd_recipient_restrictions');
  expect(restrictions).toMatch(/check_recipient_access cdb:\/var\/lib\/relaymap\/maps\/stale_domains/);
  expect(await mx.ok('cat /var/lib/relaymap/maps/stale_domains')).toBe('none.invalid\tDUNNO\n');
  expect((await mx.run('relaymap check')).stdout).not.toMatch(/stale/);

  // A key that the site no longer names is taken away.
  await mx.ok('cp /etc/relaymap/keys/example-org/example-org.pub /etc/relaymap/keys/example-org/old.pub');
  expect((await mx.run(APPLY)).status).toBe(2);
  expect(await mx.ok('ls /etc/relaymap/keys/example-org')).toBe('example-org.pub\n');

  // What a list leaves behind goes where it is named as absent; one that is followed cannot be.
  await mx.ok('cd /etc/relaymap && mkdir keys/gone && touch keys/gone/x.pub gone.token gone.ca.pem');
  await mx.ok(`sed -i "s/^  settings /  absent => ['gone'],\\n&/" /root/site.pp`);
  expect((await mx.run(APPLY)).status).toBe(2);
  expect(await mx.ok('ls /etc/relaymap /etc/relaymap/keys')).not.toContain('gone');
  await mx.ok(`sed -i "s/\\['gone'\\]/['example-org']/" /root/site.pp`);
  const both = await mx.run(`${APPLY} 2>&1`);
  expect([both.status, both.stdout]).toEqual([1, expect.stringContaining('example-org is among both')]);
  await answers(lab, mx, ['someone@example.org', 'nobody@example.org'], ['250', '550']);
});
