// From `apt install` to the first rejected stranger, as a postmaster does it, under the shipped units.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Lab, until, type LabHost } from '../support/lab.ts';
import { backupMx, carry, central, codes, deb, follow, health, MAPS, primary, smtp, type Central } from './scene.ts';

let lab: Lab;
let from: Central;
let mx: LabHost;
let home: LabHost;

beforeAll(async () => {
  lab = await Lab.start();
  [from, home, mx] = await Promise.all([
    central(lab, ['someone@example.org']),
    primary(lab),
    backupMx(lab, 'mx1', '10.77.0.31'),
  ]);
});
afterAll(() => lab?.stop());

test('installed and not configured, nothing fails; configured, mail waits, then is accepted and rejected', async () => {
  await mx.install(deb('relaymap'));
  expect(
    await mx.ok(
      'systemctl show -P ActiveState,Result,ConditionResult relaymap; systemctl list-units --failed --plain --no-legend',
    ),
  ).toBe('success\ninactive\nno\n');
  await mx.ok(`postconf -e ${MAPS.join(' ')} && postfix reload 2>&1`);
  await carry(mx, from);
  await follow(mx);
  expect(codes(await smtp(lab, mx, ['someone@example.org']))).toEqual(['451']);

  await mx.ok('systemctl start relaymap');
  await until(
    'the first list',
    30,
    () => mx.run('relaymap lookup someone@example.org'),
    ({ status }) => status === 0,
  );
  await until(
    'Postfix has reloaded',
    20,
    () => smtp(lab, mx, ['someone@example.org']),
    ([answer]) => answer?.startsWith('250') === true,
  );
  expect(codes(await smtp(lab, mx, ['someone@example.org', 'postmaster@example.org', 'nobody@example.org']))).toEqual([
    '250',
    '250',
    '550',
  ]);
  expect(await health(mx)).toMatchObject({ status: 0 });
  expect(await mx.ok('ls /run/relaymap; systemctl is-active relaymap relaymap-reload.path; id -nG relaymap')).toBe(
    'active\nactive\nrelaymap postfix\n',
  );
  expect(await mx.ok('stat -c "%a %U %G" /var/lib/relaymap/maps/relay_recipients.cdb')).toBe('640 relaymap postfix\n');

  await smtp(lab, mx, ['someone@example.org'], 'send');
  await until(
    'the mail is on the primary',
    30,
    () => home.ok('cat /var/mail/catch'),
    (box) => box.includes('Subject: for someone@example.org'),
  );
  expect(await home.ok('cat /var/mail/catch')).not.toContain('nobody@');
});

test('the service is confined as shipped', async () => {
  const { stdout } = await mx.run('systemd-analyze security --no-pager relaymap.service | tail -n 1');
  expect(Number(/: ([0-9.]+) /.exec(stdout)?.[1])).toBeLessThan(2);
});
