// Which bundles are out of date, and where main.cf is to ask for them.
import { expect, test } from 'vitest';
import type { GatewayConfig } from '../../src/gateway/config.ts';
import { staleCheckOf, withStaleCheck } from '../../src/gateway/mta/postfix/stale-check.ts';
import { isOutOfDate, outOfDate } from '../../src/gateway/out-of-date.ts';

const NOW = new Date('2026-11-26T12:00:00.000Z');
const HOUR = 3_600_000;
const confirmed = (ms: number | null) => ({
  name: 'a',
  succeededAt: ms === null ? null : new Date(NOW.getTime() + ms).toISOString(),
});

test.each([
  ['just now', 0, false],
  ['at the very edge', -HOUR, false],
  ['a moment beyond it', -HOUR - 1, true],
  ['never', null, true],
  ['while this was read', 60_000, false],
  ['in the future', 60_001, true],
])('confirmed %s', (_, ms, expected) => {
  expect(isOutOfDate(confirmed(ms), HOUR, NOW)).toBe(expected);
});

test('a time that is none is no confirmation', () => {
  expect(isOutOfDate({ name: 'a', succeededAt: 'soon' }, HOUR, NOW)).toBe(true);
});

const config = { bundle: [{ name: 'a' }, { name: 'b' }], stale: { after: HOUR } } as unknown as GatewayConfig;

test('one that nothing is known of is out of date; without [stale] none is', () => {
  expect(outOfDate(config, [confirmed(0)], NOW)).toEqual(['b']);
  expect(outOfDate(config, null, NOW)).toEqual(['a', 'b']);
  expect(outOfDate({ bundle: config.bundle, stale: undefined }, null, NOW)).toEqual([]);
});

const TABLE = 'cdb:/maps/stale_domains';
const CHECK = `check_recipient_access ${TABLE}`;
test.each([
  ['', CHECK],
  ['permit_mynetworks', `permit_mynetworks, ${CHECK}`],
  ['permit_mynetworks,', `permit_mynetworks, ${CHECK}`],
  ['a, permit', `a, ${CHECK}, permit`],
  ['a b  reject', `a b, ${CHECK}, reject`],
  ['reject', `${CHECK}, reject`],
  ['a, reject_unlisted_recipient, b', `a, ${CHECK}, reject_unlisted_recipient, b`],
  ['a, warn_if_reject reject_unlisted_recipient', `a, ${CHECK}, warn_if_reject reject_unlisted_recipient`],
  [
    'check_policy_service { inet:[::1]:1, timeout=1s }, b',
    `check_policy_service { inet:[::1]:1, timeout=1s }, b, ${CHECK}`,
  ],
  ['check_client_access cdb:/reject', `check_client_access cdb:/reject, ${CHECK}`],
])('smtpd_recipient_restrictions = %s', (value, expected) => {
  expect(withStaleCheck({ raw: new Map([['smtpd_recipient_restrictions', value]]) }, TABLE)).toBe(expected);
});

test.each([
  ['', null],
  [CHECK, { before: null, permits: [] }],
  [`a, permit_mynetworks, ${CHECK}`, { before: null, permits: ['permit_mynetworks'] }],
  [`reject_unlisted_recipient, ${CHECK}`, { before: 'explicit', permits: [] }],
  [`warn_if_reject reject_unlisted_recipient, ${CHECK}`, { before: null, permits: [] }],
  [`check_sender_access ${TABLE}`, null],
])('asked in %s', (value, expected) => {
  const main = new Map([['smtpd_recipient_restrictions', value]]);
  expect(staleCheckOf({ map_dir: '/maps' } as GatewayConfig, { main })).toEqual(expected);
});
