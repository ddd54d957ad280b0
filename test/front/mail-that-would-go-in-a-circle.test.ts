// `init --backup-mx` where mail goes by the MX of each domain: a host that is the best MX itself is told before
// anything is changed; what DNS lacks is said, and only what DNS said. Mail whose primary has a name that DNS denies
// waits. The nameserver is dnsmasq.
// Covers src/gateway/init/where-mail-goes.ts, src/io/net/mail-names.ts, src/gateway/mta/postfix/denied-names.ts
// Covers src/gateway/mta/postfix/edit.ts
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { init as initLine, NO_NAMESERVER } from './init-line.ts';
import { startPostfix, until, type Postfix } from '../support/postfix.ts';
import { createSite, type Site } from '../support/site.ts';
import { SmtpClient } from '../support/smtp.ts';

let site: Site;
let postfix: Postfix;

beforeAll(async () => {
  site = await createSite();
  await site.publish(['alice@example.org', 'bob@example.net']);
  postfix = await startPostfix({ mainCf: { myhostname: 'mx2.example.org' } });
  Object.assign(site.env, postfix.env);
  const etc = path.join(site.dir, 'etc');
  mkdirSync(etc);
  writeFileSync(path.join(etc, 'relaymap.toml'), `state_dir = "${site.stateDir}"\nmap_dir = "${site.mapDir}"\n`);
});
afterAll(() => Promise.all([postfix?.stop(), site?.stop()]));

