// From `apt install` to the first stranger who is refused, as a postmaster does it, under the shipped units.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Lab, until, type LabHost } from '../support/lab.ts';
import { answers, backupMx, central, deb, gateway, graded, MX2, primary, smtp, type Central } from './scene.ts';

const INIT =
  'relaymap init --name example-org --url https://central.lab:8443/ --key /root/example-org.pub --domains example.org --apply 2>&1';

let lab: Lab;
let from: Central;
let mx: LabHost;
let home: LabHost;

beforeAll(async () => {
  lab = await Lab.start();
  [from, home, mx] = await Promise.all([
    central(lab, ['someone@example.org']),
    primary(lab),
    backupMx(lab, 'mx1', '10.77.0.31'),
  ]);
  await mx.install(deb('relaymap'));
});
afterAll(() => lab?.stop());

test('installed and not configured, nothing fails; after init, mail is accepted and refused by the list', async () => {
  const show =
    'systemctl show -P Result,ActiveState,ConditionResult relaymap; systemctl list-units --failed --plain --no-legend';
  expect(await mx.ok(show)).toBe('success\ninactive\nno\n');

  // The first try tells what is still missing and changes nothing of Postfix.
  await mx.write('/root/example-org.pub', from.publicKey);
  const first = await mx.run(INIT);
  expect([first.status, first.stdout]).toEqual([2, expect.stringContaining('TLS')]);
  expect(await mx.ok('postconf -h relay_recipient_maps')).toBe('\n');

  await mx.write('/etc/relaymap/ca.pem', from.certificate);
  await mx.write('/etc/relaymap/token', from.token, '0640', 'root:relaymap');
  await mx.ok("sed -i 's/^# *\\(token_file\\|ca_file\\) /\\1 /' /etc/relaymap/relaymap.toml");
  expect(await mx.ok(INIT)).toContain('Postfix has been told');
  expect(await mx.ok('ls -l /etc/relaymap/relaymap.toml')).toMatch(/^-rw-r--r-- 1 root relaymap/);
  // Deferred in the first days, refused afterwards.
  await answers(
    lab,
    mx,
    ['someone@example.org', 'postmaster@example.org', 'nobody@example.org'],
    ['250', '250', '450'],
  );
  await mx.ok('postconf -X unknown_relay_recipient_reject_code; postfix reload 2>&1');
  await answers(lab, mx, ['someone@example.org', 'nobody@example.org'], ['250', '550']);

  await mx.ok('systemctl start relaymap');
  await graded(mx, 0);
  expect(await mx.ok('ls /run/relaymap; systemctl is-active relaymap relaymap-reload.path; id -nG relaymap')).toBe(
    'active\nactive\nrelaymap\n',
  );
  expect(await mx.ok('stat -c "%a %U %G" /var/lib/relaymap/maps/relay_recipients.cdb')).toBe('640 relaymap postfix\n');
  const check = await mx.run('relaymap check');
  expect(check.stdout).not.toMatch(/^error/m);

  await smtp(lab, mx, ['someone@example.org'], 'send');
  await until(
    'the mail is on the primary',
    180,
    () => home.ok('cat /var/mail/catch'),
    (box) => box.includes('Subject: for someone@example.org'),
  );
  expect(await home.ok('cat /var/mail/catch')).not.toContain('nobody@');
});

test('a service without rights has Postfix reloaded when its first map appears', async () => {
  const other = await gateway(lab, from, MX2); // which waits for an answer that only a reload can give
  // Postfix answers as soon as it has read its maps anew; the unit that told it to ends a moment later.
  await until(
    'the request is gone and the reload done',
    180,
    () => other.ok('ls -A /run/relaymap; journalctl --no-pager -u relaymap-reload.service -o cat'),
    (said) => !/^reload$/m.test(said) && said.includes('Finished'),
  );
  expect(
    await other.ok('systemctl list-units --failed --plain --no-legend; find /var/lib/relaymap ! -user relaymap'),
  ).toBe('');
});

