// A gateway that has no map yet must not refuse anybody: mail waits at the sender (451). When the first bundle has
// come, Postfix has to be told once, because it does not notice a map that appears.
// Covers src/gateway/mta/postfix/commands.ts, src/gateway/mta/reload-request.ts
import { access } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Postfix, startGateway, until } from '../support/postfix.ts';
import { createSite, type Site } from '../support/site.ts';
import { answersSo, askOnce } from '../support/smtp.ts';

const present = 'alice@example.org';
const absent = 'mallory@example.org';
let site: Site;
let gateway: Postfix;

beforeAll(async () => {
  site = await createSite();
  gateway = await startGateway({ mapDir: site.mapDir });
  // As cron runs it: without the folders of Postfix's commands.
  Object.assign(site.env, gateway.env, { PATH: '/usr/bin:/bin' });
});
afterAll(async () => {
  await Promise.all([gateway?.stop(), site?.stop()]);
});

test('no map: 451 for every recipient; a fetch that fails leaves it so; after the first bundle 250 and 550, with one reload', async () => {
  expect(await codes()).toEqual([451, 451]);

  // Nothing is published yet: the fetch fails, and no map appears that would refuse everybody.
  const early = await site.relaymap('fetch', '--json');
  expect(early.status).not.toBe(0);
  await expect(access(`${site.mapDir}/relay_recipients.cdb`)).rejects.toThrow('ENOENT');
  expect(await codes()).toEqual([451, 451]);
  expect(await reloads()).toBe(0);

  const report = await site.publishAndFetch([present]);
  expect(report.outcome).toBe('installed');
  await answersSo(gateway.port, [250, 550], [present, absent]);
  await until('the reload is in the log', async () => (await reloads()) > 0);
  expect(await reloads()).toBe(1);

  // From now on renames are noticed by themselves.
  await site.publishAndFetch([present, absent]);
  expect(await codes()).toEqual([250, 250]);
  await site.fetch();
  expect(await reloads()).toBe(1);
});

async function codes(): Promise<number[]> {
  return (await askOnce(gateway.port, [present, absent])).map((reply) => reply.code);
}

async function reloads(): Promise<number> {
  return (await gateway.log(/refreshing the Postfix mail system/)).length;
}
