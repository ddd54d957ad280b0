// Sendmail of Debian 12, by the lines of docs/mtas.md as they stand: no kind of relaymap's, but a recipe that holds.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { blocksOf, commandsOf } from '../support/pages.ts';
import { mtaTree } from '../support/mta-trees.ts';
import { answersSo, askOnce } from '../support/smtp.ts';
import { lookupTime } from './conformance.ts';
import { CONFIG, MailHost, MAPS } from './mail-host.ts';
import { record } from './results.ts';

/** Nobody's (RFC 5737): Sendmail relays for 127.0.0.1 in any case; Debian's access table refuses 192.0.2. */
const STRANGER = '198.51.100.9';
const SCRIPT = '/usr/local/sbin/relaymap-sendmail';
const PID = '/run/sendmail/mta/sendmail.pid';
const TABLE = '/etc/mail/relaymap_access.db';
const ROWS = ['@wild.example.net', 'alice@example.org', 'bob@example.org', 'idn@xn--mnchen-3ya.example'];

const blocks = blocksOf('docs/mtas.md').filter(({ marks }) => marks[0] === 'sendmail');
const [script = '', lines = '', back = ''] = [SCRIPT, undefined, 'back'].map(
  (mark) => blocks.find(({ marks }) => marks[1] === mark)?.text,
);

let host: MailHost;
const found = (what: string, value: string | number) => record('sendmail', what, value);
const codes = async (...recipients: string[]) => (await askOnce(host.smtp, recipients)).map(({ code }) => code);

/** As somebody types it, in one shell; a tree has no systemd. */
async function type(text: string): Promise<void> {
  const commands = commandsOf(text);
  expect(commands.at(-1)).toBe('systemctl restart sendmail');
  await host.must(
    ['env', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'bash', '-e'],
    [...commands.slice(0, -1), ''].join('\n'),
  );
  await restart();
}

async function restart(): Promise<void> {
  const end = `[ ! -e ${PID} ] || { pid=$(head -1 ${PID}); kill $pid; while [ -e ${PID} ]; do sleep 0.1; done; }`;
  await host.must(['sh', '-c', `${end}; sendmail -bd; while [ ! -e ${PID} ]; do sleep 0.1; done`]);
}

/** What cron does each minute. */
const made = () => host.must([SCRIPT]);

beforeAll(async () => {
  host = await MailHost.open(await mtaTree('sendmail'), STRANGER);
  await host.write('/etc/hosts', `127.0.0.1 localhost mx.test.invalid\n${STRANGER} client.test.invalid\n`);
  // Its own address is a stranger's here; there is no DNS for the sender's domain; nobody is slowed down.
  const own = "define(`confDONT_PROBE_INTERFACES', `true')dnl\nFEATURE(`accept_unresolvable_domains')dnl\n";
  await host.write('/tmp/own', own);
  await host.must([
    'sh',
    '-ec',
    `cd /etc/mail; sed -i '/greet_pause/d; /confBAD_RCPT_THROTTLE/d; /^FEATURE(.conncontrol/d; /^FEATURE(.ratecontrol/d;
      /confCONNECTION_RATE/d' sendmail.mc; sed -i '/^FEATURE(.no_default_msa/r /tmp/own' sendmail.mc
    m4 sendmail.mc >sendmail.cf; mkdir -p /run/sendmail/mta; chown smmta:smmsp /run/sendmail/mta`,
  ]);
  await host.write('/usr/local/bin/relaymap', `#!/bin/sh\nexec node /shared/dist/bin/relaymap.cjs "$@"\n`);
  await host.must(['chmod', '0755', '/usr/local/bin/relaymap']);
  await host.write(
    CONFIG,
    `[[bundle]]\nname = "${host.forger.name}"\nurls = ["${host.endpoint.url}"]\nkeys = "/etc/relaymap/keys"
ca_file = "/etc/relaymap/ca.pem"\n\n[stale]\nafter = "1h"\n`,
  );
  await host.must(['sh', '-c', 'mkdir /etc/relaymap/keys && cp /etc/relaymap/pub.pem /etc/relaymap/keys/x.pub']);
  expect((await host.update(ROWS)).status).toBe(0);
  await host.write(SCRIPT, `${script}\n`);
}, 400_000);
afterAll(() => host?.close());

test('the lines of the page: who is on the list is taken, who is not is refused', async () => {
  await restart();
  expect(await codes('alice@example.org')).toEqual([550]);
  await type(lines);
  await answersSo(host.smtp, [250, 550], ['alice@example.org', 'nobody@example.org']);
  const [present, absent, foreign] = await codes('ALICE@example.ORG', 'nobody@example.org', 'x@elsewhere.example');
  expect([present, absent, foreign]).toEqual([250, 550, 550]);
  found('present', present ?? 0);
  found('absent', absent ?? 0);
});

