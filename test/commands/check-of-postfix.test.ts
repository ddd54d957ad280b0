// `relaymap check` on a real Postfix: each setting that makes the maps useless or dangerous is found, the line to
// type mends it, and what Postfix does with mail shows that the finding is no mere opinion. Where all is well
// nothing is found.
// Covers src/gateway/check, src/gateway/mta
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { command } from '../support/gateway.ts';
import { type Checked, type Finding, findingsOf, type Host, startHost } from '../support/host.ts';
import { answersSo, askOnce } from '../support/smtp.ts';

const ALICE = 'alice@example.org';
const NOBODY = 'nobody@example.org';
let host: Host;
let main: string;
let master: string;

beforeAll(async () => {
  host = await startHost([ALICE, 'bob@sub.example.org']);
  main = readFileSync(file('main.cf'), 'utf8');
  master = readFileSync(file('master.cf'), 'utf8');
});
afterAll(() => host?.stop());
afterEach(() => {
  writeFileSync(file('main.cf'), main);
  writeFileSync(file('master.cf'), master);
});

const file = (name: string): string => path.join(host.postfix.configDir, name);
const add = (...lines: string[]): void =>
  writeFileSync(file('main.cf'), `${readFileSync(file('main.cf'), 'utf8')}${lines.join('\n')}\n`);
const set = (...settings: string[]): Promise<void> => host.set(...settings);

async function answers(codes: readonly number[], ...recipients: string[]): Promise<void> {
  await host.postfix.reload();
  await answersSo(host.postfix.port, codes, recipients);
}

/** The one finding whose text matches; the check fails for it. */
async function found(level: Finding['level'], text: RegExp): Promise<Finding> {
  const checked = await host.check();
  const matching = checked.findings.filter((f) => text.test(f.text));
  expect(matching, checked.stdout).toHaveLength(1);
  expect([matching[0]?.level, checked.status, checked.stderr]).toEqual([level, level === 'note' ? 0 : 1, '']);
  expect(matching[0]?.type.length).toBeGreaterThan(0);
  return matching[0] ?? { level, text: '', type: [] };
}

/** Types what it says; afterwards nothing is found. */
async function mends({ type }: Finding): Promise<Checked> {
  expect(await host.type(...type)).toMatchObject({ status: 0 });
  const checked = await host.check();
  expect([checked.status, checked.stdout]).toEqual([0, 'ok: Postfix uses the maps, and nothing is in their way\n']);
  return checked;
}

test('where all is well nothing is found, and every line fits the screen otherwise', async () => {
  const clean = await host.check();
  expect([clean.status, clean.stdout, clean.stderr]).toEqual([
    0,
    'ok: Postfix uses the maps, and nothing is in their way\n',
    '',
  ]);
  await set('smtpd_reject_unlisted_recipient = no', 'relay_recipient_maps =', 'mydestination = example.org');
  const { stdout } = await host.check();
  const text = stdout.split('\n').filter((line) => !line.startsWith('    '));
  expect(text.length).toBeGreaterThan(5);
  expect(text.filter((line) => line.length > 80)).toEqual([]);
});

test('relay_recipient_maps is empty: everybody is accepted', async () => {
  await set('relay_recipient_maps =');
  await answers([250], NOBODY);
  await mends(await found('error', /relay_recipient_maps is empty/));
  await answers([550, 250], NOBODY, ALICE);
});

