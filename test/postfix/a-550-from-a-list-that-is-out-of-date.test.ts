// A list that nobody has confirmed for too long rejects nobody for good: Postfix defers unknown recipients and goes on
// accepting known ones. One rename switches it, without a reload. What else turns into 450 by it is tried here as
// docs/commands.md section 2.6 has it.
// Covers src/bin/gateway/stale-command.ts, src/gateway/stale, src/gateway/cycle/keep-stale-map.ts
// Covers src/gateway/check/stale.ts, src/gateway/record/stale-record.ts
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clockAt } from '../support/clock.ts';
import { Endpoint } from '../support/endpoint.ts';
import { Forger } from '../support/forger.ts';
import { Gateway, type BundleSetup } from '../support/gateway.ts';
import { type Postfix, startGateway } from '../support/postfix.ts';
import { answersSo, askOnce } from '../support/smtp.ts';

const A = 'alice@a.example';
const B = 'bob@b.example';
const SHARED = 'carol@shared.example';
const [NO_A, NO_B, NO_SHARED] = ['nobody@a.example', 'nobody@b.example', 'nobody@shared.example'];
const FOREIGN = 'someone@foreign.example';
const STALE = '[stale]\nafter = "1h"';

let a: Forger;
let b: Forger;
let endA: Endpoint;
let endB: Endpoint;
let gateway: Gateway;
let postfix: Postfix;
let bundles: BundleSetup[];
let check: string;

beforeAll(async () => {
  [a, b] = [new Forger('org-a'), new Forger('org-b')];
  [endA, endB] = [await Endpoint.start(a.files), await Endpoint.start(b.files)];
  gateway = new Gateway();
  bundles = [
    { name: 'org-a', urls: [endA.url], keys: a.signers, lines: 'domains = ["a.example", "shared.example"]' },
    { name: 'org-b', urls: [endB.url], keys: b.signers, lines: 'domains = ["b.example", "shared.example"]' },
  ];
  gateway.configure(bundles, STALE);
  a.publish([A, SHARED]);
  b.publish([B, SHARED]);
  check = `check_recipient_access cdb:${gateway.mapDir}/stale_domains`;
  postfix = await startGateway({ mapDir: gateway.mapDir, mainCf: { smtpd_recipient_restrictions: check } });
  expect((await gateway.fetch([], { env: postfix.env })).outcome).toBe('installed');
  await answersSo(postfix.port, [250, 550], [A, NO_A]);
});
afterAll(async () => {
  await Promise.all([postfix?.stop(), endA?.stop(), endB?.stop()]);
  gateway?.remove();
});

const run = (args: string[], clock = '+0') =>
  gateway.run(args, { env: { ...postfix.env, ...clockAt(clock) }, mayName: true });
const fetch = (clock = '+0') => gateway.fetch([], { env: { ...postfix.env, ...clockAt(clock) } });
const rows = () => readFileSync(path.join(gateway.mapDir, 'stale_domains'), 'utf8').split('\n').slice(0, -1);
const deferred = (...domains: string[]) =>
  domains.map((domain) => `${domain}\tDEFER_IF_REJECT 4.3.0 recipient list out of date`);
const reloads = async () => (await postfix.log(/refreshing the Postfix mail system/)).length;

async function codes(recipients: string[]): Promise<number[]> {
  return (await askOnce(postfix.port, recipients)).map(({ code }) => code);
}

/** Has main.cf say this and waits for these answers: after a reload one process of before may still answer. */
async function restricted(value: string, codes: number[], recipients: string[], more: Record<string, string> = {}) {
  const settings = { ...PLAIN, smtpd_recipient_restrictions: value, ...more };
  const lines = Object.entries(settings).map(([name, is]) => `${name}=${is}`);
  execFileSync('postconf', ['-c', postfix.configDir, '-e', ...lines]);
  await postfix.reload();
  await answersSo(postfix.port, codes, recipients);
}
const PLAIN = {
  mynetworks: '',
  smtpd_relay_restrictions: 'reject_unauth_destination',
  smtpd_sender_restrictions: '',
};