/** dnsmasq with these records, on an address of its own; it knows nothing else. */
async function dns(...records: string[]): Promise<string> {
  const address = `127.${process.pid & 0x7f}.${(process.pid >> 7) & 0xff}.54`;
  const options = [
    '--no-resolv',
    '--no-hosts',
    '--bind-interfaces',
    '--conf-file=/dev/null',
    '--pid-file',
    '--port=53',
  ];
  const own = ['--local=/org/', '--local=/net/', '--local=/arpa/', `--listen-address=${address}`, '--user=root'];
  const child = spawn(
    '/usr/sbin/dnsmasq',
    ['--keep-in-foreground', '--log-facility=-', ...options, ...own, ...records],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await until('dnsmasq has started', () => /started, version/.test(said) || (child.exitCode !== null && said));
  expect(child.exitCode, said).toBe(null);
  return address;
}

const init = (nameserver: string, ...more: string[]) => initLine(site, ['--backup-mx', ...more], nameserver);
const mainCf = (): string => readFileSync(path.join(postfix.configDir, 'main.cf'), 'utf8');

test('the only MX is this host, by its name: refused, and nothing of Postfix is changed', async () => {
  const before = mainCf();
  const run1 = await init(
    await dns('--mx-host=example.org,mx2.example.org,10', '--mx-host=example.net,primary.example.net,10'),
    '--apply',
  );
  expect([run1.status, run1.stderr]).toEqual([2, expect.stringContaining('the best MX of example.org is this host')]);
  expect(run1.stderr).toContain('--primary HOST');
  expect(mainCf()).toBe(before);
});

test('an MX of equal or better rank has an address of this host: the same', async () => {
  const before = mainCf();
  const run1 = await init(
    await dns(
      '--mx-host=example.org,other-name.example.org,10',
      '--mx-host=example.org,primary.example.org,10',
      '--mx-host=example.net,primary.example.net,10',
      '--address=/other-name.example.org/127.0.0.1',
    ),
    '--apply',
  );
  expect([run1.status, run1.stderr]).toEqual([2, expect.stringContaining('the best MX of example.org is this host')]);
  expect(mainCf()).toBe(before);
});

test('no MX, and the address of the domain is this host: the same', async () => {
  const run1 = await init(
    await dns('--address=/example.org/127.0.0.1', '--mx-host=example.net,primary.example.net,10'),
    '--apply',
  );
  expect([run1.status, run1.stderr]).toEqual([2, expect.stringContaining('the best MX of example.org is this host')]);
});

test('a primary before this host: where mail goes is said, and what DNS lacks', async () => {
  const run1 = await init(
    await dns(
      '--mx-host=example.org,primary.example.org,10',
      '--mx-host=example.org,mx2.example.org,20',
      '--mx-host=example.net,primary.example.net,10',
      '--address=/mx2.example.org/203.0.113.7',
      '--ptr-record=7.113.0.203.in-addr.arpa,host7.provider.example.net',
    ),
  );
  expect([run1.status, run1.stderr]).toEqual([0, '']);
  const said = run1.stdout.replace(/\s+/g, ' ');
  expect(said).toContain('Mail for example.org goes to primary.example.org, its best MX.');
  expect(said).toContain('Mail for example.net goes to primary.example.net, its best MX.');
  expect(said).toContain('MX: example.net does not name this host yet');
  expect(said).toContain('example.net. IN MX 20 mx2.example.org.');
  expect(said).toContain('the name of 203.0.113.7 must be mx2.example.org (now it is host7.provider.example.net)');
  expect(said).toContain("postconf -e 'proxy_interfaces = 203.0.113.7'");
  expect(said).not.toContain('HELO:');
});

test('a nameserver that is not there: nothing is claimed of it', async () => {
  const run1 = await init(NO_NAMESERVER);
  expect([run1.status, run1.stderr]).toEqual([0, '']);
  const said = run1.stdout.replace(/\s+/g, ' ');
  expect(said).toContain('Where mail for example.org goes DNS could not say now.');
  expect(said).not.toMatch(/does not name this host yet|DNS has no address|NAT:/);
});

/** What the queue has of a message of `sender` for alice, once an attempt to hand it on has ended. */
async function sent(sender: string) {
  const client = await SmtpClient.connect(postfix.port);
  await client.mail(sender);
  expect((await client.rcpt('alice@example.org')).code).toBe(250);
  const { text } = await client.data('Subject: x\r\n\r\nx');
  await client.quit();
  const [id = ''] = /\w+$/.exec(text) ?? [];
  await until('an attempt has ended', async () => (await postfix.log(new RegExp(`${id}: to=.* status=`))).length > 0);
  return await until('the queue says why, or it is gone', async () => {
    const own = (await postfix.queue()).filter((message) => message.id === id);
    return own.every(({ reason }) => reason !== '') && own;
  });
}

test('mail that comes back to this host all the same waits, and is not returned', async () => {
  const set = await init(NO_NAMESERVER, '--primary', '127.0.0.1', '--apply');
  expect(set.status).toBe(0);
  const [message] = await sent('a@stranger.invalid');
  expect(message).toMatchObject({ sender: 'a@stranger.invalid', reason: expect.stringContaining('best MX itself') });
});

test('a primary whose name DNS denies: mail waits, and is not returned; what the primary refuses is', async () => {
  const nameserver = await dns();
  // The service `relay` runs in the jail, as Debian has it, and asks the nameserver that is named there.
  const jail = path.join(postfix.configDir, '../queue/etc');
  mkdirSync(jail);
  writeFileSync(path.join(jail, 'resolv.conf'), `nameserver ${nameserver}\n`);
  const postconf = (...args: string[]) => execFileSync('postconf', ['-c', postfix.configDir, ...args]);
  postconf('-e', 'smtp_dns_support_level = enabled', 'smtp_host_lookup = dns');
  postconf('-F', 'relay/unix/chroot=y');

  postconf('-e', 'relay_transport = relay:[127.0.0.1]');
  expect((await init(nameserver, '--primary', 'gone.example.org', '--apply')).status).toBe(0);
  const reason = expect.stringContaining('name=gone.example.org type=A: Host not found');
  expect(await sent('b@stranger.invalid')).toMatchObject([{ sender: 'b@stranger.invalid', reason }]);
  expect(await postfix.log(/fatal|warning: .*filter/)).toEqual([]);

  const filter = await postfix.postconf('relay_delivery_status_filter');
  for (const [says, becomes] of [
    ['5.4.4 Host or domain name not found. Name', '4.4.4 Host or domain name not found. Name'],
    ['5.4.3 Host or domain name not found. Name', '4.4.3 Host or domain name not found. Name'],
    ['5.4.4 unable to look up host x: No address', '4.4.4 unable to look up host x: No address'],
    ['5.4.4 host x[192.0.2.1] said: 554 5.4.4 Host or domain name not found', undefined],
    ['5.1.1 host x[192.0.2.1] said: 550 5.1.1 no such user', undefined],
    ['5.1.0 Domain example.org does not accept mail (nullMX)', undefined],
    ['2.0.0 Ok', undefined],
  ] as const)
    expect([says, await postfix.query(filter, says)]).toEqual([says, becomes]);

  const check = async () => (await site.relaymap('check', '--config', `${site.dir}/etc/relaymap.toml`)).stdout;
  const line = "postconf -P 'relay/unix/smtp_delivery_status_filter=$relay_delivery_status_filter'";
  expect(await check()).not.toContain(line);
  postconf('-PX', 'relay/unix/smtp_delivery_status_filter');
  expect(await check()).toContain(`\n    ${line}\n`);
  postconf('-e', 'relay_transport = relay:[192.0.2.1]:25');
  expect(await check()).not.toContain(line);
});
