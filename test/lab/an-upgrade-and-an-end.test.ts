// A package that is upgraded under load, removed, and purged: Postfix's maps answer all the while, and purge says
// what it deletes.
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Lab, type LabHost } from '../support/lab.ts';
import { central, codes, deb, gateway, graded, MX1, MX2, recipientsAre, smtp, type Central } from './scene.ts';

let lab: Lab;
let from: Central;
let mx: LabHost;
let other: LabHost;
let newer: string;

beforeAll(async () => {
  lab = await Lab.start();
  newer = path.join(lab.folder, 'newer');
  const script = fileURLToPath(new URL('../../packaging/package.mjs', import.meta.url));
  execFileSync(process.execPath, [script, '--version', '99.0', '--out', newer]);
  from = await central(lab, ['someone@example.org']);
  [mx, other] = await Promise.all([gateway(lab, from, MX1), gateway(lab, from, MX2)]);
});
afterAll(() => lab?.stop());

test('an upgrade under load: not one wrong answer, state kept, the new daemon runs', async () => {
  const stateOf = async () =>
    JSON.parse(await mx.ok('cat /var/lib/relaymap/state.json')) as {
      bundles: { 'example-org': { floor: { version: number } } };
    };
  const floor = (await stateOf()).bundles['example-org'].floor.version;
  const pid = await mx.ok('systemctl show -P MainPID relaymap');
  const answers = new Set<string>();
  const load = { goesOn: true };
  const ask = async () => {
    while (load.goesOn)
      for (const answer of codes(await smtp(lab, mx, ['someone@example.org', 'postmaster@example.org'])))
        answers.add(answer);
  };
  const asking = [ask(), ask()];
  const changes = (async () => {
    for (let i = 0; load.goesOn; i++) await recipientsAre(from.host, ['someone@example.org', `new${i}@example.org`]);
  })();
  await mx.install(deb('relaymap', newer));
  load.goesOn = false;
  await Promise.all([...asking, changes]);
  expect([...answers]).toEqual(['250']);
  expect(await mx.ok('systemctl is-active relaymap relaymap-reload.path; dpkg-query -W relaymap')).toBe(
    'active\nactive\nrelaymap\t99.0\n',
  );
  expect(await mx.ok('systemctl show -P MainPID relaymap')).not.toBe(pid);
  expect((await stateOf()).bundles['example-org'].floor.version).toBeGreaterThanOrEqual(floor);
  await graded(mx, 0);
  expect(await mx.ok('systemctl list-units --failed --plain --no-legend')).toBe('');
});

test('removed, the maps stay and answer; purged while Postfix names them, they stay, and all else goes, aloud', async () => {
  const sum = 'cd /var/lib/relaymap/maps && sha256sum relay_recipients.cdb relay_domains.cdb';
  await other.ok('systemctl stop relaymap');
  const before = await other.ok(sum);
  expect(await other.ok('apt-get remove -y relaymap 2>&1')).toContain('the maps stay in /var/lib/relaymap/maps');
  expect(await other.ok(sum)).toBe(before);
  expect(codes(await smtp(lab, other, ['someone@example.org', 'nobody@example.org']))).toEqual(['250', '550']);

  const purge = await other.ok('apt-get purge -y relaymap 2>&1');
  expect(purge).toContain('purge deletes /etc/relaymap');
  expect(purge).toContain('the maps stay');
  expect(await other.ok('ls -A /var/lib/relaymap; ls /etc/relaymap /run/relaymap 2>/dev/null || true')).toBe('maps\n');
  expect(codes(await smtp(lab, other, ['someone@example.org', 'nobody@example.org']))).toEqual(['250', '550']);
});

test('purged when Postfix does not name the maps, nothing is left but the account', async () => {
  await from.host.install(deb('relaymap'));
  await from.host.ok(
    'install -o relaymap /dev/null /var/lib/relaymap/maps/relay_recipients; : >/etc/relaymap/relaymap.toml',
  );
  const purge = await from.host.ok('apt-get purge -y relaymap 2>&1');
  expect(purge).toContain('purge deletes /var/lib/relaymap (maps');
  expect(
    await from.host.ok(
      'ls -d /var/lib/relaymap /etc/relaymap /run/relaymap /usr/lib/relaymap 2>/dev/null || true; getent passwd relaymap | cut -d: -f1',
    ),
  ).toBe('relaymap\n');
  expect(
    await from.host.ok('systemctl list-unit-files "relaymap.*" "relaymap-reload*" --plain --no-legend || true'),
  ).toBe('');
});
