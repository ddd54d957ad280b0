// A package that comes from the signed repository of a release, is upgraded from it under load and goes back, is
// removed, and purged: Postfix's maps answer all the while, and purge says what it deletes. A bare Debian with Postfix
// then becomes a backup MX by one line. What is typed are the lines of the pages.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Lab, type LabHost } from '../support/lab.ts';
import { blocksOf, commandsOf, type Typist } from '../support/pages.ts';
import { relayAttempts } from '../support/relay-attempts.ts';
import {
  answers as answersAre,
  central,
  codes,
  deb,
  gateway,
  graded,
  MX1,
  MX2,
  recipientsAre,
  smtp,
  type Central,
} from './scene.ts';

let lab: Lab;
let from: Central;
let mx: LabHost;
let other: LabHost;

/** A release 99.0 with a builder's key of its own; the suite `previous` has the packages of today. */
function release(folder: string): string {
  const gnupg = path.join(folder, 'gnupg');
  const env = { ...process.env, GNUPGHOME: gnupg };
  mkdirSync(gnupg, { mode: 0o700 });
  const gpg = (...args: string[]) => execFileSync('gpg', ['--batch', '--quiet', ...args], { env, encoding: 'utf8' });
  gpg('--passphrase', '', '--quick-gen-key', 'builder <builder@example.org>', 'ed25519', 'sign', 'never');
  const key = /^fpr:+([0-9A-F]{40}):/m.exec(gpg('--with-colons', '--list-secret-keys'))?.[1] ?? '';
  const script = fileURLToPath(new URL('../../packaging/release.mjs', import.meta.url));
  const out = path.join(folder, 'release');
  const previous = path.dirname(deb('relaymap'));
  execFileSync(process.execPath, [script, '--version', '99.0', '--key', key, '--previous', previous, '--out', out], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  execFileSync('gpgconf', ['--kill', 'all'], { env });
  return path.join(out, 'apt');
}

/** The commands of a page that somebody types, with the names of this lab. */
const linesOf = (page: string, who: Typist): string[] =>
  blocksOf(page)
    .filter(({ marks }) => marks[0] === who)
    .flatMap(({ text }) => commandsOf(text))
    .map((line) =>
      line
        .replaceAll('https://packages.example.org', 'file:/srv/apt')
        .replace('apt-get install --allow-downgrades', 'apt-get install -y --allow-downgrades') // it asks a person
        .replaceAll('mx-central.example.org', 'central.lab')
        .replaceAll('primary.example.org', 'primary.lab'),
    );

/** As root types it; the line must not fail. */
const types = (host: LabHost, line: string): Promise<string> =>
  host.ok(`cd /root && bash -e 2>&1 <<'TYPED'\n${line}\nTYPED\n`);

/** The repository on a host, before apt knows it; it knows nothing of Debian's. */
async function repositoryOn(host: LabHost): Promise<void> {
  const tar = execFileSync('tar', ['-C', repository, '-c', '.'], { maxBuffer: 1 << 28 });
  await host.run('mkdir -p /srv/apt && tar -C /srv/apt -x', tar);
  await host.ok('rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*');
}

/** A package in the folder of root, and what `scp` gets from the central side, since no ssh is here. */
async function carried(host: LabHost): Promise<void> {
  const file = deb('relaymap');
  await host.write(`/root/${path.basename(file)}`, readFileSync(file));
  const files = { 'example-org.pub': from.publicKey, 'tls.pem': from.certificate, token: from.token };
  await host.ok('mkdir -p /root/etc/relaymap-publish');
  for (const [name, text] of Object.entries(files)) {
    const mode = name === 'token' ? '0640' : '0644'; // which scp keeps
    await host.write(`/root/etc/relaymap-publish/${name}`, text, mode);
  }
  const scp = '#!/bin/bash\nset -e\nfor file in "${@:1:$#-1}"; do cp "/root${file#*:}" "${@: -1}"; done\n';
  await host.write('/usr/local/bin/scp', scp, '0755');
}

let repository: string;

beforeAll(async () => {
  lab = await Lab.start();
  repository = release(lab.folder);
  from = await central(lab, ['someone@example.org']);
  [mx, other] = await Promise.all([gateway(lab, from, MX1), gateway(lab, from, MX2)]);
});
afterAll(() => lab?.stop());

test('an upgrade from the repository under load, and back: not one wrong answer, state kept, the daemon runs', async () => {
  const [key = '', list = '', install = '', goBack = ''] = linesOf('docs/operations.md', 'repository');
  const today = await mx.ok("dpkg-query -W -f '${Version}' relaymap");
  await repositoryOn(mx);
  for (const line of [key, list]) await types(mx, line);
  const stateOf = async () =>
    JSON.parse(await mx.ok('cat /var/lib/relaymap/state.json')) as {
      bundles: { 'example-org': { floor: { version: number } } };
    };
  const floor = (await stateOf()).bundles['example-org'].floor.version;
  const pid = await mx.ok('systemctl show -P MainPID relaymap');
  const answers = new Set<string>();
  const load = { goesOn: true };
  const ask = async () => {
    while (load.goesOn)
      for (const answer of codes(await smtp(lab, mx, ['someone@example.org', 'postmaster@example.org'])))
        answers.add(answer);
  };
  const asking = [ask(), ask()];
  const changes = (async () => {
    for (let i = 0; load.goesOn; i++) await recipientsAre(from.host, ['someone@example.org', `new${i}@example.org`]);
  })();
  const running = 'systemctl is-active relaymap relaymap-reload.path; dpkg-query -W relaymap';
  await types(mx, install);
  expect(await mx.ok(running)).toBe('active\nactive\nrelaymap\t99.0\n');
  await graded(mx, 0);
  await types(mx, goBack);
  expect(await mx.ok(running)).toBe(`active\nactive\nrelaymap\t${today}\n`);
  load.goesOn = false;
  await Promise.all([...asking, changes]);
  expect([...answers]).toEqual(['250']);
  expect(await mx.ok('systemctl show -P MainPID relaymap')).not.toBe(pid);
  expect((await stateOf()).bundles['example-org'].floor.version).toBeGreaterThanOrEqual(floor);
  await graded(mx, 0);
  expect(await mx.ok('systemctl list-units --failed --plain --no-legend')).toBe('');
});

test('removed, the maps stay and answer; purged while Postfix names them, they stay, and all else goes, aloud', async () => {
  const sum = 'cd /var/lib/relaymap/maps && sha256sum relay_recipients.cdb relay_domains.cdb';
  await other.ok('systemctl stop relaymap');
  const before = await other.ok(sum);
  expect(await other.ok('apt-get remove -y relaymap 2>&1')).toContain('the maps stay in /var/lib/relaymap/maps');
  expect(await other.ok(sum)).toBe(before);
  expect(codes(await smtp(lab, other, ['someone@example.org', 'nobody@example.org']))).toEqual(['250', '550']);

  const purge = await other.ok('apt-get purge -y relaymap 2>&1');
  expect(purge).toContain('purge deletes /etc/relaymap');
  expect(purge).toContain('the maps stay');
  expect(await other.ok('ls -A /var/lib/relaymap; ls /etc/relaymap /run/relaymap 2>/dev/null || true')).toBe('maps\n');
  expect(codes(await smtp(lab, other, ['someone@example.org', 'nobody@example.org']))).toEqual(['250', '550']);
});

test('purged when Postfix does not name the maps, nothing is left but the account', async () => {
  await from.host.install(deb('relaymap'));
  await from.host.ok(
    'install -o relaymap /dev/null /var/lib/relaymap/maps/relay_recipients; : >/etc/relaymap/relaymap.toml',
  );
  const purge = await from.host.ok('apt-get purge -y relaymap 2>&1');
  expect(purge).toContain('purge deletes /var/lib/relaymap (maps');
  expect(
    await from.host.ok(
      'ls -d /var/lib/relaymap /etc/relaymap /run/relaymap /usr/lib/relaymap 2>/dev/null || true; getent passwd relaymap | cut -d: -f1',
    ),
  ).toBe('relaymap\n');
  expect(
    await from.host.ok('systemctl list-unit-files "relaymap.*" "relaymap-reload*" --plain --no-legend || true'),
  ).toBe('');
});

test('a bare Debian with Postfix becomes a backup MX by one line, is no open relay from outside, and goes back', async () => {
  // As `apt-get install postfix` leaves it for an Internet site, whose name is that of the domain.
  await other.ok(`rm -rf /etc/postfix/main.cf /var/lib/relaymap
    echo 'postfix postfix/main_mailer_type select Internet Site' | debconf-set-selections
    echo 'postfix postfix/mailname string example.org' | debconf-set-selections
    dpkg-reconfigure -f noninteractive postfix 2>&1
    postconf -e smtpd_peername_lookup=no && postfix reload 2>&1`);
  const bare = await other.ok('cat /etc/postfix/main.cf');
  await carried(other);
  const [install = '', copy = '', look = '', apply = ''] = linesOf('docs/recipes/virtualmin.md', 'bare');
  for (const line of [install, copy, look]) await types(other, line);
  expect(await other.ok('cat /etc/postfix/main.cf')).toBe(bare);
  const said = await types(other, apply);
  expect(said).toContain('Postfix was asked as a stranger, and relays to no other domain.');
  await other.ok('postconf -X unknown_relay_recipient_reject_code && postfix reload 2>&1');
  await answersAre(lab, other, ['someone@example.org', 'nobody@example.org'], ['250', '550']);
  const attempts = relayAttempts('example.org');
  // After twenty errors Postfix hangs up (smtpd_hard_error_limit): a few in each connection.
  const refused: string[] = [];
  for (let i = 0; i < attempts.length; i += 8) refused.push(...codes(await smtp(lab, other, attempts.slice(i, i + 8))));
  expect(
    attempts.map((attempt, i) => [attempt, refused[i]]).filter(([, code]) => code?.startsWith('5') !== true),
  ).toEqual([]);

  const [again = '', takeBack = ''] = linesOf('docs/operations.md', 'bare');
  const backAgain = async () => {
    expect(await types(other, takeBack)).toContain('says again what it said before');
    expect(await other.ok('cat /etc/postfix/main.cf')).toBe(bare);
  };
  await backAgain();
  for (const line of linesOf('docs/recipes/postfixadmin.md', 'bare')) await types(other, line);
  await answersAre(lab, other, ['someone@example.org', 'nobody@example.org'], ['250', '450']);
  expect(await types(other, again)).toContain('nothing to change');
  await backAgain();
});
