// What the whole project is for: a gateway that does not know the recipients takes mail for unknown ones, must
// bounce it when the primary refuses, and so writes to the forged senders of spam. With the map it refuses at its
// own door.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Postfix, startGateway, startPrimary, until } from '../support/postfix.ts';
import { createSite, type Site } from '../support/site.ts';
import { SmtpClient } from '../support/smtp.ts';

const mailboxes = ['alice@example.org', 'bob@example.org', 'postmaster@example.org'];
const running: { stop(): Promise<void> }[] = [];
let site: Site;
let primary: Postfix;

beforeAll(async () => {
  site = started(await createSite());
  primary = started(await startPrimary({ domains: ['example.org'], mailboxes }));
  await site.publishAndFetch(mailboxes);
});
afterAll(async () => {
  await Promise.all(running.map((server) => server.stop()));
});

test('without the map, 100 forged messages to unknown mailboxes end as 100 bounces in the queue', async () => {
  const mainCf = { relay_recipient_maps: '' };
  const gateway = started(await startGateway({ mapDir: site.mapDir, relayTo: primary.port, mainCf }));

  const replies = await sendForged(gateway, 100);
  expect(replies).toEqual(Array(100).fill('RCPT 250, DATA 250'));

  // The bounces cannot leave: no mail leaves this machine, so the senders' domain is deferred and each bounce stays
  // to be counted.
  const queue = await until('only bounces are left in the queue', async () => {
    const queue = await gateway.queue();
    return queue.length >= 100 && queue.every((message) => message.queue === 'deferred') && queue;
  });
  expect(queue.every((message) => message.sender === 'MAILER-DAEMON')).toBe(true);
  expect(queue.flatMap((message) => message.recipients).sort()).toEqual(numbered(100, forgedSender).sort());
  expect(await primary.queue()).toEqual([]);
});

test('with the map, 100 times 550 and nothing in the queue', async () => {
  const gateway = started(await startGateway({ mapDir: site.mapDir, relayTo: primary.port }));

  const replies = await sendForged(gateway, 100);
  expect(replies).toEqual(Array(100).fill('RCPT 550, DATA 554'));

  // The gateway is no wall: mail for a known mailbox reaches the primary, and leaves nothing behind either.
  const client = await SmtpClient.connect(gateway.port);
  expect((await client.mail('someone@sender.invalid')).code).toBe(250);
  expect((await client.rcpt('alice@example.org')).code).toBe(250);
  expect((await client.data('Subject: hello\n\nhello')).code).toBe(250);
  await client.quit();
  await until(
    'the primary has the mail',
    async () => (await primary.log(/: to=<alice@example\.org>.*status=sent/)).length === 1,
  );
  await until('the queue is empty', async () => (await gateway.queue()).length === 0);
  expect(await gateway.log(/: to=<nobody/)).toEqual([]);
  expect(await primary.queue()).toEqual([]);
});

function started<T extends { stop(): Promise<void> }>(server: T): T {
  running.push(server);
  return server;
}

function forgedSender(i: number): string {
  return `victim-${i}@forged.invalid`;
}

function numbered<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

/** One message a time to mailboxes that nobody has; what the gateway said to each. */
async function sendForged(gateway: Postfix, count: number): Promise<string[]> {
  const client = await SmtpClient.connect(gateway.port);
  const replies: string[] = [];
  for (let i = 0; i < count; i++) {
    expect((await client.mail(forgedSender(i))).code).toBe(250);
    const rcpt = await client.rcpt(`nobody-${i}@example.org`);
    const data = await client.data('Subject: you have won\n\nClick here.');
    replies.push(`RCPT ${rcpt.code}, DATA ${data.code}`);
    await client.rset();
  }
  await client.quit();
  return replies;
}
