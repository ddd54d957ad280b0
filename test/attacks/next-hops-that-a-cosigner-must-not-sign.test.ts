// Next hops of a candidate that lead mail elsewhere: a second host with sources of next hops refuses what none of its
// readings had, one without them judges by its own guard, and `sign` of a candidate's folder shows them in words.
// Covers src/publisher/cosign/judge-hops.ts, src/publisher/transport/hop-difference.ts
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { people, type Central } from '../publisher/central.ts';
import { Ceremony, digestOf } from '../support/ceremony.ts';
import { whenFinished } from '../support/finished.ts';
import { timestamp } from '../support/forger.ts';
import { hops, route, type HopLies } from '../support/next-hops.ts';
import { signedManifest, twoHosts, type TwoHosts } from '../support/two-hosts.ts';

const DAY = 86_400_000;
const ROUTES = [route('example.net', '[mx2.example.org]:25'), route('example.org', '[mx1.example.org]:25')];
/** So many domains of customers, each with its next hop. */
const customers = (count: number) =>
  Array.from({ length: count }, (_, i) => route(`c${100 + i}.example`, '[mx1.example.org]:25'));

const source = (host: Central) =>
  `[[source]]\ntype = "file"\nname = "routes"\npath = ${JSON.stringify(host.at('routes'))}\ntable = "transport"`;
const write = (host: Central, rows: readonly string[]) =>
  writeFileSync(host.at('routes'), rows.map((row) => `${row}\n`).join(''));

const both = ({ publisher, second }: TwoHosts) => [...publisher.keys, ...second.keys];
const once = ({ second }: TwoHosts) => second.run(['cosign', '--once']);
const signatures = (host: Central) => readdirSync(host.output).filter((name) => /^[0-9a-f]{64}\.json$/.test(name));

async function publishTogether({ publisher, second }: TwoHosts) {
  const cosigner = second.start(['cosign']);
  const ended = whenFinished(cosigner);
  const done = await publisher.run(['publish']);
  cosigner.kill('SIGTERM');
  return { done, log: (await ended).stderr };
}

/** Both hosts with the same list and the same next hops, and version 1 is out. */
async function routed(rows: readonly string[] = ROUTES): Promise<TwoHosts> {
  const hosts = await twoHosts((host) => {
    write(host, rows);
    return source(host);
  });
  const { done } = await publishTogether(hosts);
  expect([done.status, done.stderr]).toEqual([0, expect.any(String)]);
  return hosts;
}

/** A candidate of version 2 with these next hops in place of the published ones; null: without any. */
function offer(hosts: TwoHosts, rows: readonly string[] | null, more: object = {}, lies: HopLies = {}): void {
  const { publisher } = hosts;
  const { manifest } = publisher.published(both(hosts));
  const files = new Map<string, Buffer>();
  const made = rows === null ? undefined : hops(files, rows, lies).lies.manifest;
  if (lies.absent !== true) for (const [name, bytes] of files) writeFileSync(path.join(publisher.output, name), bytes);
  const next = {
    ...manifest,
    version: 2,
    created: timestamp(Date.now()),
    expires: timestamp(Date.now() + 7 * DAY),
    tables: { recipients: manifest.tables.recipients },
  };
  const folder = path.join(publisher.output, 'candidate');
  mkdirSync(folder, { recursive: true });
  const manifestOf = { ...(made === undefined ? next : made(next)), ...more };
  writeFileSync(path.join(folder, 'manifest.json'), signedManifest(manifestOf, publisher.keys));
}

test('together they publish next hops, and a change that both have', async () => {
  const hosts = await routed();
  const { publisher, second } = hosts;
  const { manifest } = publisher.published(both(hosts));
  expect(manifest.tables).toHaveProperty('transport.rows', 2);
  for (const host of [publisher, second])
    write(host, [route('example.net', '[mx3.example.org]:25'), ...ROUTES.slice(1)]);
  const { done } = await publishTogether(hosts);
  expect([done.status, done.stdout], done.stderr).toEqual([0, expect.stringMatching(/published version 2/)]);
  publisher.published(both(hosts));
});

test('the two disagree about a next hop: neither signs, and both name the domain', async () => {
  const hosts = await routed();
  write(hosts.publisher, [route('example.net', '[thief.example]:25'), ...ROUTES.slice(1)]);
  const { done, log } = await publishTogether(hosts);
  const words = /the sources here have other next hops for 1 domain: example\.net/;
  expect([done.status, done.stdout, done.stderr]).toEqual([1, '', expect.stringMatching(words)]);
  expect(log).toMatch(words);
  expect(done.stderr + log).not.toMatch(/thief/);
  expect(hosts.publisher.published(both(hosts)).manifest.version).toBe(1);
  expect((await hosts.second.run(['health'])).stdout).toMatch(words);
});

test('a next hop that the second host had in another reading of the last ten minutes is right', async () => {
  const hosts = await routed();
  const { publisher, second } = hosts;
  const cosigner = second.start(['cosign']);
  const ended = whenFinished(cosigner);
  publisher.rows(people(31));
  second.rows(people(31));
  expect((await publisher.run(['publish'])).status).toBe(0);
  write(second, [route('example.net', '[mx9.example.org]:25'), ...ROUTES.slice(1)]); // the publisher has not seen it yet
  for (const host of [publisher, second]) host.rows(people(32));
  const done = await publisher.run(['publish']);
  cosigner.kill('SIGTERM');
  await ended;
  expect([done.status, done.stdout], done.stderr).toEqual([0, expect.stringMatching(/published version 3/)]);
});

