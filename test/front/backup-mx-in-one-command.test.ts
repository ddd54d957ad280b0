// `relaymap init --backup-mx` on a Postfix as Debian sets it up: from nothing to a backup MX that knows its recipients
// and relays for nobody else; what it changed is taken back by one line.
// Covers src/gateway/init/backup-mx.ts, src/gateway/init/main-cf-before.ts, src/bin/gateway/init/backup-mx.ts
// Covers src/bin/gateway/init/backup-mx-lines.ts, src/bin/gateway/init/take-back.ts
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { init as initLine } from './init-line.ts';
import { startPostfix, type Postfix } from '../support/postfix.ts';
import { createSite, type Site } from '../support/site.ts';
import { relayAttempts, relaySenders } from '../support/relay-attempts.ts';
import { answersSo, SmtpClient } from '../support/smtp.ts';

let site: Site;
let postfix: Postfix;

/** What of Debian's main.cf ("Internet Site") has to do with who may relay; a client of the tests is a stranger. */
const DEBIAN = {
  smtpd_relay_restrictions: 'permit_mynetworks permit_sasl_authenticated defer_unauth_destination',
  mydestination: '$myhostname, example.org, localhost',
  local_recipient_maps: '',
  mynetworks: '127.0.0.2/32',
  recipient_delimiter: '+',
  delay_warning_time: '4h',
  // To whomever it relays, all would be taken, and nothing leaves this machine.
  default_transport: 'discard:',
};

beforeEach(async () => {
  site = await createSite();
  await site.publish(['alice@example.org', 'bob@sub.example.org']);
});
afterEach(async () => {
  await Promise.all([postfix?.stop(), site?.stop()]);
});

const at = (...names: string[]): string => path.join(site.dir, 'etc', ...names);
const mainCf = (): string => readFileSync(path.join(postfix.configDir, 'main.cf'), 'utf8');
const postconf = (...args: string[]): string =>
  execFileSync('postconf', ['-c', postfix.configDir, ...args], { encoding: 'utf8' }).trim();
/** What of the services master.cf sets, and how the one for the list is written. */
const services = (): string => postconf('-P') + postconf('-M', 'relay/unix');

async function host(mainCfMore: Record<string, string> = {}): Promise<void> {
  postfix = await startPostfix({ mainCf: { ...DEBIAN, ...mainCfMore } });
  Object.assign(site.env, postfix.env);
  mkdirSync(at(), { recursive: true });
  writeFileSync(at('relaymap.toml'), `state_dir = "${site.stateDir}"\nmap_dir = "${site.mapDir}"\n`);
}

const init = (...more: string[]) => initLine(site, more);

