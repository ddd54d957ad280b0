// A next hop from the central side's sources to where Postfix sends the mail: rows of a file and of a database are
// published and fetched, and mail for each domain arrives at the host that was named for it, and at no other.
// Covers src/publisher/transport, src/publisher/sources/postfix-map.ts
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Postfix, startGateway, startPrimary, until } from '../support/postfix.ts';
import { createSite, type Site } from '../support/site.ts';
import { answersSo, SmtpClient } from '../support/smtp.ts';
import { startSqlite, type Database } from './databases.ts';

const ORG = 'alice@example.org';
const NET = 'bob@example.net';
let site: Site;
let gateway: Postfix;
let first: Postfix;
let second: Postfix;
let database: Database;

beforeAll(async () => {
  site = await createSite({
    bundleToml: 'domains = ["example.org", "example.net"]\nnext_hops = ["127.0.0.0/8"]',
  });
  const primary = { domains: ['example.org', 'example.net'], mailboxes: [ORG, NET] };
  [first, second] = [await startPrimary(primary), await startPrimary(primary)];
  database = startSqlite();
  gateway = await startGateway({
    mapDir: site.mapDir,
    mainCf: { transport_maps: `cdb:${site.mapDir}/transport`, relay_transport: 'retry:4.4.1 no next hop' },
  });
  Object.assign(site.env, gateway.env);
});
afterAll(async () => {
  await Promise.all([gateway, first, second, site, database].map((each) => each?.stop()));
});

const hops = () => path.join(site.dir, 'next-hops');
const delivered = async (postfix: Postfix, to: string) =>
  (await postfix.log(new RegExp(`to=<${to}>.*status=sent`))).length;

async function send(to: string): Promise<void> {
  const client = await SmtpClient.connect(gateway.port);
  await client.mail('stranger@sender.invalid');
  expect((await client.rcpt(to)).code).toBe(250);
  expect((await client.data('Subject: hello\n\nhello')).code).toBe(250);
  await client.quit();
}

test('mail for each domain goes to its own host; another next hop takes effect without a reload', async () => {
  await database.create(
    'hops',
    `CREATE TABLE domain (domain TEXT, transport TEXT, active INTEGER);
     INSERT INTO domain VALUES ('example.net', 'relay:[127.0.0.1]:${second.port}', 1), ('off.example', 'relay:[127.0.0.1]:1', 0);`,
  );
  writeFileSync(hops(), `example.org\t[127.0.0.1]:${first.port}\n`);
  const sources = [
    `[[source]]\ntype = "file"\npath = "${hops()}"\ntable = "transport"\n`,
    `[[source]]\ntype = "sql"\nurl = "${database.url('hops')}"\npreset = "postfixadmin"\ntable = "transport"\n`,
  ];
  writeFileSync(site.publisherConfig, `${readFileSync(site.publisherConfig, 'utf8')}\n${sources.join('\n')}`);
  await site.publishAndFetch([ORG, NET]);
  expect(readFileSync(path.join(site.mapDir, 'transport'), 'utf8').trim().split('\n')).toEqual([
    `example.net\trelay:[127.0.0.1]:${second.port}`,
    `example.org\trelay:[127.0.0.1]:${first.port}`,
  ]);
  await answersSo(gateway.port, [250, 250, 550], [ORG, NET, 'nobody@example.org']);
  for (const to of [ORG, NET]) await send(to);
  await until('both are delivered', async () => (await delivered(first, ORG)) + (await delivered(second, NET)) === 2);
  expect([await delivered(first, NET), await delivered(second, ORG)]).toEqual([0, 0]);

  writeFileSync(hops(), `example.org\t[127.0.0.1]:${second.port}\n`);
  const { stdout } = await site.relaymapPublish('publish', '--dry-run');
  expect(stdout).toContain(`+example.org -> [127.0.0.1]:${second.port}`);
  await site.publishAndFetch([ORG, NET]);
  const reloads = (await gateway.log(/refreshing/)).length;
  await until('the other host gets it', async () => {
    await send(ORG);
    return (await delivered(second, ORG)) > 0;
  });
  expect((await gateway.log(/refreshing/)).length).toBe(reloads);
});
