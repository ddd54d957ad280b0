// `relaymap init`: the configuration is written and never overwritten, one cycle is run, whoever gets mail today
// and would get none tomorrow is named, and Postfix is changed only by --apply and only after a good list is
// installed.
// Covers src/gateway/init, src/bin/gateway/init-command.ts, src/bin/gateway/init-postfix.ts
// Covers src/gateway/mta/postfix/tables.ts
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { command as relaymap } from '../support/gateway.ts';
import { type Postfix, type PostfixOptions, startPostfix } from '../support/postfix.ts';
import { createSite, type Site } from '../support/site.ts';
import type { Finished } from '../support/finished.ts';
import { answersSo } from '../support/smtp.ts';

const LIST = ['alice@example.org', 'bob@sub.example.org', 'a b@example.org'];
let site: Site;
let postfix: Postfix | undefined;

beforeEach(async () => {
  site = await createSite();
  await site.publish(LIST);
});
afterEach(async () => {
  await Promise.all([postfix?.stop(), site?.stop()]);
  postfix = undefined;
});

const at = (...names: string[]): string => path.join(site.dir, 'etc', ...names);

/** An administrator's folder in which only the places are set, since those of a real host are not ours. */
function places(...more: string[]): void {
  mkdirSync(at(), { recursive: true });
  writeFileSync(
    at('relaymap.toml'),
    [`state_dir = "${site.stateDir}"`, `map_dir = "${site.mapDir}"`, ...more].join('\n'),
  );
}

const trustCa = (): void =>
  writeFileSync(
    at('relaymap.toml'),
    readFileSync(at('relaymap.toml'), 'utf8').replace(/^# ca_file = "[^"]*"/m, `ca_file = "${site.dir}/tls.pem"`),
  );

function initArguments(): string[] {
  const key = `${site.dir}/signing/example-org.pub`;
  return ['init', '--config', at('relaymap.toml'), '--name', 'example-org', '--url', site.url, '--key', key];
}

const init = (...more: string[]): Promise<Finished> => site.relaymap(...initArguments(), ...more);

/** The same where state_dir and map_dir are the defaults: /var/lib is an empty one of this command's own. */
async function initInOwnVarLib(...more: string[]): Promise<Finished> {
  const all = [relaymap, ...initArguments(), ...more].map((arg) => `'${arg}'`);
  const command = [process.execPath, ...all].join(' ');
  const child = spawn('unshare', ['-m', 'sh', '-c', `mount -t tmpfs none /var/lib && ${command}`], {
    env: { ...process.env, NO_COLOR: '1', ...site.env },
  });
  const [[status], stdout, stderr] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]);
  return { status: status as number, stdout, stderr };
}

/** Configured and trusted, so that the next init gets its list. */
async function configured(...more: string[]): Promise<void> {
  places();
  expect((await init(...more)).status).toBe(2); // the CA is not known yet
  trustCa();
}

async function mx(options: PostfixOptions): Promise<Postfix> {
  const mainCf = { relay_domains: 'example.org, sub.example.org', relay_transport: 'discard:', ...options.mainCf };
  postfix = await startPostfix({ ...options, mainCf });
  for (const name of Object.keys(options.files ?? {})) {
    const type = name.split('.').at(-1) ?? '';
    if (['hash', 'cdb', 'lmdb', 'btree'].includes(type)) shell(`postmap ${type}:${path.join(postfix.configDir, name)}`);
  }
  Object.assign(site.env, postfix.env);
  return postfix;
}

