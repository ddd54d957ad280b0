// main.cf means relaymap's map and Postfix reads something else: a path without a type, the ending of the file, a
// type that nobody keeps, any of them behind a `$name`. `relaymap check` says what Postfix reads, and the line to type
// mends it. So it is with lists of domains that cover all or nothing, a smtpd that ends, and an open relay.
// Covers src/gateway/check, src/gateway/mta/postfix
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Finding, type Host, startHost } from '../support/host.ts';

let host: Host;
let main: string;

beforeAll(async () => {
  // Of the running trivial-rewrite: what no table names would else be deferred here, also by an open relay.
  const mainCf = { default_transport: 'discard:' };
  host = await startHost(['alice@example.org', 'bob@sub.example.org'], { mainCf });
  main = readFileSync(file(), 'utf8');
});
afterAll(() => host?.stop());
afterEach(() => writeFileSync(file(), main));

const file = (): string => path.join(host.postfix.configDir, 'main.cf');

/** Lines of main.cf in the place of those that the host has for the same parameters; `MAPS` stands for map_dir. */
function add(...lines: string[]): void {
  const names = lines.map((line) => line.split(' ')[0]);
  const rest = main.split('\n').filter((line) => !names.includes(line.split(' ')[0]));
  writeFileSync(file(), [...rest, ...lines, ''].join('\n').replaceAll('MAPS', host.site.mapDir));
}

/** The one error, beside those that follow from it. */
async function error(text: RegExp): Promise<Finding> {
  const { findings, stdout, status } = await host.check();
  const matching = findings.filter((found) => found.level === 'error' && text.test(found.text));
  expect(matching, stdout).toHaveLength(1);
  expect(status).toBe(1);
  return matching[0] as Finding;
}

async function mends({ type }: Finding): Promise<void> {
  expect(await host.type(...type)).toMatchObject({ status: 0 });
  expect((await host.check()).stdout).toBe('ok: Postfix uses the maps, and nothing is in their way\n');
}

describe('relay_recipient_maps names', () => {
  test.each([
    ['MAPS/relay_recipients', /without a type \(cdb:\) no process that asks for it starts/],
    ['cdb: MAPS/relay_recipients', /without a type \(cdb:\) no process that asks for it starts/],
    ['cdb:MAPS/relay_recipients.cdb', /adds the ending itself, and looks for .*relay_recipients\.cdb\.cdb/],
    ['texthash:MAPS/relay_recipients', /relaymap keeps no table of the type texthash/],
  ])('%s', async (value, why) => {
    add(`relay_recipient_maps = ${value}`);
    await mends(await error(why));
  });

  test('another type behind a $name, and the words that are right stay as they are written', async () => {
    add('myhostname = hash:', 'relay_recipient_maps = ${myhostname}MAPS/relay_recipients, inline:{$mydomain=x}');
    const found = await error(/names hash:.*, and relaymap writes cdb: nobody keeps .*relay_recipients\.db/);
    expect(found.type[0]).toMatch(/relay_recipient_maps = cdb:[^$]*, inline:\{\$mydomain=x\}'$/);
  });

  test('our map behind proxy:, which stands in another parameter', async () => {
    add('myhostname = proxy:cdb:', 'relay_recipient_maps = ${myhostname}MAPS/relay_recipients');
    const { findings, stdout } = await host.check();
    const found = findings.find(({ text }) => /the proxy keeps the table open/.test(text));
    expect(found?.type[0], stdout).toMatch(/'?relay_recipient_maps = cdb:/);
  });

  test('a static table in an expression that cannot be parted: its words are taken as they expand', async () => {
    add('relay_recipient_maps = ${myhostname?{cdb:MAPS/relay_recipients, static:all}}');
    await mends(await error(/holds static:all/));
  });
});

describe('relay_domains', () => {
  test('is the text beside the map: its values are no domains', async () => {
    add('relay_domains = MAPS/relay_domains');
    await mends(await error(/without a type it is a list of words/));
  });

  test('has a table that matches any domain', async () => {
    add('relay_domains = cdb:MAPS/relay_domains static:all');
    await mends(await error(/names static:all, which matches any domain/));
  });

  test('has a *, which is no pattern', async () => {
    add('relay_domains = cdb:MAPS/relay_domains *.example.org');
    const { findings, stdout } = await host.check();
    expect(
      findings.map(({ level }) => level),
      stdout,
    ).toEqual(['warning']);
    expect(findings[0]?.text).toMatch(/names \*\.example\.org: .* no pattern, so it covers nothing/);
    await mends(findings[0] as Finding);
  });
});

test('a smtpd that ends at once: no mail is taken, and that is no want of rights', async () => {
  add('smtpd_relay_restrictions =', 'smtpd_recipient_restrictions =');
  const found = await error(/its smtpd hung up before it answered/);
  const { stdout } = await host.type(...found.type);
  expect(stdout).toMatch(/fatal: in parameter smtpd_relay_restrictions or smtpd_recipient_restrictions/);
});

test('an open relay, by mynetworks', async () => {
  add('mynetworks = 0.0.0.0/0', 'smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination');
  const { type } = await error(/takes mail of a stranger .* open relay/);
  expect(type).toEqual([expect.stringMatching(/^postconf mynetworks/)]);
});
