// A list that changes: by the publisher's timer and the gateways' schedule it reaches every MX, and so does one
// fetched by hand; where the central side is down for a while, mail goes on, and health says how long it has been.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Lab, until, type LabHost } from '../support/lab.ts';
import {
  answers,
  central,
  codes,
  gateway,
  graded,
  installed,
  MX1,
  MX2,
  recipientsAre,
  smtp,
  type Central,
} from './scene.ts';

let lab: Lab;
let from: Central;
let both: readonly [LabHost, LabHost];

const HEALTH = '[health]\nwarn_after = "8s"\ncritical_after = "25s"\nlisten = "127.0.0.1:9618"\n';

beforeAll(async () => {
  lab = await Lab.start();
  from = await central(lab, ['someone@example.org']);
  both = await Promise.all([gateway(lab, from, MX1, { more: HEALTH }), gateway(lab, from, MX2, { more: HEALTH })]);
});
afterAll(() => lab?.stop());

/** Asks both MXs until both say so. */
const everywhere = async (address: string, code: string): Promise<void> => {
  const ask = () => Promise.all(both.map(async (mx) => codes(await smtp(lab, mx, [address]))[0]));
  await until(`${code} for ${address} on both`, 180, ask, (answers) => answers.every((answer) => answer === code));
};

test('an address that is published reaches both MXs on schedule, and one that is gone is refused there', async () => {
  await everywhere('new@example.org', '550');
  await recipientsAre(from.host, ['someone@example.org', 'new@example.org']);
  await everywhere('new@example.org', '250');
  await recipientsAre(from.host, ['someone@example.org']);
  await everywhere('new@example.org', '550');
  await everywhere('someone@example.org', '250');
});

test('fetch --force by hand, beside the service, takes the whole list again', async () => {
  const [mx] = both;
  expect(await mx.ok('relaymap fetch --force')).toMatch(/^example-org: installed version \d+, 2 rows/);
  expect(codes(await smtp(lab, mx, ['someone@example.org', 'nobody@example.org']))).toEqual(['250', '550']);
  expect(await mx.ok('find /var/lib/relaymap ! -user relaymap')).toBe('');
});

test('root publishes by hand beside the timer, and leaves nothing that the service could not write', async () => {
  expect(await from.host.ok('relaymap-publish publish')).toMatch(/^example-org: (unchanged|published)/);
  expect(await from.host.ok('find /var/lib/relaymap-publish /srv/relaymap ! -user relaymap-publish')).toBe('');
});

test('the central side is down: mail goes on, also after a reboot; health turns warning, then critical, then ok again', async () => {
  const [mx, other] = both;
  await graded(mx, 0);
  // Watched from now on: a host takes its time to go down, and the warning does not wait for that.
  const [warning] = await Promise.all([graded(mx, 1), from.host.stop()]);
  expect(warning.text).toMatch(/WARNING.*stale/);
  await other.reboot();
  await answers(lab, other, ['someone@example.org', 'nobody@example.org'], ['250', '550']);
  expect(await other.ok('systemctl is-active relaymap relaymap-reload.path')).toBe('active\nactive\n');
  expect((await graded(mx, 2)).text).toMatch(/CRITICAL.*stale/);
  expect(codes(await smtp(lab, mx, ['someone@example.org', 'nobody@example.org']))).toEqual(['250', '550']);
  expect(await mx.ok('systemctl is-active relaymap')).toBe('active\n');

  await from.host.boot();
  await recipientsAre(from.host, ['someone@example.org', 'after@example.org']);
  await everywhere('after@example.org', '250');
  await graded(mx, 0);
  await installed(other, 2);
});
