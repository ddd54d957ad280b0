// Whoever runs code in the gateway's service, or the publisher's, can do no more than the unit allows: another program is put in the
// command's place, under the unit as shipped, and tries each thing that is forbidden.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Lab, type LabHost } from '../support/lab.ts';
import { central, gateway, type Central } from './scene.ts';

let lab: Lab;
let from: Central;
let mx: LabHost;

beforeAll(async () => {
  lab = await Lab.start();
  from = await central(lab, ['someone@example.org']);
  mx = await gateway(lab, from, ['mx1', '10.77.0.31']);
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
const ALLOWED: readonly Try[] = ['write its own state', 'open a socket of IPv4'];

/** Runs all of them in one start of a unit's copy. @returns which succeeded. */
async function tried(host: LabHost, unit: string): Promise<string[]> {
  const lines = Object.entries(TRIES).map(([, line], i) => `(${line}) >/dev/null 2>&1 && echo "probe ${i}"`);
  const script = ['export STATE_DIRECTORY_1="${STATE_DIRECTORY%%:*}"', ...lines, 'echo probe end', 'exit 0'].join('\n');
  await host.write('/usr/local/bin/probe', `#!/bin/sh\n${script}\n`);
  await host.ok(`chmod 0755 /usr/local/bin/probe; echo secret >/root/secret
    f=/usr/lib/systemd/system/${unit}; [ -e $f ] || f=/lib/systemd/system/${unit}
    sed -e 's#^ExecStart=.*#ExecStart=/usr/local/bin/probe#' -e 's/^Type=.*/Type=oneshot/' -e '/^WatchdogSec/d' \\
      -e '/^Restart/d' -e '/^ConditionPath/d' $f >/run/systemd/system/probe.service
    grep -q ^Type= /run/systemd/system/probe.service || sed -i 's/^\\[Service\\]/[Service]\\nType=oneshot/' /run/systemd/system/probe.service
    systemctl daemon-reload; systemctl start probe.service`);
  const said = await host.ok('journalctl --no-pager -o cat -u probe.service');
  expect(said).toContain('probe end');
  await host.ok(
    'rm /run/systemd/system/probe.service; systemctl daemon-reload; journalctl --rotate --vacuum-time=1s 2>&1',
  );
  return Object.keys(TRIES).filter((_, i) => new RegExp(`^probe ${i}$`, 'm').test(said));
}

test('the gateway’s service can do what it needs, and nothing else', async () => {
  expect(await tried(mx, 'relaymap.service')).toEqual(ALLOWED);
});

test.each(['relaymap-publish.service', 'relaymap-publish-watch.service'])('%s too', async (unit) => {
  expect(await tried(from.host, unit)).toEqual(ALLOWED);
});

test.each(Object.entries(TRIES))('it is the unit that forbids it; root outside of it can %s', async (_name, line) => {
  await mx.ok(`export STATE_DIRECTORY_1=/tmp; (${line}) >/dev/null`);
});
