// Two of two: a list goes out only if a second host, with its own sources, has signed it. Each thing that the second
// host refuses, played by a publisher that was taken over; neither signs where the two disagree, and both say why.
// Covers src/publisher/cosign, src/publisher/repository/candidates.ts, src/bin/publisher/cosign-command.ts
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { people, type Central } from '../publisher/central.ts';
import { MANIFEST_TYPE, sha256, tableOf, timestamp } from '../support/forger.ts';
import { whenFinished } from '../support/finished.ts';
import { digestOfEnvelope, signedManifest, twoHosts, type TwoHosts } from '../support/two-hosts.ts';

const DAY = 86_400_000;

/** Both hosts at work until one publish has gone out. */
async function publishTogether({ publisher, second }: TwoHosts) {
  const cosigner = second.start(['cosign']);
  const ended = whenFinished(cosigner);
  const done = await publisher.run(['publish']);
  cosigner.kill('SIGTERM');
  const second_ = await ended;
  return { done, log: second_.stderr };
}

const both = ({ publisher, second }: TwoHosts) => [...publisher.keys, ...second.keys];
const once = ({ second }: TwoHosts) => second.run(['cosign', '--once']);
const signatures = (host: Central) => readdirSync(host.output).filter((name) => /^[0-9a-f]{64}\.json$/.test(name));

test('together they publish; each envelope of the second host has its signature alone', async () => {
  const hosts = await twoHosts();
  const { publisher, second } = hosts;
  const { done } = await publishTogether(hosts);
  expect([done.status, done.stdout], done.stderr).toEqual([0, expect.stringMatching(/published version 1/)]);
  publisher.published(both(hosts));
  const [file = ''] = signatures(second);
  const envelope = JSON.parse(readFileSync(path.join(second.output, file), 'utf8')) as {
    signatures: { keyid: string }[];
  };
  expect(envelope.signatures.map(({ keyid }) => keyid)).toEqual([second.keys[0]?.keyid]);
  expect(existsSync(path.join(publisher.output, 'candidate', 'manifest.json'))).toBe(false);
  for (const host of [publisher, second]) host.rows(people(31));
  expect((await publishTogether(hosts)).done.status).toBe(0);
  expect(publisher.published(both(hosts)).manifest.version).toBe(2);
});

test('the second host is down: nothing new goes out, both healths say why, and afterwards it goes on', async () => {
  const hosts = await twoHosts();
  const { publisher, served } = hosts;
  expect((await publishTogether(hosts)).done.status).toBe(0);
  await served[1].down();
  publisher.rows(people(31));
  for (let i = 0; i < 2; i++) {
    const down = await publisher.run(['publish']);
    expect([down.status, down.stdout]).toEqual([1, '']);
    expect(down.stderr).toMatch(
      /UNSIGNED: version 2 has 1 of 2 signatures: https:.* cannot be asked: NETWORK.*version 1 stays published/,
    );
  }
  expect(publisher.published(both(hosts)).manifest.version).toBe(1);
  expect((await publisher.run(['health'])).stdout).toMatch(/UNSIGNED: version 2 has 1 of 2 signatures: https:/);
  await served[0].down();
  expect((await once(hosts)).status).toBe(2);
  expect((await hosts.second.run(['health'])).stdout).toMatch(/WARNING.*NETWORK/);
  await Promise.all(served.map((each) => each.up()));
  hosts.second.rows(people(31));
  expect((await publishTogether(hosts)).done.status).toBe(0);
  expect(publisher.published(both(hosts)).manifest.version).toBe(2);
});

