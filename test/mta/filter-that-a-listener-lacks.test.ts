// What OpenSMTPD would do while a list is out of date, read from smtpd.conf. The live suite asks the server itself.
// Covers src/gateway/mta/opensmtpd/stale-filters.ts, src/gateway/mta/opensmtpd/smtpd-conf.ts
import { expect, test } from 'vitest';
import { smtpdUses } from '../../src/gateway/mta/opensmtpd/smtpd-conf.ts';
import { staleLines, staleRemarks } from '../../src/gateway/mta/opensmtpd/stale-filters.ts';

const config = { map_dir: '/maps', stale: { after: 1 } } as never;
const LINES = [
  'table rcpts file:/maps/relay_recipients',
  ...staleLines(config, '/etc/smtpd.conf', 'rcpts').filter((line) => !line.startsWith('#')),
];
const isAsked = (...more: string[]) =>
  smtpdUses('/maps', [...LINES, ...more]).some(({ map }) => map === 'stale_domains');
const levels = (...more: string[]) => staleRemarks(config, [...LINES, ...more]).map(({ level }) => level);

test.each([
  ['a chain by its name', 'listen on eth0 port 25 filter "relaymap"', true, []],
  ['without quotes', 'listen on eth0 filter relaymap port 25', true, []],
  ['a list in its place', 'listen on eth0 filter { "rspamd", "relaymap" }', true, []],
  ['the two filters themselves', 'listen on eth0 filter { "relaymap_known", "relaymap_late" }', true, []],
  ['the one that defers alone', 'listen on eth0 filter "relaymap_late"', true, ['error']],
  ['in the wrong order', 'listen on eth0 filter { "relaymap_late", "relaymap_known" }', true, ['error']],
  ['the one that lets past alone', 'listen on eth0 filter "relaymap_known"', false, []],
  ['none', 'listen on eth0 port 25', false, []],
])('%s', (_, listen, asked, found) => {
  expect([isAsked(listen), levels(listen)]).toEqual([asked, found]);
});

test('one listener has them, the other not: a warning; the socket of the host itself needs none', () => {
  const good = 'listen on eth0 filter "relaymap"';
  expect(levels(good, 'listen on eth1')).toEqual(['warning']);
  expect(levels(good, 'listen on socket')).toEqual([]);
});

test('a filter that refuses for good defers nobody', () => {
  const lines = LINES.map((line) => line.replace('"450 4.3.0', '"550 5.1.1'));
  expect(smtpdUses('/maps', [...lines, 'listen on eth0 filter "relaymap"'])).not.toContainEqual(
    expect.objectContaining({ map: 'stale_domains' }),
  );
});