test('of a Postfix as Debian has it: the list decides, strangers relay nowhere, one line takes all back', async () => {
  await host();
  const before = mainCf();
  const servicesBefore = services();
  const open = await SmtpClient.connect(postfix.port);
  expect((await open.ask('anybody@example.org')).code).toBe(250); // taken for a mailbox of this host
  await open.quit();

  const shown = await init('--backup-mx', '--primary', 'primary.invalid:2525');
  expect([shown.status, shown.stderr]).toEqual([0, '']);
  expect(mainCf()).toBe(before);
  expect(services()).toBe(servicesBefore);
  expect(shown.stdout).toContain("postconf -e 'relay_transport = relay:[primary.invalid]:2525'");
  const waits = "postconf -P 'relay/unix/smtp_delivery_status_filter=$relay_delivery_status_filter'";
  expect(shown.stdout).toContain(waits);
  expect(readFileSync(at('relaymap.toml'), 'utf8')).toMatch(/^\[stale\]\nafter = "3d"/m);

  const run = await init('--backup-mx', '--primary', 'primary.invalid:2525', '--apply');
  expect([run.status, run.stderr]).toEqual([0, '']);
  expect(run.stdout).toContain('Postfix was asked as a stranger, and relays to no other domain.');
  expect(run.stdout).toMatch(/^- HELO: this host calls itself mx.test.invalid|^- HELO: .*mx\.test\.invalid/m);
  expect(run.stdout).toMatch(/^- PTR: /m);
  expect(run.stdout).toMatch(/To go back[^]*^ {2}postconf -PX relay\/unix\/smtp_delivery_status_filter$/m);
  expect(postconf('-P')).toBe('relay/unix/smtp_delivery_status_filter = $relay_delivery_status_filter');
  for (const [parameter, value] of [
    ['smtpd_relay_restrictions', 'permit_mynetworks, reject_unauth_destination'],
    ['mydestination', 'mx.test.invalid, localhost'],
    ['relay_transport', 'relay:[primary.invalid]:2525'],
    ['maximal_queue_lifetime', '21d'],
    ['bounce_queue_lifetime', '2d'],
    ['maximal_backoff_time', '30m'],
    ['delay_warning_time', '0h'],
    ['best_mx_transport', 'retry:4.4.6 this host is the best MX itself, and knows no primary'],
    ['smtpd_recipient_restrictions', `check_recipient_access cdb:${site.mapDir}/stale_domains`],
  ] as const)
    expect([parameter, await postfix.postconf(parameter)]).toEqual([parameter, value]);
  await answersSo(
    postfix.port,
    [250, 250, 250, 250, 450],
    [
      'alice@example.org',
      'alice+tag@example.org',
      'bob@sub.example.org',
      'postmaster@example.org',
      'nobody@example.org',
    ],
  );

  // Typed again it changes nothing.
  const once = mainCf() + services();
  const again = await init('--backup-mx', '--primary', 'primary.invalid:2525', '--apply');
  expect([again.status, again.stdout]).toEqual([0, expect.stringContaining('nothing to change')]);
  expect(mainCf() + services()).toBe(once);

  // What somebody has changed since is theirs.
  postconf('-e', 'maximal_queue_lifetime=9d');
  const back = await site.relaymap('init', '--config', at('relaymap.toml'), '--take-back');
  expect([back.status, back.stderr]).toEqual([0, '']);
  expect(back.stdout).toMatch(/These have been changed since, and stay:\n {2}maximal_queue_lifetime$/m);
  expect(mainCf()).toBe(`${before}maximal_queue_lifetime = 9d\n`);
  expect(services()).toBe(servicesBefore);
  expect(existsSync(at('init-before.json'))).toBe(false);
  await answersSo(postfix.port, [250], ['anybody@example.org']);
  const none = await site.relaymap('init', '--config', at('relaymap.toml'), '--take-back');
  expect([none.status, none.stdout]).toEqual([1, expect.stringContaining('There is nothing to take back')]);
});

test('each way to have it send to a third party is refused, for good, whoever the sender is', async () => {
  await host();
  expect((await init('--backup-mx', '--primary', 'primary.invalid', '--apply')).status).toBe(0);
  postconf('-X', 'unknown_relay_recipient_reject_code');
  await postfix.reload();
  await answersSo(postfix.port, [250, 550], ['alice@example.org', 'nobody@example.org']);
  const attempts = relayAttempts('example.org');
  expect(attempts.length).toBeGreaterThanOrEqual(20);
  const client = await SmtpClient.connect(postfix.port);
  for (const sender of relaySenders('example.org')) {
    for (const attempt of attempts) {
      await client.mail(sender);
      const { code, text } = await client.rcpt(attempt);
      expect([sender, attempt, Math.floor(code / 100)], text).toEqual([sender, attempt, 5]);
      await client.rset();
    }
  }
  await client.quit();
  expect(await postfix.queue()).toEqual([]);
});

test('the same attempts on a relay for everybody are taken: they would be seen', async () => {
  await host({ mynetworks: '127.0.0.0/8', smtpd_relay_restrictions: 'permit_mynetworks reject_unauth_destination' });
  const client = await SmtpClient.connect(postfix.port);
  const taken: string[] = [];
  for (const attempt of relayAttempts('example.org')) if ((await client.ask(attempt)).code === 250) taken.push(attempt);
  await client.quit();
  expect(taken.length).toBeGreaterThanOrEqual(20);
});

test('a table that still lets strangers relay is said aloud, by asking Postfix', async () => {
  await host({ smtpd_relay_restrictions: 'check_recipient_access static:OK, reject_unauth_destination' });
  const run = await init('--backup-mx', '--primary', '192.0.2.1', '--apply');
  expect([run.status, run.stderr]).toEqual([1, expect.stringContaining('it is an open relay')]);
});

