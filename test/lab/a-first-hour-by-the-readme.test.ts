// The README's lines, taken from the file and typed in its order by root on fresh hosts: the central side, a bare
// Debian 13 that becomes a backup MX, and a relay of Debian 12 that is in use. None fails; at the end a forged
// recipient is refused with 550. Then those of docs/operations.md.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Lab, until, type LabHost, type Suite } from '../support/lab.ts';
import { blocksOf, commandsOf, type Block, type Typist } from '../support/pages.ts';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { answers, backupMx, CENTRAL, deb, graded } from './scene.ts';

const GATEWAYS = { trixie: ['mx13', '10.77.0.33'], bookworm: ['mx12', '10.77.0.34'] } as const;

let lab: Lab;
let from: LabHost;
const mx = {} as Record<Suite, LabHost>;
const typed: { host: string; command: string; seconds: number }[] = [];

const blocks = (page: string, who: Typist): Block[] => blocksOf(page).filter(({ marks }) => marks[0] === who);

/** Types all of a page's blocks of one host, in order; a block that is a file is written. */
async function type(page: string, who: Typist, host: LabHost): Promise<void> {
  for (const { language, marks, text } of blocks(page, who)) {
    const [, file] = marks;
    if (language !== 'sh') await host.ok(`umask 022; cat >${file}`, `${text}\n`);
    else for (const command of commandsOf(text)) await typeOne(host, command);
  }
}

/** apt-get asks whether to go on. */
const YES = 'y\n';

async function typeOne(host: LabHost, command: string): Promise<string> {
  const began = performance.now();
  const { status, stdout, stderr } = await host.run('cd /root; exec bash -ec "$0" 2>&1', YES, command);
  typed.push({ host: host.name, command, seconds: (performance.now() - began) / 1000 });
  expect(status, `${host.name}: ${command}\n${stdout}${stderr}`).toBe(0);
  return stdout;
}

const deliver = async (host: LabHost, name: 'relaymap' | 'relaymap-publisher'): Promise<void> => {
  const file = deb(name);
  await host.write(`/root/${path.basename(file)}`, readFileSync(file));
};

/** The first address of the list, as the README made it. */
const listed = async (): Promise<string> => (await from.ok('head -n 1 /etc/relaymap-publish/recipients')).trim();

const published = (address: string) =>
  until(
    `${address} is published`,
    60,
    () => from.run(`relaymap-publish explain ${address}`),
    ({ stdout }) => /the published version \d+ has it/.test(stdout),
  );

/** There is no ssh in the lab: `scp HOST:FILE... FOLDER` takes them from here, with the modes that scp gives. */
async function carry(host: LabHost): Promise<void> {
  const tar = await from.ok('tar -C / -cf - etc/relaymap-publish | base64 -w0');
  await host.ok('mkdir -p /root/central && tar -C /root/central -xf -', Buffer.from(tar, 'base64'));
  const script = `#!/bin/bash
set -e
for file in "\${@:1:$#-1}"; do cp "/root/central\${file#*:}" "\${@: -1}"; done
`;
  await host.write('/usr/local/bin/scp', script, '0755');
}

beforeAll(async () => {
  lab = await Lab.start();
  const gateways = Object.entries(GATEWAYS) as [Suite, (typeof GATEWAYS)[Suite]][];
  [from] = await Promise.all([
    lab.host('central', CENTRAL),
    ...gateways.map(async ([suite, [name, address]]) => {
      const isBare = suite === 'trixie';
      const host = (mx[suite] = isBare ? await lab.host(name, address) : await backupMx(lab, name, address, suite));
      await host.ok(`echo '${CENTRAL} mx-central.example.org' >>/etc/hosts`);
      await deliver(host, 'relaymap');
    }),
  ]);
  await deliver(from, 'relaymap-publisher');
});
afterAll(() => lab?.stop());

test('the central side: no line fails, and the service publishes and serves', async () => {
  await type('README.md', 'central', from);
  expect(
    await from.ok(
      'systemctl is-active relaymap-publish.timer relaymap-publish-serve; find /srv/relaymap ! -user relaymap-publish',
    ),
  ).toBe('active\nactive\n');
});

/** The lines of a backup MX, as a relay that is in use types them by the README. */
function inUse(lines: readonly string[]): string[] {
  const [install = '', copy = '', init = '', reject = ''] = lines;
  const compare = init.replace(' --backup-mx', '').replace(/\s--primary \S+/, '').replace(/ --apply[^]*$/, ''); // prettier-ignore
  return [install, copy, compare, `${compare} --apply`, 'systemctl start relaymap', reject, 'relaymap check'];
}

