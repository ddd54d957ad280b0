// Who runs what, from lines of logs: a claim never counts as a gateway that has a certificate or a token, and what a
// client writes never reaches a terminal, a page or a metric as anything but text.
import { mkdirSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { readPublisherConfig } from '../../src/publisher/config.ts';
import { expectedGateways } from '../../src/publisher/fleet/expected.ts';
import { fleetJson } from '../../src/publisher/fleet/fleet-json.ts';
import { fleetMetrics } from '../../src/publisher/fleet/fleet-metrics.ts';
import { judgeFleet, type Fleet, type Known } from '../../src/publisher/fleet/judge.ts';
import { readLog } from '../../src/publisher/fleet/log/read-log.ts';
import { MOST_CLAIMS, Tally } from '../../src/publisher/fleet/tally.ts';
import { fleetLines, sentence, span } from '../../src/publisher/fleet/words.ts';
import { jsonLine, printable } from '../../src/io/printable.ts';
import { Central } from './central.ts';

const NOW = Date.UTC(2026, 10, 26, 22, 0, 0) / 1000;
const HASH = 'ab'.repeat(32);
const LOGS = { lines: 0, unread: 0, firstUnread: '', tooLong: 0, unfinished: 0 };

interface Request {
  /** Seconds before now. */
  readonly ago?: number;
  readonly id?: string;
  readonly version?: number;
  readonly last?: string;
  readonly cn?: string;
  readonly token?: string;
  readonly ip?: string;
  readonly path?: string;
  readonly status?: number;
  readonly agent?: string;
  readonly bundle?: string;
  readonly method?: string;
}

const TAKES = `/r/recipients/${HASH}.gz`;

function line(request: Request): string {
  const { ago = 60, id, version = 42, last = 'OK', bundle = 'example-org', path = '/r/manifest.json' } = request;
  const { cn = null, token = null, ip = '192.0.2.7', status = 200, method = 'GET' } = request;
  const userAgent =
    request.agent ?? (id === undefined ? 'curl/8.0' : `relaymap/0.1.0 (${bundle}=${version}; last=${last}; id=${id})`);
  return JSON.stringify({
    time: new Date((NOW - ago) * 1000).toISOString(),
    method,
    path,
    status,
    ip,
    userAgent,
    cn,
    token,
  });
}

async function judged(requests: readonly Request[], further: Partial<Known> = {}): Promise<Fleet> {
  const none = new Set<string>();
  const known = {
    bundle: 'example-org',
    published: { version: 42, at: NOW - 600 },
    expected: none,
    tokens: none,
    silentAfter: 3600,
    ...further,
  };
  const tally = new Tally(known.bundle, known.published?.version ?? null, NOW, 7, known);
  const text = requests.map((each) => `${line(each)}\n`).join('');
  await readLog('a test', Readable.from([Buffer.from(text)]), 'json', (each) => tally.add(each));
  return judgeFleet(tally, known, NOW);
}

const backwards = <T>(all: readonly T[]): readonly T[] => all.map((_, i) => all[all.length - 1 - i] as T);

const rows = (fleet: Fleet) => fleet.rows.map(({ name, by, state, version }) => [name, by, state, version]);

test('the sentence, and the worst first', async () => {
  const fleet = await judged(
    [
      { cn: 'a', id: 'a' },
      { cn: 'b', id: 'b', version: 41 },
      { cn: 'c', id: 'c', version: 40 },
      { cn: 'd', id: 'd', ago: 3 * 3600 },
      { cn: 'e', id: 'e', version: 43 },
      { cn: 'f', agent: 'relaymap' },
      { cn: 'g', id: 'g', last: 'SHRUNK' },
      { cn: 'h', id: 'h', last: 'HELD', version: 41 },
    ],
    { expected: new Set(['a', 'z']) },
  );
  expect(sentence(fleet)).toBe(
    '2 of 9 current, 3 behind, 1 silent for 3 h, 1 never seen, 1 with a version that is not out, ' +
      '1 without a word of the version, 1 whose last cycle did not end well',
  );
  expect(rows(fleet)).toEqual([
    ['z', null, 'never', null],
    ['d', 'certificate', 'silent', 42],
    ['h', 'certificate', 'behind', 41],
    ['c', 'certificate', 'behind', 40],
    ['b', 'certificate', 'behind', 41],
    ['e', 'certificate', 'ahead', 43],
    ['f', 'certificate', 'unknown', null],
    ['g', 'certificate', 'current', 42],
    ['a', 'certificate', 'current', 42],
  ]);
  expect(fleet.rows.find(({ name }) => name === 'h')?.held).toBe(true);
  const text = fleetLines(fleet, LOGS, true).join('\n');
  expect(text).toMatch(
    /^h +behind +41 +60 s +60 s ago +HELD +0\.1\.0 +certificate +behind for 10 min; held; not expected$/m,
  );
  expect(text).toMatch(/^z +never seen +- +- +- +- +- +-$/m);
});

test('a claim never outranks a certificate or a token, and is counted apart', async () => {
  const fleet = await judged([
    { cn: 'mx1', id: 'mx1', version: 41 },
    { token: 'mx2', id: 'mx2', version: 41 },
    { id: 'mx1', version: 42, ip: '198.51.100.1', ago: 1 },
    { id: 'mx2', version: 42, ip: '198.51.100.1', ago: 1 },
    { id: 'mx3', version: 42 },
    { cn: 'mx4', id: 'mx1', version: 42 },
    { cn: 'mx5', token: 'mx2', id: 'mx5' },
  ]);
  expect(rows(fleet)).toEqual([
    ['mx1', 'certificate', 'behind', 41],
    ['mx2', 'token', 'behind', 41],
    ['mx4', 'certificate', 'current', 42],
    ['mx5', 'certificate', 'current', 42],
  ]);
  expect(fleet.rows.map(({ claimed, says }) => [claimed, says])).toEqual([
    [1, null],
    [1, null],
    [0, 'mx1'],
    [0, null],
  ]);
  expect(fleet.claims.map(({ name, isTaken }) => [name, isTaken])).toEqual([
    ['mx1', true],
    ['mx2', true],
    ['mx3', false],
  ]);
});

test('a claim of a name that has a token does not count, also where the token was never used', async () => {
  const names = new Set(['mx1', 'mx2']);
  const requests = [{ id: 'mx1' }, { id: 'mx2' }];
  const fleet = await judged(requests, { expected: names, tokens: new Set(['mx1']) });
  expect(rows(fleet)).toEqual([
    ['mx1', null, 'never', null],
    ['mx2', 'claim', 'current', 42],
  ]);
  const open = await judged(requests);
  expect([open.isByClaim, rows(open)]).toEqual([
    true,
    [
      ['mx1', 'claim', 'current', 42],
      ['mx2', 'claim', 'current', 42],
    ],
  ]);
});

test('strangers that took a whole table', async () => {
  const took = { path: TAKES };
  const fleet = await judged(
    [
      { ...took, cn: 'mx1', id: 'mx1' },
      { ...took, id: 'mx2' },
      { id: 'mx9' },
      { ...took, id: 'mx1', ip: '198.51.100.1', ago: 5 },
      { ...took, id: 'mx9', ip: '198.51.100.2', ago: 6 },
      { ...took, ip: '198.51.100.3', status: 206, ago: 7 },
      { ...took, cn: 'mx8', id: 'mx8', ago: 8 },
      { path: `/r/recipients/%61${HASH.slice(1)}.gz`.replace('%61b', '%61b'), ip: '198.51.100.4', ago: 9 },
      { ...took, ip: '192.0.2.10', ago: 10 },
      // These did not get it.
      { ...took, ip: '198.51.100.5', status: 304 },
      { ...took, ip: '198.51.100.6', status: 401 },
      { ...took, ip: '198.51.100.7', status: 404 },
      { ...took, ip: '198.51.100.8', method: 'HEAD' },
      { ip: '198.51.100.9', path: `/r/recipients/${HASH}-${HASH}.delta.gz` },
    ],
    { expected: new Set(['mx1', 'mx2', '192.0.2.10']) },
  );
  expect(fleet.strangers.map(({ name, by, posesAs }) => [name, by, posesAs])).toEqual([
    ['mx1', 'claim', 'mx1'],
    ['mx9', 'claim', null],
    ['198.51.100.3', 'address', null],
    ['mx8', 'certificate', null],
    ['198.51.100.4', 'address', null],
  ]);
  expect(sentence(fleet)).toMatch(/; 5 strangers took a whole table$/);
});

test('another list in the same log is not this one', async () => {
  const fleet = await judged([
    { cn: 'mx1', id: 'mx1' },
    { cn: 'mx1', id: 'mx1', bundle: 'other-org', version: 7, path: '/o/manifest.json', ago: 1 },
    { cn: 'mx1', id: 'mx1', bundle: 'other-org', version: 7, path: '/o/manifest.json', ago: 1 },
    { cn: 'ox1', id: 'ox1', bundle: 'other-org', path: '/o/manifest.json' },
    { ip: '198.51.100.1', path: `/o/recipients/${HASH}.gz` },
    { ip: '198.51.100.2', path: `/r/recipients/${HASH}.gz` },
  ]);
  expect(rows(fleet)).toEqual([['mx1', 'certificate', 'current', 42]]);
  expect([fleet.rows[0]?.requests, fleet.tally.otherBundles]).toEqual([1, 3]);
  expect(fleet.strangers.map(({ name }) => name)).toEqual(['198.51.100.2']);
});

test('no order of lines is assumed, and no line of the future counts', async () => {
  const requests = [
    { cn: 'mx1', id: 'mx1', version: 41, ago: 500 },
    { cn: 'mx1', id: 'mx1', version: 42, ago: 400 },
    { cn: 'mx1', id: 'mx1', version: 42, ago: 300 },
    { cn: 'mx1', id: 'mx1', version: 42, ago: 100 },
  ];
  const orders = [
    requests,
    requests.map((_, i) => requests[3 - i]),
    [requests[2], requests[0], requests[3], requests[1]],
  ];
  for (const order of orders) {
    const fleet = await judged([...order.map((each) => each ?? {}), { cn: 'mx1', id: 'mx1', version: 40, ago: -7200 }]);
    expect(fleet.rows[0]).toMatchObject({ state: 'current', version: 42, lastPoll: NOW - 100, requests: 4 });
    expect(fleet.spread).toEqual({ half: 200, most: 200, after: [200], of: 1 });
    expect(fleet.tally.future).toBe(1);
  }
});

test('how a version spread: those that lag count', async () => {
  const all = Array.from({ length: 20 }, (_, i) => ({ cn: `mx${i}`, id: `mx${i}`, ago: 600 - i * 10 }));
  const fleet = await judged(all);
  expect(fleet.spread).toMatchObject({ half: 90, most: 180, of: 20 });
  const lagging = await judged(all.map((each, i) => ({ ...each, version: i < 12 ? 42 : 41 })));
  expect(lagging.spread).toMatchObject({ half: 90, most: null, of: 20 });
  expect(lagging.spread?.after).toHaveLength(12);
  // A version that is not out is no sign of the one that is.
  const ahead = await judged([{ cn: 'mx1', id: 'mx1', version: 9e15 }]);
  expect([ahead.spread?.half, ahead.rows[0]?.state]).toEqual([null, 'ahead']);
});

test('without a word of what is published, the newest version that gateways say counts', async () => {
  const fleet = await judged(
    [
      { cn: 'mx1', id: 'mx1', ago: 50 },
      { cn: 'mx2', id: 'mx2', version: 41 },
      { id: 'x', version: 99 },
    ],
    { published: null },
  );
  expect([fleet.version, fleet.isVersionKnown, fleet.publishedAt]).toEqual([42, false, NOW - 50]);
  expect(sentence(fleet)).toBe('1 of 2 current, 1 behind');
});

test('claimed names beyond ten thousand are counted, and cost no memory', async () => {
  const many = Array.from({ length: MOST_CLAIMS + 500 }, (_, i) => ({ id: `x${i}`, ago: 100 }));
  const fleet = await judged([...many, { cn: 'mx1', id: 'mx1' }, { ip: '198.51.100.1', path: TAKES }]);
  expect([fleet.claims.length, fleet.tally.beyondClaims]).toEqual([MOST_CLAIMS, 500]);
  expect([sentence(fleet), fleet.strangers.length]).toEqual(['1 of 1 current; 1 stranger took a whole table', 1]);
  const addresses = Array.from({ length: MOST_CLAIMS + 5 }, (_, i) => ({ ip: `2001:db8::${i}` }));
  const full = await judged([...addresses, { ip: '198.51.100.1', path: TAKES }]);
  expect([full.tally.beyondAddresses, full.strangers.length]).toEqual([5, 1]);
  expect(fleetLines(fleet, LOGS, false).join('\n')).toMatch(/500 requests by further claimed names not looked at/);
});

test('whoever asks in vain is told by name, in whatever order the lines are', async () => {
  const requests = [
    { id: 'mx1', status: 401 },
    { cn: 'mx1', id: 'mx1', ago: 2 * 3600 },
    { id: 'nobody', status: 401 },
    { id: 'nobody', status: 403 },
    { id: 'mx1', status: 401, bundle: 'other-org' },
    { id: 'mx2', status: 401 },
    { token: 'mx3', id: 'mx3', status: 500 },
    { token: 'mx3', id: 'mx3', status: 404, ago: 50 },
    // These say nothing: no gateway lacks anything.
    { id: 'mx3', status: 404, path: '/r/keyring/2.json' },
    { agent: 'relaymap', status: 404, path: '/r/candidate/manifest.json' },
  ];
  for (const order of [requests, backwards(requests)]) {
    const fleet = await judged(order, { expected: new Set(['mx1', 'mx2', 'mx3']) });
    expect(fleet.rows.map(({ name, state, refused, failed }) => [name, state, refused, failed])).toEqual([
      ['mx2', 'never', 1, 0],
      ['mx3', 'never', 0, 2],
      ['mx1', 'silent', 1, 0],
    ]);
    expect([fleet.claims, fleet.tally.refused, fleet.tally.failed]).toEqual([[], 4, 2]);
    const text = fleetLines(fleet, LOGS, false).join('\n');
    expect(text).toMatch(/^mx1 .* 1 request by this name refused$/m);
    expect(text).toMatch(/^mx3 .* 2 requests by this name failed, the last with 404$/m);
    expect(text).toMatch(/^  2 requests for the manifest failed, the last with 404$/m);
  }
});

test('names that others make up keep nobody out who is expected, and are no whole fleet', async () => {
  const many = Array.from({ length: MOST_CLAIMS + 5 }, (_, i) => ({ id: `x${i}` }));
  const fleet = await judged([...many, { id: 'mx1' }, { ip: '192.0.2.9', id: 'host' }], {
    expected: new Set(['mx1', '192.0.2.9']),
  });
  expect(sentence(fleet)).toBe('2 of 2 current');
  const open = await judged(many);
  expect(sentence(open)).toBe('10000 of 10000 current; there are more, which are not looked at');
});

test.each([
  ['192.0.2.7:51234', '192.0.2.7'],
  ['[2001:db8::7]:51234', '2001:db8::7'],
  ['[2001:db8::7]', '2001:db8::7'],
  ['[::ffff:192.0.2.7]:1', '192.0.2.7'],
  ['2001:db8::7', '2001:db8::7'],
])('the address %s is that of %s', async (ip, name) => {
  expect((await judged([{ ip, path: TAKES }])).strangers.map((each) => each.name)).toEqual([name]);
});

test('who is refused by any name does not fill the memory, and hides nobody who is expected', async () => {
  const many = Array.from({ length: MOST_CLAIMS + 500 }, (_, i) => ({ id: `x${i}`, status: 401 }));
  const fleet = await judged([...many, { id: 'mx1', status: 401 }], { expected: new Set(['mx1']) });
  expect([fleet.rows[0]?.refused, fleet.tally.refused]).toEqual([1, MOST_CLAIMS + 501]);
});

test('a log in which nobody got the list is not one in which nobody asked', async () => {
  for (const status of [401, 403, 404, 301, 500, 502])
    expect(sentence(await judged([{ id: 'mx1', status }])), String(status)).toBe('nobody was given this list');
});

test('a gateway that is held and in order is no gateway whose cycle failed', async () => {
  const fleet = await judged([
    { cn: 'mx1', id: 'mx1', last: 'HELD' },
    { cn: 'mx2', id: 'mx2', last: 'SHRUNK' },
  ]);
  expect(sentence(fleet)).toBe('2 of 2 current, 1 held, 1 whose last cycle did not end well');
});

test('a gateway of another list is none of this one, also where it names no list', async () => {
  const other = { path: '/o/manifest.json', bundle: 'other-org' };
  const fleet = await judged([
    { cn: 'mx1', id: 'mx1' },
    { ...other, cn: 'ox1', id: 'ox1' },
    { ...other, cn: 'ox2', agent: 'relaymap' },
    { ...other, token: 'ox3', agent: 'curl/8.0' },
    { ...other, ip: '198.51.100.1' },
    { token: 'mx2', agent: 'relaymap' },
  ]);
  expect(rows(fleet)).toEqual([
    ['mx2', 'token', 'unknown', null],
    ['mx1', 'certificate', 'current', 42],
  ]);
  expect([fleet.addresses, fleet.strangers]).toEqual([0, []]);
});

test('a claim changes no age of a version, nor when one was published', async () => {
  const requests = [
    { cn: 'mx1', id: 'mx1', version: 41, ago: 500 },
    { cn: 'mx2', id: 'mx2', version: 42, ago: 400 },
  ];
  const claims = [
    { id: 'mx1', version: 41, ago: 90_000 },
    { id: 'x', version: 42, ago: 90_000 },
  ];
  for (const further of [[], claims]) {
    const fleet = await judged([...requests, ...further], { published: null, expected: new Set(['mx1', 'mx2']) });
    expect(fleet.rows.map(({ name, versionAt, behindFor }) => [name, NOW - (versionAt ?? 0), behindFor])).toEqual([
      ['mx1', 500, 400],
      ['mx2', 400, null],
    ]);
    expect([NOW - (fleet.publishedAt ?? 0), fleet.spread?.after]).toEqual([400, [0]]);
  }
});

test('how long a gateway is behind counts from when a newer version was out', async () => {
  const fleet = await judged([
    { cn: 'mx1', id: 'mx1', version: 40 },
    { cn: 'mx2', id: 'mx2', version: 41, ago: 5000 },
    { cn: 'mx2', id: 'mx2', version: 42 },
    { cn: 'mx3', id: 'mx3', version: 0, ago: 70 },
    { cn: 'mx4', id: 'mx4', version: 41 },
  ]);
  const behind = Object.fromEntries(fleet.rows.map(({ name, behindFor }) => [name, behindFor]));
  expect(behind).toEqual({ mx1: 5000, mx2: null, mx3: 70, mx4: 600 });
  expect(fleetMetrics(fleet)).toMatch(/^relaymap_fleet_behind_seconds\{bundle="example-org"\} 5000$/m);
  expect(fleetMetrics(await judged([]))).toMatch(/^relaymap_fleet_behind_seconds\{bundle="example-org"\} 0$/m);
});

test('an address that is expected counts for more than a name that is not', async () => {
  const took = { ip: '192.0.2.7', path: TAKES };
  const fleet = await judged(
    [
      { ...took, id: 'host' },
      { ...took, id: 'mx2' },
      { ip: '::ffff:192.0.2.8', agent: 'relaymap' },
      { ip: '192.0.2.9', id: 'x' },
    ],
    { expected: new Set(['192.0.2.7', '192.0.2.8', 'mx2']) },
  );
  expect(fleet.rows.map(({ name, by, state, says }) => [name, by, state, says])).toEqual([
    ['192.0.2.8', 'address', 'unknown', null],
    ['192.0.2.7', 'address', 'current', 'host'],
    ['mx2', 'claim', 'current', null],
  ]);
  expect([fleet.strangers, fleet.claims.map(({ name }) => name)]).toEqual([[], ['x']]);
});

test('of a stranger is told what it was when it took the table', async () => {
  const took = { cn: 'mx1', id: 'mx1' };
  const requests = [
    took,
    { id: 'mx1', path: TAKES, ip: '198.51.100.1', ago: 90 },
    { id: 'mx1', ip: '198.51.100.2', ago: 10 },
    { path: TAKES, ip: '198.51.100.3', agent: 'curl/8.0', ago: 90 },
    { ip: '198.51.100.3', agent: 'monitor/1', ago: 10 },
  ];
  for (const order of [requests, backwards(requests)])
    expect((await judged(order)).strangers.map(({ name, address, software }) => [name, address, software])).toEqual([
      ['198.51.100.3', '198.51.100.3', 'curl/8.0'],
      ['mx1', '198.51.100.1', '0.1.0'],
    ]);
});

test('of a log without addresses nobody knows how many took a table', async () => {
  const fleet = await judged([{ ip: '', path: TAKES }]);
  expect(sentence(fleet)).toBe('no gateway gives a name; at least 1 stranger took a whole table');
  expect(fleetLines(fleet, LOGS, false).join('\n')).toMatch(/^  unknown \(the log has no addresses\), 1 table/m);
});

test('no name or program from a log is more than text, wherever it is shown', async () => {
  const evil = '\u001b]0;x\u0007\u202e"><script>alert(1)</script>\n"}\n# HELP a';
  const fleet = await judged([
    { cn: evil, agent: `${evil} x`, path: TAKES },
    { cn: 'mx1', token: evil, agent: evil },
    { ip: evil, path: TAKES, agent: evil },
  ]);
  const terminal = fleetLines(fleet, LOGS, false).map(printable);
  const outputs = [...terminal, jsonLine(fleetJson(fleet, LOGS))];
  for (const text of outputs) expect(text).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
  const metrics = fleetMetrics(fleet).split('\n');
  expect(
    metrics.filter((each) => !/^(?:# (?:HELP|TYPE) relaymap_fleet_|relaymap_fleet_[a-z_]+\{|$)/.test(each)),
  ).toEqual([]);
  expect(metrics.join('\n')).not.toMatch(/[\u0000-\u0009\u007f-\u009f\u202e]/);
  expect(JSON.parse(jsonLine(fleetJson(fleet, LOGS)))).toMatchObject({ counts: { gateways: 2 } });
});

test('who only claims a name gets no metrics of its own', async () => {
  const claims = await judged([{ id: 'mx1' }, { id: 'mx2' }]);
  expect(fleetMetrics(claims)).not.toMatch(/gateway="/);
  const many = Array.from({ length: 1200 }, (_, i) => ({ cn: `mx${i}`, id: `mx${i}` }));
  const metrics = fleetMetrics(await judged(many));
  expect(metrics.match(/^relaymap_fleet_gateway_version\{/gm)).toHaveLength(1000);
  expect(metrics).toMatch(/^relaymap_fleet_gateways_left_out\{bundle="example-org"\} 200$/m);
  expect(metrics).toMatch(/^relaymap_fleet_gateways\{bundle="example-org",state="current"\} 1200$/m);
});

test.each([
  [0, '0 s'],
  [99, '99 s'],
  [100, '2 min'],
  [5999, '100 min'],
  [6000, '2 h'],
  [10_800, '3 h'],
  [172_800, '2 d'],
  [-5, '0 s'],
])('%d seconds are %s', (seconds, words) => {
  expect(span(seconds)).toBe(words);
});

test('a log of something else is told from one that is empty', async () => {
  const told = async (requests: readonly Request[], lines: number) =>
    fleetLines(await judged(requests), { ...LOGS, lines }, false).join('\n');
  expect(await told([], 0)).toMatch(/^  there is no line in the logs$/m);
  expect(await told([{ path: '/index.html' }], 1)).toMatch(
    /^  no line of 1 asks for a file of a list: is this the right log\?$/m,
  );
  for (const status of [200, 401, 500]) expect(await told([{ status }], 1)).not.toMatch(/the right log|no line in/);
});

test('an empty log is no fleet in order', async () => {
  expect(sentence(await judged([]))).toBe('no gateway has asked for this list');
  expect(sentence(await judged([{ agent: 'curl/8' }]))).toBe('no gateway gives a name');
  expect(fleetLines(await judged([]), { ...LOGS, unfinished: 1 }, false)).toContain(
    '  1 last line without a line feed passed over',
  );
  expect(sentence(await judged([], { expected: new Set(['mx1']) }))).toBe('0 of 1 current, 1 never seen');
});

test('a gateway with a file in the folder of tokens is expected, without the token being read', () => {
  const central = new Central();
  for (const folder of ['tokens', 'site', 'another']) mkdirSync(central.at(folder));
  writeFileSync(central.at('tokens', 'mx1'), '', { mode: 0 });
  writeFileSync(central.at('tokens', '.mx1.swp'), '');
  writeFileSync(central.at('site', 'mx2'), '');
  writeFileSync(central.at('another', 'ox1'), '');
  const site = (name: string, output: string) =>
    `[[serve.site]]\npath = "/${name}/"\noutput = "${output}"\ntokens = "${central.at(name)}"\n`;
  central.configure({
    further:
      `[fleet]\nexpect = ["mx3"]\n[serve]\ncert = "/c"\nkey = "/k"\ntokens = "${central.at('tokens')}"\n` +
      site('site', central.output) +
      site('another', central.at('another-output')),
  });
  const { expected, tokens } = expectedGateways(readPublisherConfig(central.config));
  expect([[...expected].sort(), [...tokens].sort()]).toEqual([
    ['mx1', 'mx2', 'mx3'],
    ['mx1', 'mx2'],
  ]);
});