test('a network of half the Internet, and names that are none, are refused; main.cf stays', async () => {
  await host();
  for (const [networks, options, why] of [
    ['0.0.0.0/0', ['--primary', '192.0.2.1'], 'mynetworks has 0.0.0.0/0'],
    ['127.0.0.0/8 [::]/0', ['--primary', '192.0.2.1'], 'mynetworks has [::]/0'],
    ['127.0.0.0/8', ['--primary', 'a host'], '--primary a host is not HOST'],
    ['127.0.0.0/8', ['--primary', '192.0.2.1:70000'], '--primary 192.0.2.1:70000 is not HOST'],
    ['127.0.0.0/8', ['--hostname', 'mx2'], '--hostname mx2 is no name with a domain'],
  ] as const) {
    postconf('-e', `mynetworks = ${networks}`);
    const before = mainCf();
    const run = await init('--backup-mx', ...options, '--apply');
    expect([run.status, run.stderr]).toEqual([2, expect.stringContaining(why)]);
    expect(mainCf()).toBe(before);
    expect(existsSync(at('init-before.json'))).toBe(false);
  }
});

test('--primary and --hostname without --backup-mx, and --backup-mx for another server, are refused', async () => {
  await host();
  for (const [options, why] of [
    [['--primary', '192.0.2.1'], '--primary belongs to --backup-mx'],
    [['--hostname', 'mx2.example.org'], '--hostname belongs to --backup-mx'],
    [['--backup-mx', '--mta', 'exim'], '--backup-mx sets up Postfix'],
  ] as const) {
    const run = await init(...options);
    expect([run.status, run.stderr]).toEqual([2, expect.stringContaining(why)]);
  }
  expect(readFileSync(at('relaymap.toml'), 'utf8')).not.toContain('[[bundle]]');
});

test('what an administrator set of queue and TLS is left, and the name is set by --hostname', async () => {
  await host({ maximal_queue_lifetime: '40d', best_mx_transport: 'local' });
  postconf('-P', 'relay/unix/smtp_delivery_status_filter=regexp:/etc/mine');
  const run = await init('--backup-mx', '--primary', '192.0.2.1', '--hostname', 'MX2.example.org', '--apply');
  expect(run.status).toBe(0);
  expect(await postfix.postconf('maximal_queue_lifetime')).toBe('40d');
  expect(await postfix.postconf('best_mx_transport')).toBe('local');
  expect(postconf('-P')).toBe('relay/unix/smtp_delivery_status_filter = regexp:/etc/mine');
  expect(postconf('-n')).not.toContain('relay_delivery_status_filter');
  expect(await postfix.postconf('smtp_tls_security_level')).toBe('none');
  expect(await postfix.postconf('myhostname')).toBe('mx2.example.org');
});

test('a record that is damaged is neither believed nor written over', async () => {
  await host();
  writeFileSync(at('init-before.json'), '{"x": 1}');
  const before = mainCf();
  for (const run of [
    await init('--backup-mx', '--primary', '192.0.2.1', '--apply'),
    await site.relaymap('init', '--config', at('relaymap.toml'), '--take-back'),
  ])
    expect([run.status, run.stderr]).toEqual([2, expect.stringContaining('init-before.json')]);
  expect([mainCf(), readFileSync(at('init-before.json'), 'utf8')]).toEqual([before, '{"x": 1}']);
});

test('next hops are taken where --next-hops allows them, before the primary of the others', async () => {
  await host();
  writeFileSync(`${site.dir}/hops`, 'sub.example.org [192.0.2.9]\n');
  const source = `[[source]]\ntype = "file"\npath = "${site.dir}/hops"\ntable = "transport"\n[policy]`;
  const publisher = readFileSync(site.publisherConfig, 'utf8').replace('[policy]', source);
  writeFileSync(site.publisherConfig, publisher);
  await site.publish(['alice@example.org', 'bob@sub.example.org', 'carol@example.org']);
  const domains = ['--domains', 'example.org,*.example.org'];
  const run = await init('--backup-mx', ...domains, '--next-hops', '192.0.2.0/24', '--primary', '192.0.2.1', '--apply');
  expect([run.status, run.stderr]).toEqual([0, '']);
  expect(await postfix.postconf('transport_maps')).toBe(`cdb:${site.mapDir}/transport`);
  expect(await postfix.postconf('relay_transport')).toBe('relay:[192.0.2.1]');
  expect(await postfix.query(`cdb:${site.mapDir}/transport`, 'sub.example.org')).toBe('relay:[192.0.2.9]');

  const other = await init('--backup-mx', ...domains, '--next-hops', '198.51.100.0/24', '--primary', '192.0.2.1');
  expect([other.status, other.stderr]).toEqual([2, expect.stringContaining('next_hops: 192.0.2.0/24; --next-hops')]);
});
