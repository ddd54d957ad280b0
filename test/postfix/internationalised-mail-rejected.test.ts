// Mail to internationalised addresses: a live smtpd takes it for both forms of a domain and in any case of the
// letters, refuses whom the list does not know, and says what Postfix says to a client that has not asked for
// SMTPUTF8.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startGateway, startPrimary, until, type Postfix } from '../support/postfix.ts';
import { createSite, type Site } from '../support/site.ts';
import { SmtpClient } from '../support/smtp.ts';

const ROWS = [
  'info@bücher.example',
  'alice@example.org',
  'ärger@bücher.example',
  'ärger@example.org',
  'straße@example.org',
  'ὀδυσσεύς@example.org',
  'i\u0307stanbul@example.org',
  'info@straße.example',
];
let site: Site;
let primary: Postfix;
let gateway: Postfix;

beforeAll(async () => {
  site = await createSite({ postmaster: false });
  await site.publishAndFetch(ROWS);
  primary = await startPrimary({
    domains: ['bücher.example', 'xn--bcher-kva.example', 'example.org'],
    mailboxes: ['ärger@bücher.example', 'info@xn--bcher-kva.example', 'strasse@example.org'],
  });
  gateway = await startGateway({ mapDir: site.mapDir, relayTo: primary.port });
});
afterAll(async () => {
  await Promise.all([gateway?.stop(), primary?.stop(), site?.stop()]);
});

async function ask(recipients: readonly string[], utf8: boolean): Promise<string[]> {
  const client = await SmtpClient.connect(gateway.port);
  const replies = await client.askMany(recipients, { utf8 });
  await client.quit();
  return replies.map(({ code, text }) => `${code} ${text.replace(/<[^>]*>: /, '')}`);
}
const all = <T>(of: readonly unknown[], what: T): T[] => of.map(() => what);

const OK = '250 2.1.5 Ok';
const UNKNOWN = '550 5.1.1 Recipient address rejected: User unknown in relay recipient table';
const DENIED = '554 5.7.1 Relay access denied';
const SYNTAX = '501 5.1.3 Bad recipient address syntax';

const KNOWN: Record<string, string[]> = {
  'both forms of the domain, in any case': [
    'info@bücher.example',
    'INFO@BÜCHER.EXAMPLE',
    'info@xn--bcher-kva.example',
    'Info@XN--BCHER-KVA.Example',
    'ÄRGER@bücher.example',
    'ÄRGER@xn--bcher-kva.example',
    'ärger@BÜCHER.example',
  ],
  'a local part beyond ASCII under an ASCII domain': ['ärger@example.org', 'ÄRGER@EXAMPLE.ORG', '"ÄRger"@example.org'],
  'sharp s, its capital, and what it folds to': ['straße', 'STRASSE', 'STRAẞE', 'Strasse', 'straſſe'].map(
    (l) => `${l}@example.org`,
  ),
  'final sigma': ['ὀδυσσεύς', 'ὈΔΥΣΣΕΎΣ', 'ὀδυσσεύσ'].map((l) => `${l}@example.org`),
  'a capital I with a dot': ['İstanbul', 'İSTANBUL', 'i\u0307STANBUL'].map((l) => `${l}@example.org`),
};
const STRANGERS = [
  'nobody@bücher.example',
  'NOBODY@BÜCHER.EXAMPLE',
  'nobody@xn--bcher-kva.example',
  'alice@bücher.example',
  'info@www.bücher.example',
  'info@www.xn--bcher-kva.example',
  'örger@bücher.example',
  'argerr@example.org',
  'arger@example.org',
  'a\u0308rger@example.org', // the same to look at, but nothing is normalised
  'strase@example.org',
  'istanbul@example.org',
  'ıstanbul@example.org',
  'οδυσσευς@example.org',
];
const ELSEWHERE = [
  'info@bucher.example',
  'info@buecher.example',
  'info@xn--bcher-kvb.example',
  'info@bu\u0308cher.example',
];

describe('a client that says SMTPUTF8', () => {
  test.each(Object.entries(KNOWN))('is let in: %s', async (_name, recipients) => {
    expect(await ask(recipients, true)).toEqual(all(recipients, OK));
  });

  test('is told that nobody else is known, whatever they look like', async () => {
    expect(await ask(STRANGERS, true)).toEqual(all(STRANGERS, UNKNOWN));
  });

  test('is not relayed to a domain that merely looks alike', async () => {
    expect(await ask(ELSEWHERE, true)).toEqual(all(ELSEWHERE, DENIED));
  });

  test('reaches a domain with a sharp s by all its names, and by the one that Postfix folds it to', async () => {
    const names = ['straße.example', 'STRAẞE.example', 'xn--strae-oqa.example', 'strasse.example'];
    expect(
      await ask(
        names.map((name) => `info@${name}`),
        true,
      ),
    ).toEqual(all(names, OK));
    expect(
      await ask(
        names.map((name) => `nobody@${name}`),
        true,
      ),
    ).toEqual(all(names, UNKNOWN));
  });

  test('has its mail delivered', async () => {
    const client = await SmtpClient.connect(gateway.port);
    const recipients = ['ÄRGER@bücher.example', 'info@xn--bcher-kva.example', 'STRAßE@example.org'];
    for (const recipient of recipients) {
      expect((await client.mail('jürgen@sender.invalid', { utf8: true })).code).toBe(250);
      expect((await client.rcpt(recipient)).code).toBe(250);
      expect((await client.data('Subject: Grüße\n\nIn Ordnung.\n')).code).toBe(250);
    }
    await client.quit();
    const delivered = async (postfix: Postfix) =>
      (await postfix.log(/: to=<.*status=/))
        .map((line) => / to=<(.*?)>.* status=(\w+)/.exec(line)?.slice(1).join(' ') ?? line)
        .sort();
    const expected = recipients.map((recipient) => `${recipient} sent`).sort();
    await until('the primary has all of it', async () => (await delivered(primary)).length >= recipients.length);
    await until('it has left the gateway', async () => (await gateway.queue()).length === 0);
    await until('its log says so', async () => (await delivered(gateway)).length >= recipients.length);
    expect(await delivered(primary)).toEqual(expected);
    expect(await delivered(gateway)).toEqual(expected);
  });
});

describe('a client that does not', () => {
  test('is told that a domain beyond ASCII is bad syntax, whoever the recipient is', async () => {
    const recipients = ['info@bücher.example', 'ÄRGER@bücher.example', 'nobody@bücher.example', ...ELSEWHERE.slice(-1)];
    expect(await ask(recipients, false)).toEqual(all(recipients, SYNTAX));
  });

  test('reaches the same mailboxes by the A-labels', async () => {
    const recipients = ['info@xn--bcher-kva.example', 'INFO@XN--BCHER-KVA.EXAMPLE', 'info@xn--strae-oqa.example'];
    expect(await ask(recipients, false)).toEqual(all(recipients, OK));
    expect(await ask(['nobody@xn--bcher-kva.example'], false)).toEqual([UNKNOWN]);
  });

  test('has a local part beyond ASCII folded and looked up all the same', async () => {
    const recipients = Object.values(KNOWN)
      .flat()
      .filter((recipient) => !/[^\u0000-\u007f]/.test(recipient.split('@')[1] ?? ''));
    expect(await ask(recipients, false)).toEqual(all(recipients, OK));
    expect(await ask(['örger@example.org', 'ärger@xn--bcher-kvb.example'], false)).toEqual([UNKNOWN, DENIED]);
  });
});