const shell = (line: string): string =>
  execFileSync('sh', ['-ec', line], {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin`, ...postfix?.env },
  });

const answers = (codes: readonly number[], ...recipients: string[]): Promise<void> =>
  answersSo(postfix?.port ?? 0, codes, recipients);

const mainCf = (): string => readFileSync(path.join(postfix?.configDir ?? '', 'main.cf'), 'utf8');

/** The indented lines under a heading. */
function under(stdout: string, heading: RegExp): string[] {
  const lines = stdout.split('\n');
  const from = lines.findIndex((line) => heading.test(line));
  const rest = lines.slice(from + 1);
  const end = rest.findIndex((line) => !line.startsWith('  '));
  return from < 0 ? [] : rest.slice(0, end).map((line) => line.trim());
}

describe('the configuration', () => {
  test('is written with its key beside it, readable for the service, and is one', async () => {
    const run = await initInOwnVarLib('--domains', 'example.org,*.example.org');
    expect(run.status).toBe(2); // its CA is not known
    expect(run.stdout).toBe(`wrote ${at('relaymap.toml')}\nwrote ${at('keys/example-org/example-org.pub')}\n`);
    const toml = readFileSync(at('relaymap.toml'), 'utf8');
    expect(toml).toContain('domains = ["example.org", "*.example.org"]');
    expect(toml).toMatch(/^# token_file = /m);
    expect(readFileSync(at('keys/example-org/example-org.pub'), 'utf8')).toBe(
      readFileSync(`${site.dir}/signing/example-org.pub`, 'utf8'),
    );
    for (const [place, mode] of [
      ['relaymap.toml', 0o644],
      ['keys', 0o755],
      ['keys/example-org', 0o755],
      ['keys/example-org/example-org.pub', 0o644],
    ] as const) {
      expect(statSync(at(place)).mode & 0o777, place).toBe(mode);
    }
    expect(readdirSync(at())).toEqual(['keys', 'relaymap.toml']);
  });

  test('that holds only settings is completed, one of comments alone is replaced', async () => {
    places('# ours', '[health]', 'warn_after = "2h"');
    await init();
    const toml = readFileSync(at('relaymap.toml'), 'utf8');
    expect(toml.startsWith(`state_dir = "${site.stateDir}"\n`)).toBe(true);
    expect(toml).toContain('# ours\n[health]\nwarn_after = "2h"\n\n[[bundle]]\n');
    writeFileSync(at('relaymap.toml'), '# [[bundle]]\n\n# an example\n');
    await initInOwnVarLib();
    expect(readFileSync(at('relaymap.toml'), 'utf8')).not.toContain('an example');
  });

  test('says what to do where a token or a CA is needed, and the same again then works', async () => {
    places();
    const first = await init();
    expect([first.status, existsSync(`${site.mapDir}/relay_recipients.cdb`)]).toEqual([2, false]);
    expect(first.stderr).toMatch(/TLS/);
    const line = /^ {2}relaymap (init .* --replace --ca-file) \S+$/m.exec(first.stderr)?.[1] ?? '';
    expect(first.stderr).toMatch(/^ {2}relaymap init .* --replace --token-file \S+$/m);
    const second = await site.relaymap(...line.split(' '), `${site.dir}/tls.pem`);
    expect(readFileSync(at('relaymap.toml'), 'utf8')).toMatch(/^ca_file = "/m);
    expect([second.status, second.stderr.includes('token')], second.stderr).toEqual([0, false]);
    expect(second.stdout).toMatch(/^example-org: installed version 1, 5 rows/m);
  });

  test.each([
    [
      'another URL',
      { url: 'https://other.example/' },
      /stays as it is:\n.*urls: https:.*; --url is https:\/\/other\.example\/\n.*--replace/,
    ],
    [
      'other domains',
      { domains: 'example.net' },
      /stays as it is:\n.*domains: no domains; --domains is example\.net\n.*--replace/,
    ],
    [
      'another bundle',
      { name: 'example-net' },
      /add this to it and type the same again:\n.*\[\[bundle\]\]\n.*name = "example-net"/s,
    ],
  ])('with %s is never changed: exit 2, and what to do', async (_name, change: Record<string, string>, why) => {
    await configured();
    const before = readFileSync(at('relaymap.toml'), 'utf8');
    const args = { name: 'example-org', url: site.url, key: `${site.dir}/signing/example-org.pub`, ...change };
    const run = await site.relaymap(
      'init',
      '--config',
      at('relaymap.toml'),
      ...Object.entries(args).flatMap(([k, v]) => [`--${k}`, v]),
    );
    expect([run.status, run.stdout]).toEqual([2, '']);
    expect(run.stderr).toMatch(why);
    expect(readFileSync(at('relaymap.toml'), 'utf8')).toBe(before);
    expect(readdirSync(at('keys'))).toEqual(['example-org']);
  });

  test('whose URL was mistyped is corrected by the right line with --replace, and by nothing less', async () => {
    await configured('--domains', 'example.org,*.example.org');
    const text = readFileSync(at('relaymap.toml'), 'utf8');
    const wrong = text.replace(site.url, 'https://mx.exmaple.org/');
    writeFileSync(at('relaymap.toml'), wrong);
    expect([(await init()).status, readFileSync(at('relaymap.toml'), 'utf8')]).toEqual([2, wrong]);
    const run = await init('--replace');
    expect([run.status, run.stdout.startsWith(`changed ${at('relaymap.toml')}\n`)], run.stderr).toEqual([0, true]);
    const changed = readFileSync(at('relaymap.toml'), 'utf8');
    expect(changed.replace(/^urls = .*$/m, '')).toBe(text.replace(/^urls = .*$/m, ''));
    expect((await init()).stdout).not.toMatch(/^changed/m);
  });

  test('takes the token and the CA from the command line at once', async () => {
    places();
    writeFileSync(at('token'), 'secret', { mode: 0o600 });
    const run = await init('--token-file', at('token'), '--ca-file', `${site.dir}/tls.pem`);
    expect(run.status, run.stderr).toBe(0);
    const toml = readFileSync(at('relaymap.toml'), 'utf8');
    expect(toml).toContain(`\ntoken_file = "${at('token')}"`);
    expect(toml).toContain(`\nca_file = "${site.dir}/tls.pem"`);
  });

  test('is not made of mistakes: nothing is written', async () => {
    mkdirSync(at());
    const key = `${site.dir}/signing/example-org`;
    const bad: [string[], RegExp][] = [
      [['--name', 'Example', '--url', site.url, '--key', `${key}.pub`], /--name Example must match/],
      [['--name', 'example-org', '--url', 'http://mx/', '--key', `${key}.pub`], /relaymap\.toml: .*https/],
      [
        ['--name', 'example-org', '--url', site.url, '--key', `${key}.pub`, '--domains', 'org'],
        /relaymap\.toml: .*domains/,
      ],
      [['--name', 'example-org', '--url', site.url, '--key', `${key}.key`], /PRIVATE key/],
      [['--name', 'example-org', '--url', site.url, '--key', `${key}.none`], /cannot read the public key/],
      [['--name', 'example-org', '--url', site.url], /--key/],
    ];
    for (const [args, why] of bad) {
      const run = await site.relaymap('init', '--config', at('relaymap.toml'), ...args);
      expect([run.status, run.stdout], args.join(' ')).toEqual([2, '']);
      expect(run.stderr).toMatch(why);
      expect(run.stderr).not.toContain('.new');
      expect(readdirSync(at()), args.join(' ')).toEqual([]);
    }
  });

  test('keeps a key of that name that is another one', async () => {
    mkdirSync(at('keys/example-org'), { recursive: true });
    execFileSync('openssl', ['genpkey', '-algorithm', 'ed25519', '-out', at('other.key')]);
    execFileSync('openssl', ['pkey', '-in', at('other.key'), '-pubout', '-out', at('other.pub')]);
    writeFileSync(at('keys/example-org/example-org.pub'), readFileSync(at('other.pub')));
    const run = await init();
    expect([run.status, run.stdout]).toEqual([2, '']);
    expect(run.stderr).toMatch(/To trust both: cp /);
    expect(existsSync(at('relaymap.toml'))).toBe(false);
    expect(readFileSync(at('keys/example-org/example-org.pub'))).toEqual(readFileSync(at('other.pub')));
  });
});

describe('the comparison', () => {
  test.each(['hash', 'btree', 'lmdb', 'cdb', 'texthash', 'proxy:hash', 'proxy:cdb'])(
    'names whom a %s table has and the list has not',
    async (type) => {
      const file = `old.${type.replace('proxy:', '')}`;
      const old = [
        'Alice@Example.org',
        'carol@example.org',
        '"a b"@example.org',
        '"c d"@example.org',
        'x@elsewhere.example',
      ];
      await configured();
      await mx({
        mainCf: { relay_recipient_maps: `${type}:{dir}/${file}` },
        files: { [file]: old.map((row) => `${row} OK\n`).join('') },
      });
      const before = mainCf();
      const run = await init();
      expect([run.status, run.stderr.replace(/^1 row cannot .*\n/, '')]).toEqual([0, '']);
      expect(under(run.stdout, /^2 addresses accepted now would be rejected:$/)).toEqual([
        '"c d"@example.org',
        'carol@example.org',
      ]);
      expect(run.stdout).toContain(`${type}:${postfix?.configDir}/${file} today (5 rows)`);
      expect(mainCf()).toBe(before);
    },
  );

  test('an alias, a canonical address and one that has moved are not named; a whole domain is, once', async () => {
    await configured();
    await mx({
      mainCf: {
        relay_recipient_maps: 'texthash:{dir}/old',
        virtual_alias_maps: 'texthash:{dir}/aliases',
        canonical_maps: 'texthash:{dir}/canonical',
        relocated_maps: 'texthash:{dir}/gone',
        recipient_delimiter: '+',
      },
      files: {
        old:
          ['alias', 'canon', 'gone', 'carol', 'alice+lists'].map((l) => `${l}@example.org OK\n`).join('') +
          '@sub.example.org OK\nbare OK\n',
        aliases: 'alias@example.org alice@example.org\n',
        canonical: 'canon@example.org alice@example.org\n',
        gone: 'gone@example.org elsewhere.example\n',
      },
    });
    await answers(
      [250, 250, 550, 250],
      'alias@example.org',
      'canon@example.org',
      'gone@example.org',
      'any@sub.example.org',
    );
    const { stdout } = await init();
    expect(under(stdout, /^1 address accepted now would be rejected:$/)).toEqual(['carol@example.org']);
    expect(under(stdout, /^Accepted now whatever stands before the @/)).toEqual(['@sub.example.org']);
  });

  test('nobody is lost: it says so', async () => {
    await configured();
    await mx({ mainCf: { relay_recipient_maps: 'texthash:{dir}/old' }, files: { old: 'alice@example.org OK\n' } });
    expect((await init()).stdout).toContain('Nobody who is accepted now would be rejected (1 address compared).');
  });

  test('a table that serves other domains stays, and so does what it accepts', async () => {
    await configured();
    await mx({
      mainCf: {
        relay_domains: 'example.org, other.example',
        relay_recipient_maps: 'texthash:{dir}/old, texthash:{dir}/stale',
      },
      files: { old: 'x@other.example OK\nzoe@example.org OK\n', stale: 'carol@example.org OK\n' },
    });
    const { stdout } = await init();
    expect(under(stdout, /would be rejected/)).toEqual(['carol@example.org']);
    const dir = postfix?.configDir ?? '';
    expect(under(stdout, /^To have Postfix use the list/)).toEqual([
      `postconf -e 'relay_recipient_maps = cdb:${site.mapDir}/relay_recipients, texthash:${dir}/old'`,
      `postconf -e 'relay_domains = cdb:${site.mapDir}/relay_domains, other.example'`,
      `postconf -e 'unknown_relay_recipient_reject_code = 450'`,
      'postfix reload',
    ]);
    shell(under(stdout, /^To have Postfix use the list/).join('\n'));
    await answers(
      [250, 250, 450, 250, 450],
      'alice@example.org',
      'x@other.example',
      'y@other.example',
      'zoe@example.org',
      'carol@example.org',
    );
  });

  test('a table that cannot be listed is said to be so, and asked for the rows of the new list', async () => {
    await configured();
    await mx({ mainCf: { relay_recipient_maps: 'regexp:{dir}/old' }, files: { old: '/^alice@/ OK\n' } });
    const { stdout } = await init();
    expect(stdout.replace(/\s+/g, ' ')).toMatch(
      /cannot be listed, so whom it alone knows is not named here\. Of 4 rows from all over the new list it knows 1\./,
    );
  });

  test('everybody is accepted today: no map can tell who is lost, but a whole domain can be named', async () => {
    await configured();
    await mx({
      mainCf: {
        mydestination: 'localhost, mx.example.net',
        relay_domains: '$mydestination, example.org, other.example',
        relay_recipient_maps: '',
      },
    });
    const { stdout } = await init();
    expect(stdout).toMatch(
      /^Today Postfix accepts every address of its relay domains: relay_recipient_maps\s+is empty/m,
    );
    expect(under(stdout, /^Accepted now whatever stands before the @/)).toEqual(['@other.example']);
    expect(stdout).not.toMatch(/Nobody who is accepted now/);
    expect(stdout).toContain(`/relay_domains, $mydestination, other.example'`);
  });
});