test('a row @domain, an A-label and user+tag are found; what is beyond ASCII is not', async () => {
  expect(await codes('who@wild.example.net', 'idn@xn--mnchen-3ya.example', 'alice+x@example.org')).toEqual([
    250, 250, 250,
  ]);
  expect((await codes('idn@münchen.example'))[0]).toBeGreaterThan(500);
  found('@domain', 250);
  found('IDN', 'A-label');
  found('folding', 'none');
  found('user+tag', 'always');
});

test('an update, also of a new domain, is seen at the next connection, without a restart', async () => {
  expect((await host.update([...ROWS.filter((row) => !row.startsWith('bob')), 'dora@example.com'])).status).toBe(0);
  await made();
  expect(await codes('alice@example.org', 'bob@example.org', 'dora@example.com', 'x@example.com')).toEqual([
    250, 550, 250, 550,
  ]);
  found('update', 'next connection');
  found('new domain', 'next connection');
});

test('nothing new: the table is not touched; lists that are empty or gone leave it as it is', async () => {
  const mark = () => host.must(['stat', '-c', '%i %z', TABLE]);
  const before = await mark();
  await made();
  await host.must(['sh', '-c', `mkdir /tmp/kept && mv ${MAPS}/relay_* /tmp/kept`]);
  await made();
  await host.must(['sh', '-c', `: >${MAPS}/relay_recipients; : >${MAPS}/relay_domains`]);
  await made();
  expect(await mark()).toBe(before);
  await host.must(['sh', '-c', `mv -f /tmp/kept/* ${MAPS}`]);
  expect(await codes('alice@example.org', 'nobody@example.org')).toEqual([250, 550]);
});

test('a row of /etc/mail/access with the key of ours: the script fails, and the table stays', async () => {
  await host.must(['cp', '/etc/mail/access', '/tmp/access']);
  await host.must(['sh', '-c', `printf 'To:alice@example.org\\tREJECT\\n' >>/etc/mail/access`]);
  await host.must(['rm', '/etc/mail/relaymap_access.made']);
  expect((await host.run([SCRIPT])).status).not.toBe(0);
  expect(await codes('alice@example.org', 'nobody@example.org')).toEqual([250, 550]);
  await host.must(['sh', '-c', `cp /tmp/access /etc/mail/access`]);
  await made();
});

test('out of date: unknown ones wait, known ones are taken; back again', async () => {
  const asked = ['alice@example.org', 'nobody@example.org', 'x@wild.example.net', 'x@elsewhere.example'];
  expect((await host.relaymapIn(2 * 3_600_000, 'stale')).status).toBe(0);
  await made();
  expect(await codes(...asked)).toEqual([250, 450, 250, 550]);
  found('out of date', 450);
  expect((await host.relaymap('fetch')).status).toBe(0);
  await made();
  expect(await codes(...asked)).toEqual([250, 550, 250, 550]);
});

test('without the table, or cut short, nobody is refused for good; the script brings it back', async () => {
  for (const [what, harm] of [
    ['absent map', `rm ${TABLE}`],
    ['cut map', `head -c 100 ${TABLE} >/tmp/cut && mv /tmp/cut ${TABLE}`],
  ] as const) {
    await host.must(['sh', '-c', harm]);
    // It says so in its greeting already.
    await expect(codes('alice@example.org')).rejects.toThrow(/no welcome: 451/);
    found(what, what === 'cut map' ? '4xx' : 451);
    await host.must(['rm', '-f', '/etc/mail/relaymap_access.made']);
    await made();
    expect(await codes('alice@example.org', 'nobody@example.org')).toEqual([250, 550]);
  }
});

test('1,000,000 rows: the first, the last and none are told apart', async () => {
  const rows = Array.from({ length: 999_990 }, (_, i) => `mailbox-${String(i).padStart(7, '0')}@example.org`);
  let fetched = await host.update([...ROWS, ...rows].sort());
  if (fetched.stderr.includes('NETWORK')) fetched = await host.relaymap('fetch');
  expect(fetched.status, fetched.stderr).toBe(0);
  await made();
  expect(await codes(rows[0] ?? '', rows.at(-1) ?? '', 'mailbox@example.org')).toEqual([250, 250, 550]);
  const some = Array.from({ length: 9 }, (_, i) => i);
  const time = async (recipients: string[]) => Number((await lookupTime(host.smtp, recipients)).toPrecision(2));
  found('1,000,000 rows, present, ms', await time(some.map((i) => rows[i * 110_000] ?? '')));
  found('1,000,000 rows, absent, ms', await time(some.map((i) => `nobody-${i}@example.org`)));
});

test('the way back: the list is asked no more', async () => {
  await type(back);
  await answersSo(host.smtp, [550], ['alice@example.org']);
});