const another = [route('example.net', '[thief.example]:25'), ...ROUTES.slice(1)];
type Offer = readonly [readonly string[] | null, HopLies, RegExp];
const CASES: Record<string, Offer> = {
  'another next hop': [another, {}, /other next hops for 1 domain: example\.net/],
  'a next hop more': [[...ROUTES, route('z.example', '[mx1.example.org]')], {}, /for 1 domain: z\.example/],
  'a next hop less': [ROUTES.slice(1), {}, /for 1 domain: example\.net/],
  'no table of next hops': [
    null,
    {},
    /all of the 2 next hops in use would go.*: 2 domains: example\.net, example\.org/,
  ],
  'an entry that is none': [ROUTES, { entry: { rows: -1 } }, /tables\.transport\.rows is negative/],
  'a member of it that is not known': [ROUTES, { entry: { sealed: 1 } }, /the member tables\.transport\.sealed/],
  'a table that is not there': [another, { absent: true }, /transport\/[0-9a-f]{64}\.gz is not there/],
  'another number of rows': [another, { entry: { rows: 3 } }, /its table of next hops has 2 rows, the manifest says 3/],
  'a table that holds more': [another, { entry: { bytes: 7 } }, /transport.*holds more than the 7 bytes/],
  'rows that are none': [[], { text: 'no TAB\n' }, /row 1 of its table of next hops has no TAB/],
  'a domain twice': [[], { text: 'a.example\t[b.example]\na.example\t[c.example]\n' }, /a domain that is there twice/],
};
test.each(Object.entries(CASES))('a publisher that was taken over offers %s', async (_, [rows, lies, words]) => {
  const hosts = await routed();
  const before = signatures(hosts.second);
  offer(hosts, rows, {}, lies);
  const done = await once(hosts);
  expect([done.status, done.stdout, done.stderr]).toEqual([1, '', expect.stringMatching(words)]);
  expect(done.stderr).not.toMatch(/thief/);
  expect(signatures(hosts.second)).toEqual(before);
});

test('a shrinking of next hops that nobody allowed here', async () => {
  const hosts = await routed();
  const until = timestamp(Date.now() + DAY);
  offer(hosts, null, { shrinkApproved: { until, rows: 1, domains: 1, transport: { rows: 0 } } });
  expect((await once(hosts)).stderr).toMatch(/it approves a shrinking .* allowed here: none/);
});

test('without sources the own guard decides of next hops, until a shrinking is allowed there', async () => {
  const hosts = await routed(customers(40));
  hosts.configure('', '', false, '');
  const moved = [
    ...customers(28),
    ...customers(40)
      .slice(28)
      .map((row) => row.replace('mx1', 'mx7')),
  ];
  offer(hosts, moved);
  const done = await once(hosts);
  expect([done.status, done.stderr]).toEqual([
    1,
    expect.stringMatching(
      /of the next hops, 12 of the 40 rows in use would go, more than 10 %: 12 domains: c128\.example/,
    ),
  ]);
  expect((await hosts.second.run(['cosign', '--allow-shrink'])).status).toBe(0);
  const until = timestamp(Date.now() + DAY);
  offer(hosts, moved, { shrinkApproved: { until, rows: 10, domains: 1, transport: { rows: 40 } } });
  expect((await once(hosts)).stdout).toMatch(/signed version 2/);
});

test('without sources a few next hops that change pass, and a domain that is not ours does not', async () => {
  const hosts = await routed();
  hosts.configure('', 'domains = ["example.org", "example.net"]', false, '');
  offer(hosts, [...ROUTES, route('z.example', '[mx1.example.org]')]);
  expect((await once(hosts)).stderr).toMatch(/it has a next hop for z\.example, which policy\.domains does not list/);
  offer(hosts, another);
  expect((await once(hosts)).stdout).toMatch(/signed version 2/);
});

test('who signs a candidate elsewhere sees which next hops go, come and change', async () => {
  const host = new Ceremony({ keys: 1 }, 1);
  const { central } = host;
  central.configure({ further: source(central) });
  write(central, [route('a.example', '[mx1.example.org]'), route('b.example', '[mx1.example.org]')]);
  expect((await central.run(['publish'])).status).toBe(0);
  write(central, [route('b.example', '[thief.example]'), route('c.example', '[mx1.example.org]')]);
  const folder = host.at('candidate');
  const made = await central.run(['publish', '--unsigned', folder]);
  expect(made.status, made.stderr).toBe(0);
  const sign = () =>
    host.tries(
      'sign',
      folder,
      '--base',
      central.output,
      '--key',
      central.keyFile(0),
      '--yes',
      digestOf(`${folder}/manifest.json`),
    );
  const done = sign();
  expect([done.status, done.stderr]).toEqual([0, expect.any(String)]);
  for (const words of [
    'next hops: 1 come, 1 go, 1 change',
    'the next hop of b.example changes: [mx1.example.org] goes, [thief.example] comes',
    'the next hop of a.example goes: [mx1.example.org]',
    'a next hop of c.example comes: [mx1.example.org]',
  ])
    expect(done.stdout + done.stderr).toContain(words);
  const [file = ''] = readdirSync(path.join(folder, 'transport'));
  const text = gunzipSync(readFileSync(path.join(folder, 'transport', file))).toString();
  writeFileSync(path.join(folder, 'transport', file), gzipSync(text.replace('thief', 'mx999')));
  const forged = sign();
  expect([forged.status, forged.stderr]).toEqual([2, expect.stringMatching(/transport.*is damaged/)]);
});
