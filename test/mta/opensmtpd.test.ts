// OpenSMTPD of Debian 12, and the lines that `relaymap init` prints, in its smtpd.conf.
// Covers src/gateway/mta/opensmtpd
import { describe, expect, test } from 'vitest';
import { mtaTree } from '../support/mta-trees.ts';
import { answersSo, askOnce } from '../support/smtp.ts';
import { conforms, type Kit } from './conformance.ts';
import { MailHost, MAPS } from './mail-host.ts';
import { defersWhileStale, routes } from './routing.ts';

const CONF = 'listen on lo port 25\n';

/** The test's client has an address of its own host, for which OpenSMTPD makes exceptions: `from any` has none. */
export const opensmtpd: Kit = {
  kind: 'opensmtpd',
  tree: () => mtaTree('opensmtpd'),
  prepare: (host) => host.write('/etc/smtpd.conf', CONF),
  async setUp(host) {
    const { status, stdout, stderr } = await host.init('opensmtpd');
    expect([status, stdout], stderr).toEqual([0, expect.stringMatching(/table relaymap_recipients file:/)]);
    const lines = stdout.split('\n').filter((line) => /^(table|action|match)/.test(line));
    const conf = CONF + lines.join('\n').replace('relay\n', 'relay host smtp://192.0.2.25\n');
    await host.write('/etc/smtpd.conf', `${conf}\n`);
  },
  async start(host) {
    await host.must(['smtpd', '-n']);
    await host.must(['smtpd']);
  },
  async forget(host) {
    await host.write('/etc/smtpd.conf', CONF);
  },
  withoutMap: 'answers as before',
  utf8: false,
};

async function again(host: MailHost): Promise<void> {
  await host.must(['smtpd', '-n']);
  const end = 'pkill -x smtpd; while pgrep -r D,R,S -x smtpd >/dev/null; do sleep 0.1; done; smtpd';
  await host.must(['sh', '-c', end]);
}

conforms(opensmtpd);
defersWhileStale({
  ...opensmtpd,
  async setUpStale(host) {
    expect((await host.relaymap('check')).stdout).toMatch(/does not name stale_domains/);
    const { stdout } = await host.init('opensmtpd');
    const lines = stdout.split('\n').filter((line) => /^(table|filter)/.test(line));
    expect(lines).toHaveLength(4);
    const conf = await host.read('/etc/smtpd.conf');
    const tables = conf.split('\n').filter((line) => line.startsWith('table'));
    const rest = conf.split('\n').filter((line) => !/^(table|listen)/.test(line));
    const listen = (filter: string) => `listen on lo port 25 filter "${filter}"`;
    const put = async (filter: string) => {
      await host.write('/etc/smtpd.conf', [...tables, ...lines, listen(filter), ...rest].join('\n'));
      await again(host);
    };
    await put('relaymap_late');
    expect((await host.relaymap('check')).stdout).toMatch(/error: "listen on lo .* known recipients are deferred too/s);
    await put('relaymap');
    expect((await host.relaymap('check')).stdout).not.toMatch(/deferred too|no filter that defers/);
  },
});
routes({
  ...opensmtpd,
  async setUpHops(host) {
    expect((await host.relaymap('check')).stdout).toMatch(/does not name transport/);
    const { stdout } = await host.init('opensmtpd');
    const lines = stdout.split('\n').filter((line) => /^(table|action|match)/.test(line));
    expect(lines).toHaveLength(4);
    const conf = await host.read('/etc/smtpd.conf');
    await host.write('/etc/smtpd.conf', conf.replace(/^match/m, `${lines.join('\n')}\nmatch`));
    await again(host);
  },
  byMx: false,
});

describe('opensmtpd alone', () => {
  test('without a map it does not start: mail waits; an update with no file keeps the old rows', async () => {
    const host = await MailHost.open(await opensmtpd.tree());
    try {
      await host.write('/etc/smtpd.conf', `${CONF}table t file:${MAPS}/relay_recipients\n`);
      expect((await host.run(['smtpd', '-n'])).status).not.toBe(0);
    } finally {
      await host.close();
    }
  });

  test('rows that its lists cannot hold are left out; all others are found; check says so', async () => {
    const host = await MailHost.open(await opensmtpd.tree());
    try {
      host.forger.publish(['a b@example.org', 'a:b@example.org', 'alice@example.org', 'user+tag@example.org']);
      await opensmtpd.setUp(host);
      await opensmtpd.start(host);
      await answersSo(host.smtp, [250], ['alice@example.org']);
      const asked = ['alice@example.org', 'alice+x@example.org', 'user+tag@example.org', 'nobody@example.org'];
      const found = await askOnce(host.smtp, asked);
      expect(found.map(({ code }) => code)).toEqual([250, 250, 250, 550]);
      expect(await host.read(`${MAPS}/relay_recipients`)).toBe('alice@example.org\nuser+tag@example.org\n');
      const check = await host.relaymap('check');
      expect(check.stdout).toMatch(/error: 2 rows with white space, a colon/);
      const lookup = await host.relaymap('lookup', 'a:b@example.org');
      expect([lookup.status, lookup.stdout]).toEqual([1, expect.stringMatching(/rejected/)]);
    } finally {
      await host.close();
    }
  });
});