test('relay_recipient_maps names another map: the list decides nothing', async () => {
  writeFileSync(file('old'), 'carol@example.org OK\n');
  await set(`relay_recipient_maps = texthash:${file('old')}`);
  await answers([550], ALICE);
  const finding = await found('error', /not relaymap's map/);
  expect(finding.text).toContain(`texthash:${file('old')}`);
  await mends(finding);
  await answers([250, 250], ALICE, 'carol@example.org');
});

test('a table that knows everybody beside the list', async () => {
  await set(`relay_recipient_maps = cdb:${host.site.mapDir}/relay_recipients, static:all`);
  await answers([250], NOBODY);
  const checked = await host.check();
  expect(checked.findings.map((f) => f.text).join('\n')).toMatch(/holds static:all/);
  await mends(checked.findings.find((f) => /holds static:all/.test(f.text)) ?? { level: 'error', text: '', type: [] });
  await answers([550], NOBODY);
});

test.each([
  ['cdb', 'postfix-cdb', 'cdb:'],
  ['lmdb', 'postfix-lmdb', 'lmdb:'],
])('a Postfix without %s: the package is named', async (type, name, prefix) => {
  // Debian's postconf -m tells what the shared libraries named in its dynamicmaps files can do.
  mkdirSync(file('meta'), { recursive: true });
  const maps = readFileSync('/etc/postfix/dynamicmaps.cf', 'utf8');
  writeFileSync(
    file('meta/dynamicmaps.cf'),
    maps
      .split('\n')
      .filter((line) => !line.startsWith(type))
      .join('\n'),
  );
  await set(`relay_recipient_maps = ${prefix}${host.site.mapDir}/relay_recipients`);
  add(`meta_directory = ${file('meta')}`);
  const missing = await found('error', new RegExp(`no map type ${type} `));
  expect(missing.type).toEqual([`apt-get install ${name}`]);
});

test('main.cf names a type of map that relaymap does not write', async () => {
  await set(`relay_recipient_maps = hash:${host.site.mapDir}/relay_recipients`);
  await mends(await found('error', /relaymap writes cdb/));
  await answers([250, 550], ALICE, NOBODY);
});

test('proxy: in front of cdb', async () => {
  await set(`relay_recipient_maps = proxy:cdb:${host.site.mapDir}/relay_recipients`);
  await mends(await found('warning', /proxy keeps the table open/));
  await set(`relay_domains = proxy:cdb:${host.site.mapDir}/relay_domains`);
  await mends(await found('warning', /relay_domains names proxy:/));
});

describe('domains', () => {
  test('relay_domains does not cover a domain of the list', async () => {
    await set('relay_domains = sub.example.org');
    await answers([554], ALICE);
    await mends(await found('error', /does not cover example\.org/));
    await answers([250], ALICE);
  });

  test('relay_domains covers them, but not the next one', async () => {
    await set('relay_domains = example.org, sub.example.org');
    await mends(await found('warning', /new in the list would not be relayed/));
  });

  test('relay_domains names a domain of which the list knows nobody', async () => {
    await set(`relay_domains = cdb:${host.site.mapDir}/relay_domains, other.example`);
    await answers([550], 'x@other.example');
    await mends(await found('error', /names other\.example, and no map has a recipient there/));
  });

  test('and not where another map beside the list has its recipients', async () => {
    writeFileSync(file('more'), 'x@other.example OK\n');
    await set(
      `relay_domains = cdb:${host.site.mapDir}/relay_domains, other.example`,
      `relay_recipient_maps = cdb:${host.site.mapDir}/relay_recipients, texthash:${file('more')}`,
    );
    await answers([250], 'x@other.example');
    expect((await host.check()).findings).toEqual([]);
  });

  test('and not for what is local all the same', async () => {
    await set(
      'mydestination = localhost, mx.example.net',
      `relay_domains = cdb:${host.site.mapDir}/relay_domains, $mydestination`,
    );
    expect((await host.check()).findings).toEqual([]);
  });

  test.each([
    ['mydestination', 'local', NOBODY, 250],
    ['virtual_mailbox_domains', 'virtual mailbox', NOBODY, 250],
    ['virtual_alias_domains', 'virtual alias', ALICE, 550],
  ])('%s has one of them: the map is never asked', async (parameter, name, address, code) => {
    await set('myorigin = example.org', `${parameter} = localhost, $myorigin`);
    await answers([code], address);
    const finding = await found('error', new RegExp(`${parameter} covers example\\.org.*${name} mail`));
    expect(finding.type[0]).toContain(`${parameter} = localhost`);
    await mends(finding);
    await answers([250, 550], ALICE, NOBODY);
  });

  test('every domain below one of the list is a relay domain too', async () => {
    writeFileSync(file('main.cf'), main.replace(/^parent_domain_matches_subdomains.*$/m, ''));
    await answers([550], 'x@deep.sub.example.org');
    await mends(await found('warning', /parent_domain_matches_subdomains holds relay_domains/));
    await answers([554], 'x@deep.sub.example.org');
  });

  test('a top-level domain: everything below it is refused to the own users', async () => {
    await set(
      `relay_domains = cdb:${host.site.mapDir}/relay_domains, com`,
      'parent_domain_matches_subdomains = relay_domains',
      'mynetworks = 127.0.0.0/8',
      'smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination',
    );
    await answers([550], 'someone@gmail.com');
    const { findings } = await host.check();
    const top = findings.find((f) => /every domain below it a relay domain/.test(f.text));
    expect(top?.level).toBe('error');
    expect(await host.type(...(top?.type ?? ['false']))).toMatchObject({ status: 0 });
    await answers([450], 'someone@gmail.com'); // by the harness: no mail leaves this machine
  });
});

describe('a whole domain is made known by', () => {
  test.each(['virtual_alias_maps', 'canonical_maps', 'recipient_canonical_maps'])('a row of %s', async (parameter) => {
    writeFileSync(file('aliases'), 'someone@example.org  alice@example.org\n@example.org  alice@example.org\n');
    await set(`${parameter} = hash:${file('aliases')}`);
    await host.type(`postmap ${file('aliases')}`);
    await answers([250], NOBODY);
    const finding = await found('error', /holds @example\.org/);
    expect(finding.text).toContain(`${parameter}: hash:${file('aliases')}`);
    await mends(finding);
    expect(readFileSync(file('aliases'), 'utf8')).toBe('someone@example.org  alice@example.org\n');
    await answers([550, 250, 250], NOBODY, ALICE, 'someone@example.org');
  });

  test('an expression', async () => {
    writeFileSync(file('regexp'), '/^.+@example\\.org$/ alice@example.org\n');
    await set(`virtual_alias_maps = regexp:${file('regexp')}`);
    await answers([250], NOBODY);
    const finding = await found('error', /matches any address of example\.org/);
    expect((await host.type(...finding.type)).stdout).toBe('alice@example.org\n');
  });

  test('another map of recipients', async () => {
    writeFileSync(file('old'), '@example.org OK\n');
    await set(`relay_recipient_maps = cdb:${host.site.mapDir}/relay_recipients, texthash:${file('old')}`);
    await answers([250], NOBODY);
    await mends(await found('error', /relay_recipient_maps: texthash:.* holds @example\.org/));
    await answers([550], NOBODY);
  });

  test('and made gone by relocated_maps', async () => {
    writeFileSync(file('gone'), '@example.org elsewhere.example\n');
    await set(`relocated_maps = texthash:${file('gone')}`);
    await answers([550], ALICE);
    await mends(await found('error', /refused as having moved/));
    await answers([250], ALICE);
  });

  test('nothing, where only single addresses are aliases', async () => {
    writeFileSync(file('single'), `postmaster@example.org ${ALICE}\n@elsewhere.example ${ALICE}\n`);
    await set(`virtual_alias_maps = texthash:${file('single')}`);
    expect((await host.check()).findings).toEqual([]);
  });
});

describe('nobody is refused by', () => {
  test('smtpd_reject_unlisted_recipient = no', async () => {
    await set('smtpd_reject_unlisted_recipient = no');
    await answers([250], NOBODY);
    await mends(await found('error', /smtpd_reject_unlisted_recipient = no/));
    await answers([550], NOBODY);
  });

  test('and that is no fault where the restriction is named', async () => {
    await set('smtpd_reject_unlisted_recipient = no', 'smtpd_recipient_restrictions = reject_unlisted_recipient');
    await answers([550], NOBODY);
    expect((await host.check()).findings).toEqual([]);
  });

  test('receive_override_options', async () => {
    await set('receive_override_options = no_unknown_recipient_checks, no_address_mappings');
    await answers([250], NOBODY);
    const finding = await found('error', /no_unknown_recipient_checks/);
    expect(finding.type[0]).toBe(`postconf -e 'receive_override_options = no_address_mappings'`);
    await mends(finding);
    await answers([550], NOBODY);
  });

  test.each([
    ['relay_recipient_maps', '', /takes mail for every address/],
    ['smtpd_reject_unlisted_recipient', 'no', /takes mail for every address/],
    ['receive_override_options', 'no_unknown_recipient_checks', /takes mail for every address/],
    ['relay_domains', 'example.org', /relays other domains/],
  ])('a service with -o %s=%s', async (parameter, value, effect) => {
    await host.type(`postconf -P '127.0.0.1:${host.postfix.port}/inet/${parameter}=${value}'`);
    if (parameter !== 'relay_domains') await answers([250], NOBODY);
    const finding = await found('error', effect);
    expect(finding.text).toContain(`127.0.0.1:${host.postfix.port}/inet has -o ${parameter}=${value}`);
    await mends(finding);
    await answers([550, 250], NOBODY, ALICE);
  });

  test('-o local_recipient_maps= and another delimiter are found too', async () => {
    const service = `127.0.0.1:${host.postfix.port}/inet`;
    await set('mydestination = localhost');
    await host.type(`postconf -P ${service}/local_recipient_maps=`);
    await mends(await found('error', /takes mail for every local address/));
    await host.type(`postconf -P ${service}/recipient_delimiter=-`);
    await mends(await found('warning', /parts addresses otherwise/));
  });

  test('and not by what takes mail back from a content filter', async () => {
    await set('content_filter = scan:[127.0.0.1]:10025');
    writeFileSync(
      file('master.cf'),
      `${master}127.0.0.1:10026 inet n - n - - smtpd -o relay_recipient_maps= -o content_filter=\n`,
    );
    const finding = await found('note', /only the content filter/);
    await mends(finding);
  });
});

test('a service in a chroot opens its maps before it goes there, and sees new ones: no fault', async () => {
  const jailed = master.replace(/^(127\S+ inet n -|rewrite unix - -) n/gm, '$1 y');
  writeFileSync(file('master.cf'), jailed);
  expect(jailed.match(/ y /g)).toHaveLength(2);
  await answers([250, 550], ALICE, NOBODY);
  await host.site.publishAndFetch([ALICE, 'bob@sub.example.org', NOBODY]);
  expect((await askOnce(host.postfix.port, [ALICE, NOBODY])).map(({ code }) => code)).toEqual([250, 250]);
  expect((await host.check()).findings).toEqual([]);
  await host.site.publishAndFetch([ALICE, 'bob@sub.example.org']);
});

describe('unknown_relay_recipient_reject_code = 450', () => {
  const day = 86_400_000;

  test('is a note at first and a warning after a week, by main.cf', async () => {
    await set('unknown_relay_recipient_reject_code = 450');
    expect((await found('note', /less than a day/)).type[0]).toBe('postconf -X unknown_relay_recipient_reject_code');
    await host.type(`touch -d @${Math.floor((Date.now() - 8 * day) / 1000)} ${file('main.cf')}`);
    await mends(await found('warning', /for 8 days/));
    await answers([550], NOBODY);
  });

  test('by what init has on record, whenever main.cf was last written', async () => {
    await set('unknown_relay_recipient_reject_code = 450');
    const record = path.join(host.site.stateDir, 'init.json');
    writeFileSync(record, JSON.stringify({ deferringSince: new Date(Date.now() - 9 * day).toISOString() }));
    await mends(await found('warning', /by relaymap init, for 9 days/));
    rmSync(record);
  });
});

test('maps that do not exist, or that were damaged', async () => {
  const map = `${host.site.mapDir}/relay_recipients.cdb`;
  rmSync(map);
  expect((await found('error', /no relay_recipients/)).type).toEqual(['relaymap fetch']);
  await host.site.fetch();
  const bytes = readFileSync(map);
  writeFileSync(map, bytes.subarray(0, 100));
  const damaged = await found('error', /map is damaged/);
  expect(damaged.type).toEqual(['relaymap fetch']);
  await host.site.fetch();
  expect((await host.check()).findings).toEqual([]);
});

test('an empty recipient_delimiter is told, since the primary may take user+tag', async () => {
  await set('recipient_delimiter =');
  await answers([550], 'alice+news@example.org');
  await mends(await found('note', /recipient_delimiter is empty/));
  await answers([250], 'alice+news@example.org');
});

describe('a gateway that asks the list in another way is right', () => {
  test.each([
    [
      'as virtual mailboxes',
      ['virtual_mailbox_domains = example.org, sub.example.org', 'virtual_transport = discard:'],
      550,
    ],
    ['in an access check', ['smtpd_recipient_restrictions = check_recipient_access MAP, reject'], 554],
    [
      'in a class of restrictions',
      [
        'smtpd_restriction_classes = listed',
        'listed = check_recipient_access MAP, reject',
        'smtpd_recipient_restrictions = listed',
      ],
      554,
    ],
  ])('%s', async (_, settings, code) => {
    const map = `cdb:${host.site.mapDir}/relay_recipients`;
    const virtual = settings[0]?.startsWith('virtual') === true;
    await set('relay_recipient_maps =', ...settings.map((line) => line.replace('MAP', map)));
    if (virtual) await set(`virtual_mailbox_maps = ${map}`, 'relay_domains =');
    await answers([250, code], ALICE, NOBODY);
    const { status, stdout } = await host.check();
    expect([status, stdout]).toEqual([0, 'ok: Postfix uses the maps, and nothing is in their way\n']);
  });

  test('and the same in a class that nobody names is an error', async () => {
    const map = `cdb:${host.site.mapDir}/relay_recipients`;
    await set(
      'relay_recipient_maps =',
      'smtpd_restriction_classes = listed',
      `listed = check_recipient_access ${map}, reject`,
    );
    await answers([250], NOBODY);
    await found('error', /relay_recipient_maps is empty/);
  });
});

describe('what decides beside the list, by rules that cannot be seen, is not known', () => {
  test.each([
    [
      'a policy service',
      'smtpd_recipient_restrictions = check_policy_service { inet:127.0.0.1:9, timeout=1s }',
      'inet:127.0.0.1:9',
    ],
    ['a milter', 'smtpd_milters = { inet:127.0.0.1:9, default_action=accept }', 'inet:127.0.0.1:9'],
    ['a filter before the queue', 'smtpd_proxy_filter = 127.0.0.1:9', '127.0.0.1:9'],
    [
      'a probe of the next hop',
      'smtpd_recipient_restrictions = reject_unverified_recipient',
      'reject_unverified_recipient',
    ],
  ])('%s', async (_, line, what) => {
    await set(line);
    const { findings, stdout } = await host.check();
    const note = findings.filter(({ text }) => text.startsWith('Not known: '));
    expect(
      note.map(({ level }) => level),
      stdout,
    ).toEqual(['note']);
    expect(note[0]?.text).toContain(what);
    expect(stdout).not.toContain('nothing is in their way');
  });

  test('a milter of one service', async () => {
    await host.type(`postconf -P '127.0.0.1:${host.postfix.port}/inet/smtpd_milters=inet:127.0.0.1:9'`);
    const note = await found('note', /^Not known: /);
    expect(note.text).toContain(
      `the milter inet:127.0.0.1:9 (master.cf: 127.0.0.1:${host.postfix.port}/inet -o smtpd_milters)`,
    );
  });
});

test('soft_bounce defers whatever should be refused', async () => {
  await set('soft_bounce = yes');
  await answers([450], NOBODY);
  await mends(await found('warning', /soft_bounce = yes/));
  await answers([550], NOBODY);
});

test('a service for submission refuses strangers: what it takes from its users is no fault', async () => {
  writeFileSync(
    file('master.cf'),
    `${master}127.0.0.1:19587 inet n - n - - smtpd -o smtpd_reject_unlisted_recipient=no -o smtpd_relay_restrictions=permit_sasl_authenticated,reject\n`,
  );
  expect((await host.check()).stdout).toBe('ok: Postfix uses the maps, and nothing is in their way\n');
});

test('a memcache that is down answers from what stands behind it: no fault', async () => {
  writeFileSync(file('more'), 'carol@example.org OK\n');
  writeFileSync(file('mc'), `memcache = inet:127.0.0.1:9\nbackup = texthash:${file('more')}\n`);
  await set(`relay_recipient_maps = cdb:${host.site.mapDir}/relay_recipients, memcache:${file('mc')}`);
  await answers([250], 'carol@example.org');
  expect((await host.check()).stdout).toBe('ok: Postfix uses the maps, and nothing is in their way\n');
});

test('a class that a row of an access table names is asked', async () => {
  writeFileSync(file('byDomain'), 'example.org listed\nsub.example.org listed\n');
  await set(
    'relay_recipient_maps =',
    'smtpd_restriction_classes = listed',
    `listed = check_recipient_access cdb:${host.site.mapDir}/relay_recipients, reject`,
    `smtpd_recipient_restrictions = check_recipient_access texthash:${file('byDomain')}`,
  );
  await answers([250, 554], ALICE, NOBODY);
  expect((await host.check()).stdout).toBe('ok: Postfix uses the maps, and nothing is in their way\n');
});

test('our domains as virtual mailboxes, and not our recipients: the parameter that lacks them is named', async () => {
  await set(
    'relay_recipient_maps =',
    'relay_domains =',
    `virtual_mailbox_domains = cdb:${host.site.mapDir}/relay_domains`,
    'virtual_transport = discard:',
  );
  await mends(await found('error', /virtual_mailbox_maps does not name its recipients/));
  await answers([250, 550], ALICE, NOBODY);
});

test('only the service goes by another list: main.cf is not blamed', async () => {
  await host.type(`postconf -P '127.0.0.1:${host.postfix.port}/inet/relay_recipient_maps='`);
  const { findings } = await host.check();
  expect(findings.map(({ text }) => text)).toEqual([expect.stringContaining('-o relay_recipient_maps=')]);
});

test('a table of relay_domains is taken out, in whatever case its path is written', async () => {
  writeFileSync(file('Other'), 'other.example OK\n');
  await set(`relay_domains = cdb:${host.site.mapDir}/relay_domains, texthash:${file('Other')}`);
  await mends(await found('error', /names other\.example, and no map/));
});

test('a restriction before the list that takes everybody is found by asking', async () => {
  writeFileSync(file('access'), 'sub.example.org OK\n');
  await set(
    `smtpd_recipient_restrictions = check_recipient_access texthash:${file('access')}`,
    'smtpd_reject_unlisted_recipient = no',
    `smtpd_relay_restrictions = reject_unauth_destination`,
  );
  await found('error', /smtpd_reject_unlisted_recipient = no/);
  writeFileSync(file('access'), 'example.org REJECT\nsub.example.org REJECT\n');
  await host.postfix.reload();
  await set('smtpd_reject_unlisted_recipient = yes');
  const finding = await found('error', /was asked, and refuses \d of \d addresses of the list/);
  expect(finding.text).not.toContain(ALICE);
});

test.each([
  ['not made yet', 'hash', true, /^postmap hash:/],
  ['gone', 'hash', false, /^postconf relay_recipient_maps /],
])('a second table that is %s: the error and a line that works', async (_, type, isThere, line) => {
  const table = `${type}:${file('more')}`;
  rmSync(file('more'), { force: true });
  rmSync(file('more.db'), { force: true });
  if (isThere) writeFileSync(file('more'), 'x@example.org OK\n');
  await set(`relay_recipient_maps = cdb:${host.site.mapDir}/relay_recipients, ${table}`);
  await answers([451], NOBODY);
  const finding = await found('error', /cannot be opened/);
  expect(finding.type[0]).toMatch(line);
  if (isThere) await mends(finding);
  rmSync(file('more.db'), { force: true });
});

describe('without a Postfix', () => {
  test('that runs', async () => {
    await host.type('postfix stop');
    const finding = await found('error', /does not run: no mail is taken/);
    await mends(finding);
  });

  test('that is configured', async () => {
    const env = { ...host.site.env };
    Object.assign(host.site.env, { MAIL_CONFIG: path.join(host.site.dir, 'nowhere') });
    const { status, findings } = await host.check();
    Object.assign(host.site.env, env);
    expect([status, findings.map((f) => [f.level, f.type])]).toEqual([1, [['error', ['dpkg-reconfigure postfix']]]]);
  });

  test('whose main.cf has a slip: its line, and nothing that would write another main.cf', async () => {
    add('garbage');
    const finding = await found('error', /main\.cf, line \d+: missing '=' after attribute name: "garbage"/);
    expect(finding.type[0]).toMatch(/^postfix check /);
  });

  test('at all', async () => {
    const bin = path.join(host.site.dir, 'bin');
    mkdirSync(bin);
    const shown = await host.type(
      `ln -s "$(command -v node)" ${bin}/node`,
      // The folders of Postfix's commands are always looked through: here they are empty.
      `unshare -m sh -c 'mount -t tmpfs none /usr/sbin && PATH=${bin} ${process.execPath} "${command}" check --config ${host.site.gatewayConfig}' || test $? = 1`,
    );
    expect(findingsOf(shown.stdout).map((f) => [f.level, f.type])).toEqual([
      ['error', ['apt-get install postfix postfix-cdb']],
    ]);
  });
});

test('a configuration that cannot be read: exit 2, and nothing on stdout', async () => {
  const run = await host.site.relaymap('check', '--config', '/nonexistent/relaymap.toml');
  expect([run.status, run.stdout]).toEqual([2, '']);
  expect(run.stderr).toMatch(/^error: CONFIG/);
});