test('a request that is no file is taken away, and Postfix is left alone', async () => {
  const said = () => mx.ok('journalctl --no-pager -u relaymap-reload.service -o cat');
  const reloads = (text: string) => text.split('refreshing the Postfix mail system').length;
  const before = reloads(await said());
  await mx.ok('setpriv --reuid relaymap --regid relaymap --clear-groups mkdir -p /run/relaymap/reload/x');
  await until('it is taken away', 60, said, (text) => text.includes('is a directory, which is no request'));
  await until(
    'nothing is left of it',
    60,
    () => mx.ok('ls -A /run/relaymap'),
    (left) => left === '',
  );
  expect(reloads(await said())).toBe(before);
});

test('each instance of Postfix that the configuration names is reloaded', async () => {
  await mx.ok(`cp -a /etc/postfix /etc/postfix-in && mkdir -p /var/spool/postfix-in /var/lib/postfix-in
    chown postfix /var/lib/postfix-in
    postconf -c /etc/postfix-in -e queue_directory=/var/spool/postfix-in \
      data_directory=/var/lib/postfix-in syslog_name=postfix-in
    postconf -c /etc/postfix-in -M -X smtp/inet # port 25 is taken
    postconf -e alternate_config_directories=/etc/postfix-in
    postfix -c /etc/postfix-in start 2>&1`);
  // The masters say so themselves, with their folder: "reload -- version 3.10.5, configuration /etc/postfix-in".
  // What postlog(1) says comes by syslog and by the unit's output, and either may miss its instance or its unit.
  const reloads = async () => {
    const said = await mx.ok('journalctl --no-pager -o cat _COMM=master');
    return ['/etc/postfix', '/etc/postfix-in'].map(
      (folder) => said.match(new RegExp(`^reload -- version .*, configuration ${folder}$`, 'gm'))?.length ?? 0,
    );
  };
  const [before = 0] = await reloads();
  await mx.ok(`printf '\n[mta]\ninstances = [\n  "/etc/postfix",\n  "/etc/postfix-in",\n]\n' >>/etc/relaymap/relaymap.toml
    systemctl reload relaymap
    setpriv --reuid relaymap --regid relaymap --clear-groups touch /run/relaymap/reload`);
  await until(
    'the request is served',
    60,
    () => mx.ok('ls -A /run/relaymap'),
    (left) => left === '',
  );
  // The journal takes its time with what was written to it.
  await until(
    'both instances say so in the journal',
    60,
    reloads,
    ([first = 0, second = 0]) => first > before && second > 0,
  );
});

