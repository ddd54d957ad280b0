// The gateway's package on the older Debian, with the Node 18 that it comes with; and Postfix that is installed
// after relaymap.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Lab, type LabHost } from '../support/lab.ts';
import { answers, central, gateway, graded, type Central } from './scene.ts';

let lab: Lab;
let from: Central;
let mx: LabHost;

beforeAll(async () => {
  lab = await Lab.start();
  from = await central(lab, ['someone@example.org']);
  mx = await gateway(lab, from, ['mx12', '10.77.0.41'], { suite: 'bookworm' });
});
afterAll(() => lab?.stop());

test('the same package serves on Debian 12 with Node 18', async () => {
  expect(await mx.ok('node --version; . /etc/os-release; echo $VERSION_ID')).toMatch(/^v18\..*\n12\n$/);
  await answers(lab, mx, ['someone@example.org', 'nobody@example.org'], ['250', '550']);
  await graded(mx, 0);
  expect(await mx.ok('relaymap fetch --force')).toMatch(/installed version/);
  expect(
    await mx.ok('find /var/lib/relaymap ! -user relaymap; systemctl list-units --failed --plain --no-legend'),
  ).toBe('');
  const { stdout } = await mx.run('systemd-analyze security --no-pager relaymap.service | tail -n 1');
  expect(Number(/: ([0-9.]+) /.exec(stdout)?.[1])).toBeLessThan(2);
});

test('the maps go to the group postfix that comes after the package, or after a version that was a member of it', async () => {
  await mx.ok(`adduser --quiet relaymap postfix; cd /var/lib/relaymap && chmod 0755 maps && chgrp -R relaymap maps
    dpkg-trigger --no-await /usr/lib/postfix/sbin/master && dpkg --triggers-only -a 2>&1`);
  const rights =
    'id -nG relaymap; stat -c "%a %U %G" /var/lib/relaymap/maps /var/lib/relaymap/maps/relay_recipients.cdb';
  expect(await mx.ok(rights)).toBe('relaymap\n2755 relaymap postfix\n640 relaymap postfix\n');
  expect(await mx.ok('systemctl restart relaymap; relaymap fetch --force')).toMatch(/installed version/);
  expect(await mx.ok(`${rights}; systemctl is-active relaymap`)).toBe(
    'relaymap\n2755 relaymap postfix\n640 relaymap postfix\nactive\n',
  );
});
