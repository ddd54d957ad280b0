// A Postfix that was installed with "No configuration" has no main.cf: `init --backup-mx --apply` begins it with
// Debian's own, once a good list is installed, and --take-back leaves none behind.
// Covers src/gateway/init/first-main-cf.ts
import { appendFileSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { init as initLine } from './init-line.ts';
import { createSite, type Site } from '../support/site.ts';

const DEBIAN = '/usr/share/postfix/main.cf.debian';

let site: Site;
beforeEach(async () => {
  site = await createSite();
  await site.publish(['alice@example.org']);
  for (const folder of ['etc', 'postfix']) mkdirSync(path.join(site.dir, folder));
  copyFileSync('/usr/share/postfix/master.cf.dist', at('postfix/master.cf'));
  writeFileSync(at('etc/relaymap.toml'), `state_dir = "${site.stateDir}"\nmap_dir = "${site.mapDir}"\n`);
  Object.assign(site.env, { MAIL_CONFIG: at('postfix') });
});
afterEach(() => site?.stop());

const at = (name: string): string => path.join(site.dir, name);
const mainCf = (): string => readFileSync(at('postfix/main.cf'), 'utf8');
const backup = (...more: string[]) => initLine(site, ['--backup-mx', '--primary', 'primary.invalid', ...more]);
const takeBack = () => site.relaymap('init', '--config', at('etc/relaymap.toml'), '--take-back');
const says = (name: string) => execFileSync('postconf', ['-c', at('postfix'), '-h', name], { encoding: 'utf8' }).trim();

test('it begins as a copy of Debian’s, is told the rest, and goes again', async () => {
  const { status, stdout, stderr } = await backup('--apply');
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toContain(`There was no ${at('postfix/main.cf')}: it begins as a copy of ${DEBIAN}.`);
  expect(stdout).toContain('Postfix does not run: systemctl start postfix');
  expect(mainCf().startsWith(readFileSync(DEBIAN, 'utf8'))).toBe(true);
  expect(says('relay_recipient_maps')).toBe(`cdb:${site.mapDir}/relay_recipients`);
  expect(says('smtpd_relay_restrictions')).toBe('permit_mynetworks, reject_unauth_destination');

  const back = await takeBack();
  expect([back.status, back.stderr]).toEqual([0, '']);
  expect(back.stdout).toContain('main.cf was made by init, and is gone again.');
  expect([existsSync(at('postfix/main.cf')), existsSync(at('etc/init-before.json'))]).toEqual([false, false]);
  const none = await takeBack();
  expect([none.status, none.stdout]).toEqual([1, expect.stringContaining('There is nothing to take back')]);
});

test('what somebody adds to it stays, and so does the file', async () => {
  expect((await backup('--apply')).status).toBe(0);
  appendFileSync(at('postfix/main.cf'), 'mynetworks = 192.0.2.0/28\n');
  const back = await takeBack();
  expect([back.status, back.stdout]).toEqual([0, expect.stringContaining('it says what somebody has added')]);
  expect([says('mynetworks'), says('relay_recipient_maps')]).toEqual(['192.0.2.0/28', '']);
});

test('without a good list, and without --apply, none is made', async () => {
  const shown = await backup();
  expect([shown.status, shown.stdout]).toEqual([0, expect.stringContaining(`cp ${DEBIAN} ${at('postfix/main.cf')}`)]);
  const refused = await backup('--apply', '--replace', '--url', 'https://127.0.0.1:1/');
  expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining('NETWORK')]);
  expect([existsSync(at('postfix/main.cf')), existsSync(at('etc/init-before.json'))]).toEqual([false, false]);
});

test('--apply for another kind of host says which line is missing, before it asks for anything', async () => {
  const run = await initLine(site, ['--apply']);
  expect([run.status, run.stderr]).toEqual([
    2,
    expect.stringContaining(`--apply: there is no ${at('postfix/main.cf')}`),
  ]);
  expect(run.stderr).toContain(`cp ${DEBIAN} ${at('postfix/main.cf')}`);
  expect([site.requests, existsSync(at('postfix/main.cf'))]).toEqual([[], false]);
});

test('a record that is damaged makes none', async () => {
  writeFileSync(at('etc/init-before.json'), '{"x": 1}');
  const run = await backup('--apply');
  expect([run.status, run.stderr]).toEqual([2, expect.stringContaining('init-before.json')]);
  expect(existsSync(at('postfix/main.cf'))).toBe(false);
});
