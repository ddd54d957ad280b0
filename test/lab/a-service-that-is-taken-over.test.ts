// Whoever runs code in the gateway's service, or the publisher's, can do no more than the unit allows: another program
// is put in the command's place, in the unit as shipped, and tries each thing that is forbidden.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Lab, until, type LabHost } from '../support/lab.ts';
import { central, gateway, type Central } from './scene.ts';

let lab: Lab;
let from: Central;
let mx: LabHost;

beforeAll(async () => {
  lab = await Lab.start();
  from = await central(lab, ['someone@example.org']);
  mx = await gateway(lab, from, ['mx1', '10.77.0.31']);
  // What every host has from here on: a secret of Postfix, and, where it is missing, something to read as a signing
  // key.
  for (const host of [from.host, mx]) {
    await host.ok(`echo secret >/etc/postfix/sql-password.cf
      chgrp postfix /etc/postfix/sql-password.cf && chmod 0640 /etc/postfix/sql-password.cf
      mkdir -p /etc/relaymap-publish
      for f in example-org.key 'a customer.key' db.pw; do
        [ -e "/etc/relaymap-publish/$f" ] || echo secret >"/etc/relaymap-publish/$f"
        chmod 0640 "/etc/relaymap-publish/$f"
      done`);
  }
  await from.host.write(
    '/etc/relaymap-publish/customer.toml',
    `name = "customer"
output = "/srv/relaymap/customer"
keys = [
  "/etc/relaymap-publish/a customer.key", # "]"
]
[[source]]
type = "sql"
url = "postgres:///mail"
password_file = "/etc/relaymap-publish/db.pw"
`,
  );
});
afterAll(() => lab?.stop());

// What is tried, by name: a line of shell that succeeds where nothing forbids it, as root and outside the unit it does.
const TRIES = {
  'write its own state': 'touch "$STATE_DIRECTORY_1/probe" && rm "$STATE_DIRECTORY_1/probe"',
  'write /etc': 'touch /etc/relaymap-probe',
  'write its configuration':
    'for f in /etc/relaymap/relaymap.toml /etc/relaymap-publish/relaymap-publish.toml; do [ ! -e $f ] || exec 3>>$f || exit 1; done',
  'write its own program': 'for d in /usr/lib/relaymap*/; do touch "$d/probe" || exit 1; done',
  'write the root of /var/lib': 'touch /var/lib/probe',
  'write a home': 'touch /home/probe /root/probe',
  'read a home': 'ls /root/secret',
  'read what is the group postfix’s': 'cat /etc/postfix/sql-password.cf',
  'read the signing key': 'cat /etc/relaymap-publish/example-org.key',
  'read the signing key of another list': 'cat "/etc/relaymap-publish/a customer.key"',
  'read a password of a source': 'cat /etc/relaymap-publish/db.pw',
  'see other processes': '[ -e /proc/1/cmdline ]',
  'trace a process': `perl -e 'exit(syscall(101, 0, 0, 0, 0) == 0 ? 0 : 1)'`, // PTRACE_TRACEME
  'open a raw socket': `perl -e 'socket(my $s, 2, 3, 1) or exit 1'`,
  'open a netlink socket': `perl -e 'socket(my $s, 16, 3, 0) or exit 1'`,
  'open a packet socket': `perl -e 'socket(my $s, 17, 3, 768) or exit 1'`,
  'open a socket of IPv4': `perl -e 'socket(my $s, 2, 1, 0) or exit 1'`,
  'become root': 'setpriv --reuid 0 true',
  'make a namespace': 'unshare --user true',
  'mount a file system': 'mount -t tmpfs none /mnt',
  'change the host’s name': 'hostname probe',
  'leave a set-uid file':
    'cp /bin/true "$STATE_DIRECTORY_1/suid" && chmod u+s "$STATE_DIRECTORY_1/suid"; s=$?; rm -f "$STATE_DIRECTORY_1/suid"; exit $s',
  'leave a core file': '[ "$(ulimit -H -c)" != 0 ]',
} as const;

type Try = keyof typeof TRIES;
const NETWORK: readonly Try[] = ['open a socket of IPv4'];
const STATE: readonly Try[] = ['write its own state'];
const KEYS: readonly Try[] = [
  'read the signing key',
  'read the signing key of another list',
  'read a password of a source',
];

/** Runs all of them in one start of the unit. @returns which succeeded. */
async function tried(host: LabHost, unit: string): Promise<string[]> {
  const lines = Object.entries(TRIES).map(([, line], i) => `(${line}) >/dev/null 2>&1 && echo "probe ${i}"`);
  const script = ['export STATE_DIRECTORY_1="${STATE_DIRECTORY%%:*}"', ...lines, 'echo probe end', 'exit 0'].join('\n');
  await host.write('/usr/local/bin/probe', `#!/bin/sh\n${script}\n`);
  const folder = `/run/systemd/system/${unit}.d`;
  await host.ok(`chmod 0755 /usr/local/bin/probe; echo secret >/root/secret
    systemctl stop ${unit}; systemctl stop ${unit.replace('.service', '.timer')} 2>/dev/null || true
    mkdir -p ${folder}
    printf '[Service]\nType=oneshot\nExecStart=\nExecStart=/usr/local/bin/probe\nExecReload=\nRestart=no\nWatchdogSec=0\n' \
      >${folder}/probe.conf
    systemctl daemon-reload; systemctl start ${unit}`);
  const said = await until(
    'the probe has said all',
    60,
    () => host.ok(`journalctl --no-pager -o cat -u ${unit}`),
    (text) => text.includes('probe end'),
  );
  await host.ok(`rm ${folder}/probe.conf; systemctl daemon-reload; journalctl --rotate --vacuum-time=1s 2>&1`);
  return Object.keys(TRIES).filter((_, i) => new RegExp(`^probe ${i}$`, 'm').test(said));
}

test('the gateway’s service can do what it needs, and nothing else', async () => {
  expect(await tried(mx, 'relaymap.service')).toEqual([...STATE, ...NETWORK]);
});

test.each(['relaymap-publish.service', 'relaymap-publish-watch.service'])('%s too', async (unit) => {
  expect(await tried(from.host, unit)).toEqual([...STATE, ...KEYS, ...NETWORK]);
});

test('relaymap-publish-serve.service, which the network speaks to, cannot read what signs', async () => {
  expect(await tried(from.host, 'relaymap-publish-serve.service')).toEqual(NETWORK);
});

test.each(Object.entries(TRIES))('it is the unit that forbids it; root outside of it can %s', async (_name, line) => {
  await mx.ok(`export STATE_DIRECTORY_1=/tmp; (${line}) >/dev/null`);
});