test('systemctl status says what is wrong while something is, and check that the service is stopped', async () => {
  const status = (wanted: RegExp) =>
    until(
      `the status is ${wanted.source}`,
      120,
      () => mx.ok('systemctl kill -s USR2 --kill-whom=main relaymap; systemctl show -P StatusText relaymap'),
      (said) => wanted.test(said),
    );
  await mx.ok('relaymap hold');
  await status(/^warning: example-org version \d+, \d+ rows \(held/);
  await mx.ok('relaymap resume');
  await status(/^ok: example-org version \d+, \d+ rows$/m);
  await mx.ok('systemctl stop relaymap');
  const stopped = await mx.run('relaymap check');
  expect([stopped.status, stopped.stdout]).toEqual([1, expect.stringContaining('relaymap.service does not run')]);
  expect(stopped.stdout).toContain('systemctl enable --now relaymap');
  await mx.ok('systemctl start relaymap');
  expect((await mx.run('relaymap check')).stdout).not.toContain('relaymap.service');
});

/**
 * A server that never answers; as soon as somebody connects, the fetch in the foreground gets what ^C sends: a
 * signal to all of its processes.
 */
const INTERRUPT = `
  const { spawn } = require('node:child_process');
  const server = require('node:net').createServer().listen(8443, '127.0.0.1');
  server.on('listening', () => {
    const child = spawn('relaymap', ['fetch'], { stdio: 'inherit', detached: true });
    server.once('connection', () => process.kill(-child.pid, 'SIGINT'));
    child.on('close', (status, signal) => process.exit(signal === null ? status : 99));
  });`;

test('^C in a fetch in the foreground says what was left as it was', async () => {
  const maps = 'sha256sum /var/lib/relaymap/maps/*';
  const before = await mx.ok(maps);
  await mx.ok(
    "systemctl stop relaymap; cp /etc/hosts /root/hosts; sed -i 's/^.* central.lab/127.0.0.1 central.lab/' /etc/hosts",
  );
  const { status, stdout } = await mx.run('node - 2>&1', INTERRUPT);
  expect([status, stdout]).toEqual([2, expect.stringContaining('interrupted: each map is whole')]);
  expect(await mx.ok(maps)).toBe(before);
  await mx.ok('cat /root/hosts >/etc/hosts; systemctl start relaymap');
});

test.each(['USR2', 'HUP'])('SIG%s before the service can hear it: it is started again', async (name) => {
  await mx.ok(`systemctl stop relaymap; systemctl start --no-block relaymap
    until systemctl kill --kill-whom=main -s ${name} relaymap 2>/dev/null; do :; done`);
  await until(
    'it runs',
    60,
    async () => (await mx.run('systemctl is-active relaymap; systemctl show -P Job relaymap')).stdout,
    (said) => said === 'active\n0\n' || said === 'active\n\n',
  );
  await graded(mx, 0);
});

test('the service is confined as shipped', async () => {
  for (const unit of ['relaymap.service', 'relaymap-reload.service']) {
    const { stdout } = await mx.run(`systemd-analyze security --no-pager ${unit} | tail -n 1`);
    expect([unit, Number(/: ([0-9.]+) /.exec(stdout)?.[1]) < (unit === 'relaymap.service' ? 2 : 4)]).toEqual([
      unit,
      true,
    ]);
  }
});

test('postinst while user relaymap swaps a folder for a link, many times: nothing of root’s changes hands', async () => {
  // The one who swaps, and what root has. A naive line of root's shows that the race can be lost.
  await mx.ok(`mkdir -p /root/theirs/maps && echo x >/root/theirs/maps/file && chmod 755 /root /root/theirs
    cp -a /root/theirs /root/control
    cat >/root/swap <<'SH'
cd /var/lib/relaymap || exit 1
while [ ! -e /tmp/over ]; do
  [ ! -d .away ] || { rm -rf maps; mv -T .away maps; } # postinst had made the folder anew meanwhile
  mv -T maps .away && ln -sT "$1" maps; rm -f maps; mv -T .away maps
  ln -sf "$1/file" maps/link; rm -f maps/link
done
SH
    chmod 644 /root/swap`);
  const swap = (victim: string, root: string) =>
    mx.ok(`rm -f /tmp/over
      setpriv --reuid relaymap --regid relaymap --clear-groups sh /root/swap ${victim} 2>/dev/null &
      ${root}
      : >/tmp/over; wait`);
  const owners = () => mx.ok("find /root/theirs /root/control -printf '%u:%g %m %p\\n' | sort");
  const elsewhere = () =>
    mx.ok(`find / -xdev \\( -user relaymap -o -group relaymap \\) ! -path '/var/lib/relaymap*' ! -path '/proc/*' \\
      ! -path '/tmp/*' ! -path '/var/log/*' -printf '%u:%g %m %p\\n' | sort`);
  const [before, others] = [await owners(), await elsewhere()];
  await mx.ok('systemctl stop relaymap');

  // Without /run/systemd/system it restarts no unit.
  const postinst =
    'unshare -m sh -c "mount -t tmpfs none /run/systemd; exec sh /var/lib/dpkg/info/relaymap.postinst $1"';
  await swap(
    '/root/theirs/maps',
    `for i in $(seq 40); do ${postinst.replace('$1', 'triggered postfix')} || :; done 2>/dev/null
     for i in $(seq 20); do ${postinst.replace('$1', 'configure 0')} || :; done 2>/dev/null`,
  );
  expect([await owners(), await elsewhere()]).toEqual([before, others]);

  const naive = `cd /var/lib/relaymap
    for i in $(seq 30000); do
      [ ! -d maps ] || chown relaymap maps || :
      [ ! -O /root/control/maps ] && break
    done 2>/dev/null`;
  await swap('/root/control/maps', naive);
  expect(await owners()).toContain('relaymap:root 755 /root/control/maps\n');
  await mx.ok('systemctl start relaymap');
  await graded(mx, 0);
});