test('the two disagree: neither signs, and the difference is named on both, by count and domain', async () => {
  const hosts = await twoHosts();
  const { publisher, second } = hosts;
  publisher.rows([...people(30), 'thief@example.net', 'thief2@example.net']);
  const { done, log } = await publishTogether(hosts);
  expect([done.status, done.stdout]).toEqual([1, '']);
  const words = /it has 3 rows that they have not, and lacks 0: 3 rows of example\.net/;
  expect(done.stderr).toMatch(words);
  expect(log).toMatch(words);
  expect(done.stderr + log).not.toMatch(/thief/);
  expect([signatures(second), publisher.files().includes('manifest.json')]).toEqual([[], false]);
  expect((await publisher.run(['health'])).stdout).toMatch(words);
  expect((await second.run(['health'])).stdout).toMatch(words);
});

test("what is wrong with the second host's own sources is told in its log, and not to whoever asks", async () => {
  const hosts = await twoHosts();
  const { second } = hosts;
  second.rows([...people(30), 'secret@localhost']);
  const { done, log } = await publishTogether(hosts);
  expect([done.status, done.stdout]).toEqual([1, '']);
  expect(log).toContain('secret@localhost');
  const said = readFileSync(path.join(second.output, 'refused.json'), 'utf8');
  expect(said).toMatch(/"code":"INVALID_ENTRY","message":"its own sources could not be read; its log says why"/);
  expect(done.stderr).toContain('refuses it: its own sources could not be read');
  expect(said + done.stderr).not.toMatch(/secret/);
});

test('a row that the second host had in another reading of the last ten minutes is right', async () => {
  const hosts = await twoHosts();
  const { publisher, second } = hosts;
  const cosigner = second.start(['cosign']);
  const ended = whenFinished(cosigner);
  expect((await publisher.run(['publish'])).status).toBe(0);
  second.rows(people(29)); // it has lost one since; the publisher still has it, and one more that both have
  publisher.rows(people(30));
  const done = await publisher.run(['publish', '--next-version', '5']);
  cosigner.kill('SIGTERM');
  await ended;
  expect([done.status, done.stderr]).toEqual([0, expect.any(String)]);
});