test('fresh, dead daemon, one of two, central side back: known ones are accepted all the while, without a reload', async () => {
  const all = [A, NO_A, B, NO_B, SHARED, NO_SHARED, FOREIGN];
  const before = await reloads();
  expect(rows()).toEqual(['none.invalid\tDUNNO']);
  expect(await codes(all)).toEqual([250, 550, 250, 550, 250, 550, 554]);

  // Nothing runs but the timer.
  expect((await run(['stale'], '+59m')).status).toBe(0);
  expect(await codes(all)).toEqual([250, 550, 250, 550, 250, 550, 554]);
  const dead = await run(['stale'], '+2h');
  expect([dead.status, dead.stdout]).toEqual([
    0,
    'org-a, org-b: out of date; unknown recipients of 3 domains are deferred\n',
  ]);
  expect(rows()).toEqual(deferred('a.example', 'b.example', 'shared.example'));
  expect(await codes(all)).toEqual([250, 450, 250, 450, 250, 450, 554]);
  const [reply] = await askOnce(postfix.port, [NO_A]);
  expect(reply?.text).toBe(`4.3.0 <${NO_A}>: Recipient address rejected: recipient list out of date`);

  // One of them is confirmed again: what both name stays deferred.
  endA.misbehaviour = ({ connection }) => void connection.destroy();
  await fetch('+2h');
  expect(rows()).toEqual(deferred('a.example', 'shared.example'));
  expect(await codes(all)).toEqual([250, 450, 250, 550, 250, 450, 554]);

  endA.misbehaviour = null;
  await fetch('+2h');
  expect(rows()).toEqual(['none.invalid\tDUNNO']);
  expect(await codes(all)).toEqual([250, 550, 250, 550, 250, 550, 554]);
  await fetch();
  expect(await reloads()).toBe(before);
});

describe('what else of the answers turns into 450 for these domains', () => {
  const STRANGER = 'stranger@sender.invalid'; // the sender of all questions
  beforeAll(async () => {
    writeFileSync(path.join(postfix.configDir, 'deny'), `${STRANGER} REJECT no\n`);
    execFileSync('postmap', ['-c', postfix.configDir, `cdb:${postfix.configDir}/deny`]);
    expect((await run(['stale'], '+2h')).status).toBe(0);
  });
  afterAll(async () => {
    expect((await run(['stale'])).status).toBe(0);
    await restricted(check, [250, 550], [A, NO_A]);
  });
  const deny = () => `check_sender_access cdb:${postfix.configDir}/deny`;

  test.each([
    ['an explicit reject_unlisted_recipient behind it', () => `${check}, reject_unlisted_recipient`, [250, 450], {}],
    ['one before it goes on to say 550', () => `reject_unlisted_recipient, ${check}`, [250, 550], {}],
    ['a check that rejects behind it, for known recipients too', () => `${check}, ${deny()}`, [450, 450], {}],
    ['one before it goes on to say 554', () => `${deny()}, ${check}`, [554, 554], {}],
    [
      'behind permit_mynetworks such clients get 550',
      () => `permit_mynetworks, ${check}`,
      [250, 550],
      { mynetworks: '127.0.0.0/8' },
    ],
    ['before it, 450', () => `${check}, permit_mynetworks`, [250, 450], { mynetworks: '127.0.0.0/8' }],
    [
      'an unlisted check of an earlier list',
      () => check,
      [250, 550],
      { smtpd_sender_restrictions: 'reject_unlisted_recipient' },
    ],
  ] as [string, () => string, number[], Record<string, string>][])('%s', async (_, value, answers, more) => {
    await restricted(value(), answers, [A, NO_A], more);
  });

  test('a domain below one that is out of date; and without smtpd_access_maps among the parents not', async () => {
    const below = 'nobody@sub.a.example';
    await restricted(check, [450], [below]);
    await restricted(check, [550], [below], { parent_domain_matches_subdomains: 'relay_domains' });
    execFileSync('postconf', ['-c', postfix.configDir, '-X', 'parent_domain_matches_subdomains']);
  });
});

describe('check', () => {
  const found = async () => (await run(['check'])).stdout.replaceAll(/\s+/g, ' ');

  test.each([
    [
      'it is not asked',
      () => '',
      /does not ask stale_domains.*postconf -e 'smtpd_recipient_restrictions = check_recipient_access cdb:/,
    ],
    [
      'it is asked too late',
      () => `reject_unlisted_recipient, ${check}`,
      /reject_unlisted_recipient is asked before stale_domains/,
    ],
    ['a permit is before it', () => `permit, ${check}`, /permit stands before stale_domains/],
    ['some are let past', () => `permit_mynetworks, ${check}`, /note: Clients that permit_mynetworks lets past/],
    ['another type is asked', () => check.replace('cdb:', 'hash:'), /relaymap writes cdb: nobody keeps/],
  ])('%s: it says so', async (_, value, finding) => {
    execFileSync('postconf', ['-c', postfix.configDir, '-e', `smtpd_recipient_restrictions=${value()}`]);
    expect(await found()).toMatch(finding);
  });

  test('asked as it should be: nothing is found', async () => {
    await restricted(check, [250, 550], [A, NO_A]);
    expect(await found()).not.toContain('stale_domains');
  });
});