describe('--apply', () => {
  test('changes Postfix after a good list is installed, and check is then content', async () => {
    await configured('--domains', 'example.org,*.example.org');
    await mx({ mainCf: { relay_recipient_maps: 'texthash:{dir}/old' }, files: { old: 'carol@example.org OK\n' } });
    await answers([550, 250], 'alice@example.org', 'carol@example.org');
    const run = await init('--apply');
    expect([run.status, under(run.stdout, /would be rejected/)], run.stderr).toEqual([0, ['carol@example.org']]);
    expect(run.stdout).toContain('Postfix has been reloaded.');
    await answers([250, 450, 250], 'alice@example.org', 'carol@example.org', 'bob@sub.example.org');
    const check = await site.relaymap('check', '--config', at('relaymap.toml'));
    expect([check.status, check.stdout]).toEqual([
      0,
      expect.stringMatching(/^note: unknown_relay_recipient_reject_code = 450 by\s+relaymap init/),
    ]);
    const lines = run.stdout.replaceAll(site.dir, '').split('\n');
    expect(lines.filter((line) => line.length > 80 && !line.startsWith('  postconf'))).toEqual([]);
    // And back, by its own lines.
    shell([...under(run.stdout, /^To go back/), 'postfix reload'].join('\n'));
    await answers([550, 250], 'alice@example.org', 'carol@example.org');
  });

  test('twice changes nothing more and keeps the date of the first', async () => {
    await configured();
    await mx({ mainCf: { relay_recipient_maps: '' } });
    await init('--apply');
    const [before, record] = [mainCf(), readFileSync(`${site.stateDir}/init.json`, 'utf8')];
    const again = await init('--apply');
    expect([again.status, again.stdout.includes('nothing to change')]).toEqual([0, true]);
    expect([mainCf(), readFileSync(`${site.stateDir}/init.json`, 'utf8')]).toEqual([before, record]);
  });

  test('an unknown recipient that is refused for good since is not deferred again', async () => {
    await configured();
    await mx({ mainCf: { relay_recipient_maps: '' } });
    await init('--apply');
    shell("postconf -e 'unknown_relay_recipient_reject_code = 550'");
    const before = mainCf();
    const again = await init('--apply');
    expect([again.status, mainCf()]).toEqual([0, before]);
    expect(again.stdout).toContain('nothing to change');
    shell('postconf -X unknown_relay_recipient_reject_code');
    const without = mainCf();
    await init('--apply');
    expect(mainCf()).toBe(without);
  });

  test('a table that cannot be listed stays beside the map: SRS and BATV addresses are accepted as before', async () => {
    const [srs, batv] = ['SRS0=x=y=a.example=b@example.org', 'prvs=1234=alice@example.org'];
    await configured('--domains', 'example.org,*.example.org');
    await mx({
      mainCf: { relay_recipient_maps: 'texthash:{dir}/old, regexp:{dir}/srs' },
      files: { old: 'alice@example.org OK\ncarol@example.org OK\n', srs: '/^(srs0=|prvs=)/ OK\n' },
    });
    await answers([250, 250, 250, 550], 'alice@example.org', srs, batv, 'nobody@example.org');
    const run = await init('--apply');
    expect([run.status, under(run.stdout, /would be rejected/)]).toEqual([0, ['carol@example.org']]);
    expect(run.stdout.replace(/\s+/g, ' ')).toMatch(
      /regexp:\S+ stays beside the new map: whom it accepts cannot be listed/,
    );
    await answers([250, 250, 250, 450], 'alice@example.org', srs, batv, 'nobody@example.org');
  });

  test('a Postfix that keeps its list in an access check does not accept everybody, and whom it has is named', async () => {
    await configured('--domains', 'example.org,*.example.org');
    await mx({
      mainCf: {
        relay_recipient_maps: '',
        smtpd_recipient_restrictions: 'check_recipient_access hash:{dir}/access.hash, reject',
      },
      files: { 'access.hash': 'alice@example.org OK\ncarol@example.org OK\ndave@example.org REJECT\n' },
    });
    await answers([250, 554], 'carol@example.org', 'nobody@example.org');
    const run = await init();
    expect(run.stdout).not.toContain('accepts every address');
    expect(under(run.stdout, /^1 address accepted now would be rejected:$/)).toEqual(['carol@example.org']);
  });

  test('where the list is asked as virtual mailboxes already, nothing is changed', async () => {
    await configured('--domains', 'example.org,*.example.org');
    await mx({
      mainCf: {
        relay_recipient_maps: '',
        relay_domains: '',
        virtual_mailbox_domains: 'example.org, sub.example.org',
        virtual_mailbox_maps: `cdb:${site.mapDir}/relay_recipients`,
        virtual_transport: 'discard:',
      },
    });
    const before = mainCf();
    const run = await init('--apply');
    expect([run.status, mainCf()]).toEqual([0, before]);
    expect(run.stdout).toContain('Postfix uses the map already (virtual_mailbox_maps); nothing to change.');
  });

  test('what decides beside and cannot be compared is named, and nobody is promised anything', async () => {
    await configured('--domains', 'example.org,*.example.org');
    await mx({
      mainCf: {
        relay_recipient_maps: 'texthash:{dir}/old',
        smtpd_recipient_restrictions: 'check_policy_service unix:private/nowhere',
      },
      files: { old: 'alice@example.org OK\n' },
    });
    const run = await init();
    expect(run.stdout).not.toMatch(/Nobody who is accepted now/);
    expect(under(run.stdout, /^This decides as well, and was not compared:$/)[0]).toBe(
      'the policy service unix:private/nowhere (smtpd_recipient_restrictions)',
    );
  });

  test('without a good list Postfix stays as it is', async () => {
    await configured();
    await mx({ mainCf: { relay_recipient_maps: 'texthash:{dir}/old' }, files: { old: 'carol@example.org OK\n' } });
    const before = mainCf();
    rmSync(`${site.output}/manifest.json`);
    const run = await init('--apply');
    expect([run.status, mainCf(), existsSync(`${site.stateDir}/init.json`)]).toEqual([2, before, false]);
    expect(run.stdout).not.toContain('postconf');
    await answers([250], 'carol@example.org');
  });

  test('what it writes below state_dir belongs to its owner, and main.cf to root', async () => {
    await configured();
    await mx({ mainCf: { relay_recipient_maps: '' } });
    execFileSync('chown', ['-R', 'daemon:postfix', site.stateDir, site.mapDir]);
    const run = await init('--apply');
    expect(run.status, run.stderr).toBe(0);
    const owners = (place: string) => shell(`find ${place} -printf '%u\\n' | sort -u`).trim();
    expect([owners(site.stateDir), owners(site.mapDir), owners(postfix?.configDir ?? '')]).toEqual([
      'daemon',
      'daemon',
      'root',
    ]);
    expect(existsSync(`${site.stateDir}/init.json`)).toBe(true);
    await answers([250, 450], 'alice@example.org', 'nobody@example.org');
  });

  test('is refused where Postfix lacks the map type, is not there, or to anybody but root: nothing is written', async () => {
    await configured();
    await mx({ mainCf: { relay_recipient_maps: '' } });
    const meta = path.join(postfix?.configDir ?? '', 'meta');
    mkdirSync(meta);
    writeFileSync(path.join(meta, 'dynamicmaps.cf'), '');
    shell(`postconf -e 'meta_directory = ${meta}'`);
    const before = mainCf();
    const lacking = await init('--apply');
    expect([lacking.status, mainCf(), existsSync(`${site.mapDir}/relay_recipients.cdb`)]).toEqual([2, before, false]);
    expect(lacking.stderr).toContain('apt-get install postfix-cdb');
    rmSync(at(), { recursive: true });
    Object.assign(site.env, { MAIL_CONFIG: path.join(site.dir, 'nowhere') });
    const none = await init('--apply');
    expect([none.status, existsSync(at())]).toEqual([2, false]);
    const command = `${process.execPath} "${relaymap}" init --config ${at('relaymap.toml')} --name example-org --url ${site.url} --key x --apply 2>&1 || test $? = 2`;
    expect(shell(`setpriv --reuid daemon --clear-groups sh -c '${command}'`)).toContain('run it as root');
  });
});

