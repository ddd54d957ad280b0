// An address that the list lacks and a local table beside it has: Postfix accepts it, and lookup says so.
import { appendFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Postfix, startGateway } from '../support/postfix.ts';
import { createSite, type Site } from '../support/site.ts';
import { answersSo } from '../support/smtp.ts';

let site: Site;
let postfix: Postfix;
beforeAll(async () => {
  site = await createSite();
  await site.publishAndFetch(['alice@example.org']);
  postfix = await startGateway({
    mapDir: site.mapDir,
    mainCf: {
      relay_recipient_maps: `cdb:${site.mapDir}/relay_recipients, texthash:{dir}/local`,
      virtual_alias_maps: 'texthash:{dir}/aliases',
      recipient_delimiter: '+',
    },
    files: { local: 'new@example.org OK\n', aliases: 'alias@example.org alice@example.org\n' },
  });
  Object.assign(site.env, postfix.env);
});
afterAll(() => Promise.all([postfix?.stop(), site?.stop()]));

test('lookup answers as Postfix does, and names the table', async () => {
  const asked = ['alice', 'new', 'new+tag', 'alias', 'nobody'].map((name) => `${name}@example.org`);
  await answersSo(postfix.port, [250, 250, 250, 250, 550], asked);
  const { status, stdout } = await site.relaymap('lookup', ...asked);
  expect([status, stdout.trimEnd().split('\n')]).toEqual([
    1,
    [
      'alice@example.org: accepted by the row alice@example.org of example-org version 1',
      expect.stringMatching(
        /^new@.*: accepted by the row new@example\.org of texthash:.*\/local \(relay_recipient_maps\), /,
      ),
      expect.stringMatching(/^new\+tag@.*: accepted by the row new@example\.org of texthash:/),
      expect.stringMatching(
        /^alias@.*: accepted by the row alias@example\.org of texthash:.* \(virtual_alias_maps\), /,
      ),
      'nobody@example.org: rejected, no such recipient',
    ],
  ]);
});

test('while Postfix defers unknown recipients lookup says deferred, and by which parameter', async () => {
  appendFileSync(path.join(postfix.configDir, 'main.cf'), 'unknown_relay_recipient_reject_code = 450\n');
  await postfix.reload();
  await answersSo(postfix.port, [450], ['nobody@example.org']);
  const { status, stdout } = await site.relaymap('lookup', 'nobody@example.org');
  expect([status, stdout]).toEqual([
    1,
    'nobody@example.org: deferred, no such recipient (unknown_relay_recipient_reject_code = 450)\n',
  ]);
});
