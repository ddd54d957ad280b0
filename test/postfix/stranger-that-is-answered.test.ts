// What a stranger's RCPT gets is asked of a smtpd over the live configuration: mynetworks, a filter behind and
// limits do not change the answer, a second table, and a class of restrictions do, and no mail is left behind.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { askSmtpd } from '../../src/gateway/mta/postfix/ask-smtpd.ts';
import { readPostfix } from '../../src/gateway/mta/postfix/main-cf.ts';
import { type Postfix, startPostfix } from '../support/postfix.ts';

let postfix: Postfix | undefined;
afterEach(() => postfix?.stop());

async function ask(...addresses: string[]) {
  const here = readPostfix(postfix?.configDir);
  if (here.is !== 'here') throw new Error(`no Postfix: ${here.is}`);
  const found = await askSmtpd(here.config, addresses);
  return found === null ? null : addresses.map((address) => found.get(address)?.code);
}

test('as a stranger, by all that decides, and nothing stays in the queue', async () => {
  postfix = await startPostfix({
    mainCf: {
      mynetworks: '127.0.0.0/8',
      smtpd_relay_restrictions: 'permit_mynetworks, reject_unauth_destination',
      smtpd_recipient_restrictions: 'permit_mynetworks, recipients',
      smtpd_restriction_classes: 'recipients',
      recipients: 'check_recipient_access texthash:{dir}/access, reject',
      smtpd_client_restrictions: 'reject',
      smtpd_milters: 'inet:127.0.0.1:1',
      smtpd_tls_security_level: 'encrypt',
      relay_domains: 'example.org',
      relay_recipient_maps: 'texthash:{dir}/list',
    },
    files: { access: 'bob@example.org OK\ncarol@example.org OK\n', list: 'bob@example.org OK\nbüro@example.org OK\n' },
  });
  expect(
    await ask('bob@example.org', 'carol@example.org', 'nobody@example.org', 'x@elsewhere.example', 'büro@example.org'),
  ).toEqual([250, 550, 554, 554, 554]);
  expect(await ask('nobody@example.org\r\nDATA', 'x>@example.org')).toEqual([undefined, undefined]);
  expect(await postfix.queue()).toEqual([]);
});

test('many are asked at one go; nobody can be asked where Postfix does not run', async () => {
  postfix = await startPostfix({
    mainCf: { relay_domains: 'example.org', relay_recipient_maps: 'static:all' },
  });
  const many = Array.from({ length: 250 }, (_, i) => `n${i}@example.org`);
  expect(new Set(await ask(...many))).toEqual(new Set([250]));
  const here = readPostfix(postfix.configDir);
  await promisify(execFile)('postfix', ['-c', postfix.configDir, 'stop']);
  expect(here.is === 'here' && (await askSmtpd(here.config, many))).toBe(null);
});