test('maps that a purged package left: they stay, it is said, and the same line works', async () => {
  await configured();
  expect((await init()).status).toBe(0);
  rmSync(site.stateDir, { recursive: true });
  mkdirSync(site.stateDir);
  const run = await init();
  expect([run.status, run.stdout.replace(/\s+/g, ' ')], run.stderr).toEqual([
    0,
    expect.stringContaining('has the maps of an earlier installation whose records are gone') as string,
  ]);
  expect(run.stderr).not.toContain('STATE_CORRUPT');
});

test('where there is no Postfix the lines are shown all the same', async () => {
  await configured();
  const run = await init();
  expect([
    run.status,
    run.stdout.includes(`postconf -e 'relay_recipient_maps = cdb:${site.mapDir}/relay_recipients'`),
  ]).toEqual([0, true]);
});

describe('a host with two instances of Postfix', () => {
  let second: Postfix;
  const changedOf = ({ configDir }: Postfix): boolean =>
    readFileSync(path.join(configDir, 'main.cf'), 'utf8').includes(`cdb:${site.mapDir}/relay_recipients`);

  /** Both relay, unless the first is told otherwise. */
  async function two(firstCf: Record<string, string> = {}): Promise<void> {
    const relays = { relay_domains: 'example.org, sub.example.org', relay_transport: 'discard:' };
    second = await startPostfix({ mainCf: relays });
    onTestFinished(() => second.stop());
    await mx({ mainCf: { multi_instance_directories: second.configDir, ...firstCf } });
    await configured();
  }

  test('looks at both and says for each; neither is changed', async () => {
    await two();
    const { status, stdout } = await init();
    expect(status).toBe(0);
    for (const each of [postfix, second]) {
      expect(stdout).toContain(`== Postfix in ${each?.configDir} ==`);
      expect(stdout).toContain(`postconf -c ${each?.configDir} -e 'relay_domains = cdb:${site.mapDir}/relay_domains'`);
      expect(stdout).toContain(`postfix -c ${each?.configDir} reload`);
      expect(each === undefined || changedOf(each)).toBe(false);
    }
    expect(stdout).not.toContain('the instance');
  });

  test('--apply changes both, and the configuration names both', async () => {
    await two();
    const run = await init('--apply');
    expect(run.status, run.stderr).toBe(0);
    expect([postfix, second].map((each) => each !== undefined && changedOf(each))).toEqual([true, true]);
    for (const { port } of [postfix ?? second, second])
      await answersSo(port, [250, 450], [LIST[0] ?? '', 'x@example.org']);
    expect(readFileSync(at('relaymap.toml'), 'utf8')).toContain(
      `instances = ["${postfix?.configDir}", "${second.configDir}"]`,
    );
    const again = await init('--apply');
    expect(again.stdout.match(/nothing to change/g)).toHaveLength(2);
  });

  test('one that relays nothing is left alone, and that is said', async () => {
    await two({ relay_domains: '' });
    const { status, stdout } = await init('--apply');
    expect(status).toBe(0);
    expect([postfix, second].map((each) => each !== undefined && changedOf(each))).toEqual([false, true]);
    expect(stdout.replace(/\s+/g, ' ')).toContain(
      `Postfix in ${postfix?.configDir} is left as it is: it relays nothing`,
    );
  });

  test('--instance names the one that is meant; the host is not called done', async () => {
    await two();
    const { status, stdout } = await init('--apply', '--instance', second.configDir);
    expect(status).toBe(0);
    expect([postfix, second].map((each) => each !== undefined && changedOf(each))).toEqual([false, true]);
    expect(stdout.replace(/\s+/g, ' ')).toContain(
      `Postfix in ${postfix?.configDir} is left as it is: it was not named`,
    );
  });

  test('where none relays one has to be named: nothing is written', async () => {
    places();
    second = await startPostfix({ mainCf: { relay_domains: '' } });
    onTestFinished(() => second.stop());
    await mx({ mainCf: { multi_instance_directories: second.configDir, relay_domains: '' } });
    const before = readFileSync(at('relaymap.toml'), 'utf8');
    const run = await init('--apply');
    expect(run.status).toBe(2);
    expect(run.stderr).toContain(`--instance ${second.configDir}`);
    expect(readFileSync(at('relaymap.toml'), 'utf8')).toBe(before);
  });
});