describe('init', () => {
  const init = (...more: string[]) =>
    run(['init', '--name', 'org-a', '--url', endA.url, '--key', path.join(gateway.keyDir('org-a'), '0.pub'), ...more]);

  test('names the map where [stale] is set, before what would defeat it, and changes nothing the second time', async () => {
    await restricted('permit_mynetworks, reject_unlisted_recipient, permit', [250, 550], [A, NO_A]);
    const { stdout } = await init('--apply');
    expect(stdout).toContain(
      `postconf -e 'smtpd_recipient_restrictions = permit_mynetworks, ${check}, reject_unlisted_recipient, permit'`,
    );
    expect(stdout).toContain("smtpd_recipient_restrictions = permit_mynetworks, reject_unlisted_recipient, permit'");
    expect(await postfix.postconf('smtpd_recipient_restrictions')).toContain(check);
    expect((await init('--apply')).stdout).toContain('nothing to change');
    await restricted(check, [250, 550], [A, NO_A]);
  });

  test('without [stale] it does not name it', async () => {
    await restricted('', [250, 550], [A, NO_A]);
    gateway.configure(bundles);
    expect((await init()).stdout).not.toContain('stale_domains');
    gateway.configure(bundles, STALE);
    await restricted(check, [250, 550], [A, NO_A]);
  });
});

test('lookup says what Postfix says: deferred, or rejected where Postfix does not ask', async () => {
  await run(['stale'], '+2h');
  const asked = await run(['lookup', A, NO_A, 'x@sub.a.example', FOREIGN]);
  expect([asked.status, asked.stdout.split('\n').slice(1, 4)]).toEqual([
    1,
    [
      `${NO_A}: deferred (450), no such recipient, and the list of its domain is out of date`,
      'x@sub.a.example: deferred (450), no such recipient, and the list of its domain is out of date',
      `${FOREIGN}: rejected, its domain is not a relay domain here`,
    ],
  ]);
  execFileSync('postconf', ['-c', postfix.configDir, '-e', 'smtpd_recipient_restrictions=']);
  expect((await run(['lookup', NO_A])).stdout).toContain('rejected, no such recipient; the list of its domain is');
  await restricted(check, [250, 450], [A, NO_A]);
  await run(['stale']);
});

test('health: a warning while it is out of date, CRITICAL where the map is damaged or Postfix stops asking', async () => {
  const health = async (clock: string) => (await run(['health'], clock)).stdout;
  await fetch(); // sees that Postfix asks
  expect(await health('+0')).toContain('RELAYMAP OK');
  expect(await health('+2h')).toContain('stale_domains does not say so');
  await run(['stale'], '+2h');
  expect(await health('+2h')).toMatch(/WARNING.*out of date: unknown recipients of its domains are deferred/s);
  expect(await health('+2h')).not.toContain('does not say so');
  await run(['stale']);

  const file = path.join(gateway.mapDir, 'stale_domains.cdb');
  const good = readFileSync(file);
  writeFileSync(file, good.subarray(0, 100));
  expect(await health('+0')).toMatch(/CRITICAL.*map damaged: stale_domains.cdb has 100 bytes/s);
  expect((await run(['stale'])).status).toBe(0);
  expect(readFileSync(file)).toEqual(good);
  expect(await health('+0')).toContain('RELAYMAP OK');

  await fetch();
  execFileSync('postconf', ['-c', postfix.configDir, '-e', 'smtpd_recipient_restrictions=']);
  await fetch();
  expect(await health('+0')).toMatch(/CRITICAL.*no longer asks the map stale_domains/s);
  await restricted(check, [250, 550], [A, NO_A]);
  await fetch();
  expect(await health('+0')).toContain('RELAYMAP OK');
});

test('a map that was taken away comes back, and Postfix is told', async () => {
  const before = await reloads();
  for (const name of ['stale_domains', 'stale_domains.cdb']) rmSync(path.join(gateway.mapDir, name));
  await postfix.reload();
  await answersSo(postfix.port, [451], [A]);
  expect((await run(['stale'])).status).toBe(0);
  await answersSo(postfix.port, [250, 550], [A, NO_A]);
  expect(existsSync(path.join(gateway.mapDir, 'stale_domains.cdb'))).toBe(true);
  expect(await reloads()).toBe(before + 2);
});

test('the first cycle fails: the map is there all the same, and defers nobody', async () => {
  const alone = new Gateway();
  try {
    alone.configure([{ name: 'org-a', urls: ['https://127.0.0.1:9/'], keys: a.signers }], STALE);
    expect(await alone.fetch()).toMatchObject({ status: 2 });
    expect(readFileSync(path.join(alone.mapDir, 'stale_domains'), 'utf8')).toBe('none.invalid\tDUNNO\n');
    expect(existsSync(path.join(alone.mapDir, 'stale_domains.cdb'))).toBe(true);
    expect(existsSync(path.join(alone.mapDir, 'relay_recipients.cdb'))).toBe(false);
  } finally {
    alone.remove();
  }
});
