// The image of a backup MX has a main.cf of its own, since Postfix answers there before any list has come. It says what
// `relaymap init --backup-mx` would have it say: nothing would be left to change.
// Covers packaging/image/files/main.cf, packaging/image/files/backup-mx
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { backupSettings } from '../../src/gateway/init/backup-mx.ts';
import { changes } from '../../src/gateway/init/main-cf-settings.ts';
import type { PostfixConfig } from '../../src/gateway/mta/postfix/main-cf.ts';

const read = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../packaging/image/files/${name}`, import.meta.url)), 'utf8');
const text = read('main.cf');
const CA = '/etc/ssl/certs/ca-certificates.crt';

/** @param without a parameter that is left out */
function config(without?: string): PostfixConfig {
  const set = new Map([...text.matchAll(/^(\w+) =(?: (.*))?$/gm)].map(([, name = '', value = '']) => [name, value]));
  for (const [, name = '', value = ''] of read('backup-mx').matchAll(/^postconf -P '([^=]+)=(.*)'$/gm))
    set.set(name, value);
  if (without !== undefined) set.delete(without);
  const services = [
    { name: 'retry/unix', chroot: false, program: 'error' },
    { name: 'relay/unix', chroot: false, program: 'smtp' },
  ];
  const nothing = { changed: null, overrides: [], types: new Set(['regexp']) };
  const main = new Map([...set, ['mail_version', '3.10.13']]);
  return { ...nothing, directory: '/etc/postfix', main, raw: set, set: new Set(set.keys()), services };
}

const wanted = (postfix: PostfixConfig) => {
  const authorities = { parameter: 'smtp_tls_CAfile', value: CA } as const;
  const host = { snakeoil: null, authorities };
  return changes(postfix, backupSettings(postfix, {}, ['example.org'], host));
};

test('init would change nothing of it', () => {
  expect(wanted(config())).toEqual([]);
});

test.each([
  'smtpd_relay_restrictions',
  'best_mx_transport',
  'relay_delivery_status_filter',
  'relay/unix/smtp_delivery_status_filter',
  'maximal_queue_lifetime',
  'bounce_queue_lifetime',
  'maximal_backoff_time',
  'smtp_tls_security_level',
])('without %s it would', (name) => {
  expect(wanted(config(name)).map((each) => each.name)).toContain(name);
});
