// `relaymap lookup` says what Postfix will answer: thousands of generated addresses are asked of a live smtpd, over
// the maps that our own fetch installed, and its answers are held against ours; so are the keys that we say it asks
// for, against postmap.
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Habits } from '../../src/map/lookup.ts';
import { listed, questions } from '../support/addresses.ts';
import { freePort, startGateway, type Postfix } from '../support/postfix.ts';
import { Scene } from '../support/scene.ts';
import { SmtpClient } from '../support/smtp.ts';
import { InstalledMaps, rare, said, type Verdict } from '../support/verdicts.ts';

const COUNT = 2000;
const DELIMITERS = ['', '+', '-', '+-', '=.', 'é'];

/** What an instance has otherwise than Postfix's defaults, and what that is in our words. */
const CONTRARY: { name: string; mainCf: Record<string, string>; habits: Habits }[] = [
  {
    name: 'a Postfix that has everything set the other way',
    mainCf: {
      recipient_delimiter: '+-',
      parent_domain_matches_subdomains: 'debug_peer_list,smtpd_access_maps',
      allow_untrusted_routing: 'yes',
      allow_min_user: 'yes',
      owner_request_special: 'no',
      double_bounce_sender: 'pre-owner-x',
    },
    habits: {
      delimiter: '+-',
      subdomains: false,
      untrustedRouting: true,
      leadingHyphen: true,
      ownerRequestSpecial: false,
      doubleBounce: 'pre-owner-x',
    },
  },
  {
    name: 'a Postfix without SMTPUTF8',
    mainCf: { recipient_delimiter: '-', smtputf8_enable: 'no' },
    habits: { delimiter: '-', utf8: false },
  },
];

let scene: Scene;
let gateway: Postfix;
const ports = new Map<string, number>();
const contrary: Postfix[] = [];

beforeAll(async () => {
  scene = await Scene.open({ rows: listed() });
  const { mapDir } = scene.gateway;
  const services: string[] = [];
  for (const delimiter of DELIMITERS) {
    const port = await freePort();
    ports.set(delimiter, port);
    services.push(`127.0.0.1:${port} inet n - n - - smtpd -o recipient_delimiter=${delimiter}`);
  }
  gateway = await startGateway({ mapDir, masterCf: services });
  for (const { mainCf } of CONTRARY) contrary.push(await startGateway({ mapDir, mainCf }));
});
afterAll(async () => {
  await Promise.all([gateway, ...contrary].map((postfix) => postfix?.stop()));
  await scene?.close();
});

async function byPostfix(port: number, recipients: readonly string[], utf8 = true): Promise<string[]> {
  const client = await SmtpClient.connect(port);
  const replies = await client.askMany(recipients, { utf8 });
  await client.quit();
  const verdicts = replies.map(said);
  expect(rare(verdicts)).toEqual([]);
  return verdicts;
}

/** Those of the keys that postmap finds. */
function byPostmap(postfix: Postfix, map: string, keys: Iterable<string>): Set<string> {
  const lines = execFileSync(
    '/usr/sbin/postmap',
    ['-c', postfix.configDir, '-q', '-', `cdb:${scene.gateway.mapDir}/${map}`],
    { input: [...keys, ''].join('\n'), encoding: 'utf8', maxBuffer: 1 << 26 },
  ).split('\n');
  return new Set(lines.map((line) => line.replace(/\tOK$/, '')).filter((line) => line !== ''));
}

/** Where our answers are not Postfix's, each in words; the keys that were asked for are put to postmap as well. */
function differences(asked: readonly string[], answers: readonly string[], postfix: Postfix, habits: Habits): string[] {
  const maps = new InstalledMaps(scene.gateway.mapDir);
  const differing = maps.differences(asked, answers, habits);
  for (const [name, keys] of [
    ['relay_recipients', maps.recipients] as const,
    ['relay_domains', maps.domains] as const,
  ]) {
    const found = byPostmap(postfix, name, keys.keys());
    expect(found.size).toBeGreaterThan(5);
    for (const [key, ours] of keys) if (found.has(key) !== ours) differing.push(`${key} in ${name}: ${ours}`);
  }
  return differing;
}

test.each(DELIMITERS)('no answer differs with the delimiter "%s"', async (delimiter) => {
  const asked = questions(COUNT, 1 + DELIMITERS.indexOf(delimiter));
  const answers = await byPostfix(ports.get(delimiter) ?? 0, asked);
  expect(differences(asked, answers, gateway, { delimiter })).toEqual([]);
});

describe.each(CONTRARY.map((each, which) => ({ ...each, which })))('$name', ({ mainCf, habits, which }) => {
  const utf8 = mainCf['smtputf8_enable'] !== 'no';
  const instance = (): Postfix => contrary[which] ?? gateway;

  test('no answer differs', async () => {
    const asked = questions(COUNT, 50 + which);
    const answers = await byPostfix(instance().port, asked, utf8);
    expect(differences(asked, answers, instance(), habits)).toEqual([]);
  });

  test('the command knows it from postconf, and answers alike', async () => {
    const asked = questions(COUNT, 60 + which).filter(mayBeTyped);
    const answers = await byPostfix(instance().port, asked, utf8);
    expect(await byCommand(asked, instance().env)).toEqual(asked.map((q, i) => `${q}: ${answers[i]}`));
  });
});

test('the command answers as the smtpd does, and names a row that postmap finds', async () => {
  const asked = questions(COUNT, 70).filter(mayBeTyped);
  const answers = await byPostfix(ports.get('+-') ?? 0, asked);
  const rows = new Set<string>();
  const ours = await byCommand(asked, gateway.env, ['--delimiter', '+-'], rows);
  expect(ours).toEqual(asked.map((question, i) => `${question}: ${answers[i]}`));
  expect(rows.size).toBeGreaterThan(50);
  expect([...rows].filter((row) => !byPostmap(gateway, 'relay_recipients', rows).has(row))).toEqual([]);
});

/** A word that begins with a hyphen is an option. */
const mayBeTyped = (question: string): boolean => !question.startsWith('-');

const WORDS: readonly (readonly [RegExp, Verdict])[] = [
  [/^accepted by the row /, 'accepted'],
  [/^rejected, no such recipient$/, 'unlisted'],
  [/^rejected, its domain is not a relay domain here$/, 'relay access denied'],
  [/^rejected, Postfix takes the @, ! or % .* for a route/, 'relay access denied'],
  [/^rejected, its domain is not a valid host name$/, 'bad address syntax'],
  [/^rejected, Postfix takes no local part that begins with a hyphen/, 'bad address syntax'],
];

/** What the command prints about each question, in Postfix's words; the rows that it names are added to `rows`. */
async function byCommand(
  asked: readonly string[],
  env: Readonly<Record<string, string>>,
  options: readonly string[] = [],
  rows = new Set<string>(),
): Promise<string[]> {
  const { status, stdout, stderr } = await scene.gateway.run(['lookup', ...options, ...asked], { env, mayName: true });
  expect([status, stderr]).toEqual([1, '']);
  const lines = stdout.split('\n').slice(0, -1);
  expect(lines).toHaveLength(asked.length);
  return lines.map((line, i) => {
    const question = asked[i] ?? '';
    const answer = line.startsWith(`${question}: `) ? line.slice(question.length + 2) : line;
    const row = /^accepted by the row (.*) of example-org version 1$/.exec(answer)?.[1];
    if (row !== undefined) rows.add(row);
    const verdict = WORDS.find(([words]) => words.test(answer))?.[1];
    return verdict === undefined ? line : `${question}: ${verdict}`;
  });
}
