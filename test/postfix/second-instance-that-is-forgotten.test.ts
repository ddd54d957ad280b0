// Two instances of Postfix use the same maps: both are reloaded when a map appears, and health tells of the one
// whose main.cf was written anew without the maps, of one that asks in an access check only too.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Postfix, startGateway } from '../support/postfix.ts';
import { createSite, type Site } from '../support/site.ts';
import { answersSo } from '../support/smtp.ts';

const RECIPIENTS = ['alice@example.org', 'nobody@example.org'];
let site: Site;
let first: Postfix;
let second: Postfix;

beforeAll(async () => {
  site = await createSite();
  first = await startGateway({ mapDir: site.mapDir });
  second = await startGateway({
    mapDir: site.mapDir,
    mainCf: {
      relay_recipient_maps: '',
      smtpd_restriction_classes: 'listed',
      listed: `check_recipient_access cdb:${site.mapDir}/relay_recipients, reject`,
      smtpd_recipient_restrictions: 'listed',
    },
  });
  const toml = readFileSync(site.gatewayConfig, 'utf8');
  const instances = JSON.stringify([first.configDir, second.configDir]);
  writeFileSync(site.gatewayConfig, `${toml}\n[mta]\ninstances = ${instances}\n`);
});
afterAll(() => Promise.all([first?.stop(), second?.stop(), site?.stop()]));

const health = async (): Promise<{ status: string; bundles: { reasons: string[] }[] }> =>
  JSON.parse((await site.relaymap('health', '--json')).stdout) as Awaited<ReturnType<typeof health>>;

test('a map appears: both are reloaded', async () => {
  for (const { port } of [first, second]) await answersSo(port, [451], ['alice@example.org']);
  await site.publishAndFetch(['alice@example.org']);
  await answersSo(first.port, [250, 550], RECIPIENTS);
  await answersSo(second.port, [250, 554], RECIPIENTS);
  expect((await health()).status).toBe('ok');
});

test.each([
  ['the first', () => first, /^relay_recipient_maps = .*$/m],
  ['the second', () => second, /^smtpd_recipient_restrictions = .*$/m],
])('%s is written anew without the map: CRITICAL after the next cycle, and OK when it is back', async (_, of, line) => {
  const { configDir } = of();
  const file = path.join(configDir, 'main.cf');
  const before = readFileSync(file, 'utf8');
  writeFileSync(file, before.replace(line, ''));
  await site.fetch();
  const { status, bundles } = await health();
  expect(status).toBe('critical');
  expect(bundles[0]?.reasons).toEqual([
    expect.stringMatching(new RegExp(`^Postfix \\(${configDir}\\) no longer asks the map relay_recipients, as it did`)),
  ]);
  writeFileSync(file, before);
  await site.fetch();
  expect((await health()).status).toBe('ok');
});