test.each(['trixie', 'bookworm'] as const)(
  'a gateway of %s: no line fails, and the forged recipient gets 550',
  async (suite) => {
    const host = mx[suite];
    await carry(host);
    const lines = blocks('README.md', 'backup').flatMap(({ text }) => commandsOf(text));
    if (suite === 'trixie') expect(await host.ok('ls /etc/postfix')).not.toContain('main.cf\n');
    for (const command of suite === 'trixie' ? lines : inUse(lines)) {
      const said = await typeOne(host, command);
      if (command.includes(' --backup-mx')) expect(said).toContain('begins as a copy of');
      expect(said.match(/must be reloaded once/g)?.length ?? 0).toBeLessThan(2);
      expect(said).not.toContain('Relay access denied'); // Debian's own refusal of whom it does not know yet
    }
    await answers(lab, host, [await listed(), 'postmaster@example.org', 'nobody@example.org'], ['250', '250', '550']);
    await graded(host, 0);
    const here = typed.filter(({ host: name }) => name === host.name);
    const all = typed.filter(({ host: name }) => name === 'central' || name === host.name);
    const last = all.findIndex(({ command }) => command.includes('unknown_relay_recipient_reject_code'));
    const mine = all.slice(0, last + 1);
    const sum = (some: typeof typed) => some.reduce((seconds, each) => seconds + each.seconds, 0);
    console.log(
      `first hour, ${suite}: ${mine.length} commands, ${sum(mine).toFixed(0)} s, none failed, until the first 550; ` +
        `on the gateway alone ${here.length} in ${sum(here).toFixed(0)} s`,
    );
    expect(mine.length).toBeLessThanOrEqual(suite === 'trixie' ? 12 : 14);
    expect(sum(mine)).toBeLessThan(300);
  },
);

test('docs/operations.md: no line fails there either', async () => {
  await from.ok('echo someone@example.org >>/etc/relaymap-publish/recipients');
  await published('someone@example.org');
  await mx.trixie.ok('relaymap fetch');
  await type('docs/operations.md', 'central', from);
  await type('docs/operations.md', 'gateway', mx.trixie);
});

test('an address that is added comes by the timer alone', async () => {
  await from.ok(`mkdir -p /etc/systemd/system/relaymap-publish.timer.d
    printf '[Timer]\\nOnCalendar=\\nOnCalendar=*:*:0/2\\nRandomizedDelaySec=0\\n' >/etc/systemd/system/relaymap-publish.timer.d/lab.conf
    systemctl daemon-reload; systemctl restart relaymap-publish.timer; systemctl stop relaymap-publish-watch
    echo added@example.org >>/etc/relaymap-publish/recipients`);
  await published('added@example.org');
  await mx.trixie.ok('systemctl kill -s USR2 --kill-whom=main relaymap');
  await answers(lab, mx.trixie, ['added@example.org'], ['250']);
});

test('a reload ends no service, and changes no process', async () => {
  for (const [host, unit] of [
    [mx.trixie, 'relaymap'],
    [mx.bookworm, 'relaymap'],
  ] as const) {
    const state = `systemctl show -P MainPID,NRestarts,ActiveState ${unit}`;
    const before = await host.ok(state);
    await host.ok(`systemctl reload ${unit}; systemctl reload ${unit}`);
    // What a signal without a handler does, it does at once; a request that is answered afterwards shows that it is
    // over.
    await host.ok('relaymap health');
    expect([unit, await host.ok(state)]).toEqual([unit, before]);
  }
  expect(await mx.trixie.ok('relaymap fetch --force')).toMatch(/installed version/);
});

test('nor does one end serve or watch', async () => {
  await from.ok('systemctl start relaymap-publish-watch relaymap-publish-serve');
  for (const unit of ['relaymap-publish-serve', 'relaymap-publish-watch']) {
    const state = `systemctl show -P MainPID,NRestarts,ActiveState ${unit}`;
    const before = await from.ok(state);
    await from.ok(`systemctl reload ${unit}`);
    await until(
      `${unit} has read its configuration again`,
      60,
      () => from.ok(`journalctl --no-pager -u ${unit} -o cat; systemctl reload ${unit}`),
      (said) => said.includes('the configuration is read again'),
    );
    expect([unit, await from.ok(state)]).toEqual([unit, before]);
  }
});

test('the journal has the lines under the commands’ names, and the first one says what runs', async () => {
  const journal = async (host: LabHost, unit: string) => {
    const said = await host.ok(`journalctl --no-pager -u ${unit} -o json`);
    return said
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { SYSLOG_IDENTIFIER: string; MESSAGE: string });
  };
  const gateway = await journal(mx.trixie, 'relaymap');
  expect(new Set(gateway.map((line) => line.SYSLOG_IDENTIFIER))).toEqual(new Set(['systemd', 'relaymap']));
  const first = gateway.find((line) => line.SYSLOG_IDENTIFIER === 'relaymap');
  expect(first?.MESSAGE).toMatch(/^relaymap \d[\w.+~]*: example-org version \d+; schedule .* next cycle 20/);
  const central = await journal(from, 'relaymap-publish');
  expect(new Set(central.map((line) => line.SYSLOG_IDENTIFIER))).toEqual(new Set(['systemd', 'relaymap-publish']));
});

test('the signing key is stolen: the lines of docs/operations.md, by root', async () => {
  const theft = blocks('docs/operations.md', 'emergency').find(({ heading }) => heading.startsWith('The signing key'));
  const [central = '', gateway = ''] = commandsOf(theft?.text ?? '');
  await typeOne(from, central);
  await mx.trixie.write('/root/new.pub', await from.ok('cat /etc/relaymap-publish/new.pub'));
  await typeOne(mx.trixie, gateway);
  await graded(mx.trixie, 0);
  await from.ok('systemctl start relaymap-publish && systemctl restart relaymap-publish-serve');
});