describe('a publisher that was taken over', () => {
  /** What is out, and a candidate of the same list that the second host would sign. */
  async function taken() {
    const hosts = await twoHosts();
    expect((await publishTogether(hosts)).done.status).toBe(0);
    const { manifest } = hosts.publisher.published(both(hosts));
    return {
      hosts,
      manifest: { ...manifest, version: 2, created: timestamp(Date.now()), expires: timestamp(Date.now() + 7 * DAY) },
    };
  }
  const offer = ({ publisher }: TwoHosts, manifest: object, type = MANIFEST_TYPE): string => {
    mkdirSync(path.join(publisher.output, 'candidate'), { recursive: true });
    const bytes = signedManifest(manifest, publisher.keys, type);
    writeFileSync(path.join(publisher.output, 'candidate', 'manifest.json'), bytes);
    return digestOfEnvelope(bytes);
  };
  const withTable = ({ publisher }: TwoHosts, rows: Iterable<string>, more: object = {}) => {
    const text = tableOf(rows);
    const wire = gzipSync(text);
    writeFileSync(path.join(publisher.output, 'recipients', `${sha256(text)}.gz`), wire);
    const count = text.toString().split('\n').length - 1;
    const table = { rows: count, bytes: text.length, sha256: sha256(text), encoding: 'gzip', wireBytes: wire.length };
    return { tables: { recipients: { ...table, ...more } } };
  };

  test('what is right is signed, once more without another signature, and never a second payload of the version', async () => {
    const { hosts, manifest } = await taken();
    const digest = offer(hosts, manifest);
    expect((await once(hosts)).stdout).toMatch(/signed version 2/);
    expect(existsSync(path.join(hosts.second.output, `${digest}.json`))).toBe(true);
    expect((await once(hosts)).stdout).toMatch(/signed before version 2/);
    const other = offer(hosts, {
      ...manifest,
      created: timestamp(Date.parse(manifest.created) - 5000),
      expires: timestamp(Date.parse(manifest.expires) - 5000),
    });
    const done = await once(hosts);
    expect([done.status, done.stderr]).toEqual([
      1,
      expect.stringMatching(/UNSIGNED: another payload of version 2 was signed here/),
    ]);
    expect(existsSync(path.join(hosts.second.output, `${other}.json`))).toBe(false);
  });

  /** So many milliseconds from now, when the case is played: others may have taken minutes before it. */
  const later = (ms: number) => timestamp(Date.now() + ms);
  type Offer = (hosts: TwoHosts, manifest: Record<string, unknown>) => object;
  const CASES: Record<string, readonly [Offer, RegExp]> = {
    'version 2^53-1': [
      (_, m) => ({ ...m, version: Number.MAX_SAFE_INTEGER }),
      /more than 100 above version 1, which is out/,
    ],
    'a version 101 above': [(_, m) => ({ ...m, version: 102 }), /it is version 102, more than 100 above version 1/],
    'the version that is out': [(_, m) => ({ ...m, version: 1 }), /another payload of version 1|version 1 is out/],
    'another list': [(_, m) => ({ ...m, name: 'example-net' }), /it is for "example-net"/],
    'a member that is not known': [(_, m) => ({ ...m, sealed: 'x' }), /the member sealed/],
    'a table that is not known': [
      (_, m) => ({ ...m, tables: { ...(m['tables'] as object), aliases: {} } }),
      /the member tables\.aliases/,
    ],
    'a shrinking that nobody allowed here': [
      (_, m) => ({ ...m, shrinkApproved: { until: later(DAY), rows: 1, domains: 1 } }),
      /it approves a shrinking .* allowed here: none/,
    ],
    'a time eleven minutes ago': [
      (_, m) => ({ ...m, created: later(-660_000), expires: later(7 * DAY - 660_000) }),
      /it was created .*, the clock here says/,
    ],
    'a time in the future': [
      (_, m) => ({ ...m, created: later(700_000), expires: later(7 * DAY + 700_000) }),
      /it was created .*, the clock here says/,
    ],
    'ninety days': [
      (_, m) => ({ ...m, expires: later(89 * DAY) }),
      /it is valid for \d+ s, valid_for is 604800 s here/,
    ],
    'a second': [
      (_, m) => ({ ...m, expires: timestamp(Date.parse(String(m['created'])) + 1000) }),
      /it is valid for 1 s/,
    ],
    'another key ring step': [(_, m) => ({ ...m, keyring: 7 }), /it names key ring step 7, expected 0/],
    'a row of its own': [
      (h, m) => ({ ...m, ...withTable(h, [...people(30), 'postmaster@example.org', 'x@example.org']) }),
      /it has 1 rows that they have not/,
    ],
    'a row less': [
      (h, m) => ({ ...m, ...withTable(h, [...people(29), 'postmaster@example.org']) }),
      /lacks 1: 1 row of example\.org/,
    ],
    'a whole domain': [
      (h, m) => ({ ...m, ...withTable(h, [...people(30), '@example.org', 'postmaster@example.org']) }),
      /it has rows for whole domains: 1 row of example\.org/,
    ],
    'no row': [(h, m) => ({ ...m, ...withTable(h, []) }), /its table has 0 rows/],
    'a table that is not there': [
      (h, m) => ({ ...m, ...withTable(h, people(3), { sha256: sha256('none') }) }),
      /is not there/,
    ],
    'a table of another length': [
      (h, m) => ({ ...m, ...withTable(h, people(3), { bytes: 7 }) }),
      /holds more than the 7 bytes/,
    ],
    'a table that is larger on the wire': [
      (h, m) => ({ ...m, ...withTable(h, people(3), { wireBytes: 7 }) }),
      /has more than the 7 bytes/,
    ],
    'another number of rows': [
      (h, m) => ({ ...m, ...withTable(h, people(3), { rows: 4 }) }),
      /its table has 3 rows, the manifest says 4/,
    ],
  };
  test.each(Object.entries(CASES))('offers %s', async (_, [make, words]) => {
    const { hosts, manifest } = await taken();
    const before = signatures(hosts.second);
    const record = readFileSync(path.join(hosts.second.stateDir, 'cosign.json'));
    offer(hosts, make(hosts, manifest));
    const done = await once(hosts);
    expect([done.status, done.stdout, done.stderr]).toEqual([1, '', expect.stringMatching(words)]);
    expect(signatures(hosts.second)).toEqual(before);
    expect(JSON.parse(readFileSync(path.join(hosts.second.stateDir, 'cosign.json'), 'utf8'))).toMatchObject({
      signed: (JSON.parse(record.toString()) as { signed: object }).signed,
    });
  });

  test('a manifest out that only its own key signed raises nothing', async () => {
    const { hosts, manifest } = await taken();
    const forged = signedManifest({ ...manifest, version: 9_000_000 }, hosts.publisher.keys);
    writeFileSync(path.join(hosts.publisher.output, 'manifest.json'), forged);
    offer(hosts, { ...manifest, version: 9_000_001 });
    expect((await once(hosts)).stderr).toMatch(/more than 100 above version [01], which is out/);
  });

  test('a candidate of another kind, and one that is no envelope', async () => {
    const { hosts, manifest } = await taken();
    offer(hosts, manifest, 'application/vnd.relaymap.keyring.v1+json');
    expect((await once(hosts)).stderr).toMatch(/UNSIGNED: the candidate's payloadType is/);
    writeFileSync(path.join(hosts.publisher.output, 'candidate', 'manifest.json'), 'no JSON');
    expect((await once(hosts)).stderr).toMatch(/UNSIGNED: .*is not UTF-8 JSON/);
  });

  test('without sources its own guard decides, until a shrinking is allowed there', async () => {
    const { hosts, manifest } = await taken();
    hosts.configure('', 'max_shrink_percent = 20', false);
    offer(hosts, { ...manifest, ...withTable(hosts, people(10)) });
    expect((await once(hosts)).stderr).toMatch(
      /21 of the 31 rows in use would go, more than 20 %: 21 rows of example\.org/,
    );
    expect((await hosts.second.run(['cosign', '--allow-shrink'])).status).toBe(0);
    const approved = { shrinkApproved: { until: timestamp(Date.now() + DAY), rows: 10, domains: 1 } };
    offer(hosts, { ...manifest, ...approved, ...withTable(hosts, people(10)) });
    expect((await once(hosts)).stdout).toMatch(/signed version 2/);
  });

  test('a record that is damaged is not an absent one', async () => {
    const { hosts, manifest } = await taken();
    writeFileSync(path.join(hosts.second.stateDir, 'cosign.json'), '{');
    offer(hosts, manifest);
    expect((await once(hosts)).stderr).toMatch(/STATE: .*cosign\.json is damaged/);
    expect(signatures(hosts.second)).toHaveLength(1);
  });
});

test('a second host that signs something else, or with another key, adds no signature', async () => {
  const hosts = await twoHosts();
  const { publisher, second } = hosts;
  expect((await publisher.run(['publish'])).status).toBe(1);
  const candidate = readFileSync(path.join(publisher.output, 'candidate', 'manifest.json'));
  const digest = digestOfEnvelope(candidate);
  const forgeries = [
    candidate,
    signedManifest({ format: 1 }, second.keys),
    Buffer.from(candidate.toString().replaceAll(publisher.keys[0]?.keyid ?? '', second.keys[0]?.keyid ?? '')),
    Buffer.alloc(200_000, 0x20),
  ];
  for (const forgery of forgeries) {
    writeFileSync(path.join(second.output, `${digest}.json`), forgery);
    const done = await publisher.run(['publish']);
    expect([done.status, done.stderr]).toEqual([1, expect.stringMatching(/UNSIGNED: version 1 has 1 of 2 signatures/)]);
  }
  expect(publisher.files().includes('manifest.json')).toBe(false);
});
