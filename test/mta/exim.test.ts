// Exim of Debian 12, its split configuration, and the snippets of `relaymap init --apply`.
// Covers src/gateway/mta/exim, src/bin/gateway/init
import { expect } from 'vitest';
import { mtaTree } from '../support/mta-trees.ts';
import { conforms, type Kit } from './conformance.ts';
import type { MailHost } from './mail-host.ts';
import { defersWhileStale, routes } from './routing.ts';

const ANSWERS = `dc_eximconfig_configtype='smarthost'
dc_other_hostnames='mx.test.invalid'
dc_local_interfaces='127.0.0.1'
dc_readhost=''
dc_relay_domains=''
dc_minimaldns='false'
dc_relay_nets=''
dc_smarthost='192.0.2.25'
CFILEMODE='644'
dc_use_split_config='true'
dc_hide_mailname=''
dc_mailname_in_oh='true'
dc_localdelivery='mail_spool'
`;

export const exim: Kit = {
  kind: 'exim',
  tree: () => mtaTree('exim'),
  async prepare(host) {
    await host.write('/etc/exim4/update-exim4.conf.conf', ANSWERS);
    await host.write('/etc/mailname', 'mx.test.invalid\n');
    // 127.0.0.1 is a host that may relay, and the tests are strangers: nobody may. No name is asked for.
    const own = 'MAIN_RELAY_NETS = 203.0.113.1\nMAIN_HOST_LOOKUP =\nMAIN_SMTPUTF8_ADVERTISE_HOSTS = *\n';
    await host.write('/etc/exim4/conf.d/main/001_tests', own);
    await host.must(['sh', '-c', 'mkdir -p /run/exim4 && chown Debian-exim /run/exim4 && update-exim4.conf']);
    await start(host);
  },
  async setUp(host) {
    const { status, stdout, stderr } = await host.init('exim', '--apply');
    expect([status, stdout], stderr).toEqual([0, expect.stringMatching(/Exim has been told/)]);
  },
  start: async () => undefined, // it runs, and has been told to read its configuration
  async endDeferring(host) {
    await host.must(['sed', '-i', 's/^RELAYMAP_DEFER/# &/', '/etc/exim4/conf.d/main/000_relaymap']);
    await again(host);
  },
  async setDelimiter(host) {
    await host.must([
      'sed',
      '-i',
      's/^# RELAYMAP_DELIMITER/RELAYMAP_DELIMITER/',
      '/etc/exim4/conf.d/main/000_relaymap',
    ]);
    await again(host);
  },
  async forget(host) {
    await host.must(['rm', '/etc/exim4/conf.d/main/000_relaymap', '/etc/exim4/relaymap_acl']);
    await again(host);
  },
  withoutMap: 'defers',
  utf8: true,
};

const start = (host: MailHost) => host.must(['exim4', '-bd', '-oX', '127.0.0.1.25', '-oP', '/run/exim4/exim.pid']);

async function again(host: MailHost): Promise<void> {
  await host.must(['sh', '-c', 'update-exim4.conf && kill -HUP $(cat /run/exim4/exim.pid)']);
}

conforms(exim);
defersWhileStale(exim);
routes({
  ...exim,
  async setUpHops(host) {
    expect((await host.relaymap('check')).stdout).toMatch(/does not name transport/);
    const { status, stdout, stderr } = await host.init('exim', '--apply');
    expect([status, stdout], stderr).toEqual([0, expect.stringMatching(/conf\.d\/router\/050_relaymap/)]);
    expect(await host.read('/etc/exim4/conf.d/main/000_relaymap')).toMatch(/^# RELAYMAP_DEFER/m);
  },
  async allowLoopback(host) {
    await host.must(['sed', '-i', 's/self = defer/self = send/g', '/etc/exim4/conf.d/router/050_relaymap']);
    await again(host);
  },
  byMx: true,
});
