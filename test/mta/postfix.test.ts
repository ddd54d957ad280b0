// Postfix of Debian 12 by the same sentences as all others; test/postfix says the rest of it.
// Covers src/gateway/mta/postfix
import { expect } from 'vitest';
import { labTree } from '../support/lab.ts';
import { conforms, type Kit } from './conformance.ts';
import { defersWhileStale, routes } from './routing.ts';

const MAIN_CF = `compatibility_level = 3.6
myhostname = mx.test.invalid
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks =
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
relay_transport = discard:
default_transport = discard:
smtpd_relay_restrictions = reject_unauth_destination
smtpd_peername_lookup = no
service_throttle_time = 1s
smtp_dns_support_level = disabled
smtpd_error_sleep_time = 0
smtpd_client_connection_count_limit = 0
`;

export const postfix: Kit = {
  kind: 'postfix',
  tree: () => labTree('bookworm'),
  async prepare(host) {
    await host.write('/etc/postfix/main.cf', MAIN_CF);
    await host.must(['postfix', 'start']);
  },
  async setUp(host) {
    const { status, stdout, stderr } = await host.init('postfix', '--apply');
    expect([status, stdout], stderr).toEqual([0, expect.stringMatching(/Postfix has been told/)]);
  },
  start: async () => undefined, // it runs, and has been reloaded
  async endDeferring(host) {
    await host.must(['sh', '-c', 'postconf -X unknown_relay_recipient_reject_code && postfix reload']);
  },
  async setDelimiter(host) {
    await host.must(['sh', '-c', 'postconf -e recipient_delimiter=+ && postfix reload']);
  },
  async forget(host) {
    await host.must(['sh', '-c', 'postconf -X relay_recipient_maps && postfix reload']);
  },
  withoutMap: 'defers',
  seesDomainsLate: true, // trivial-rewrite looks every ten seconds
  utf8: true,
};

conforms(postfix);
defersWhileStale({
  ...postfix,
  async setUpStale(host) {
    const { status, stdout, stderr } = await host.init('postfix', '--apply');
    expect([status, stdout], stderr).toEqual([0, expect.stringMatching(/stale_domains/)]);
  },
});
routes({
  ...postfix,
  async setUpHops(host) {
    expect((await host.relaymap('check')).stdout).toMatch(/transport/);
    const { status, stdout, stderr } = await host.init('postfix', '--apply');
    expect([status, stdout], stderr).toEqual([0, expect.stringMatching(/transport_maps/)]);
  },
  async allowLoopback(host) {
    const { settings, folder } = { settings: 'smtp_dns_support_level=enabled', folder: '/var/spool/postfix/etc' };
    await host.must([
      'sh',
      '-c',
      `postconf -e ${settings} inet_protocols=all; mkdir -p ${folder}; cp /etc/resolv.conf ${folder}; postfix stop; postfix start`,
    ]);
  },
  async hurry(host) {
    await host.must(['postfix', 'reload']);
  },
  byMx: true,
});
