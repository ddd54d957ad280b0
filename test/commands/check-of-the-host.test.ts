// `relaymap check` on the host's own side: who may write what is relied on, keys, certificates, the clock, and a
// Postfix that nobody can reload. Each fault is found, and the line to type mends it.
// Covers src/gateway/check, src/bin/gateway/check-command.ts, src/gateway/say/wrap.ts
// Covers src/gateway/maps/sample-rows.ts
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { command } from '../support/gateway.ts';
import { type Finding, type Host, startHost } from '../support/host.ts';

const SERVICE = 1; // daemon: any user who is neither root nor postfix
let host: Host;
let config: string;
let permissions: string;

beforeAll(async () => {
  host = await startHost(['alice@example.org']);
  config = readFileSync(host.site.gatewayConfig, 'utf8');
  // What getfacl would tell, by find: to put everything back after each test.
  permissions = execFileSync('find', [host.site.dir, '-printf', '%U:%G %m %p\\n'], { encoding: 'utf8' });
});
afterAll(() => host?.stop());
afterEach(() => {
  for (const line of permissions.trimEnd().split('\n')) {
    const [, uid, gid, mode, name] = /^(\d+):(\d+) (\d+) (.*)$/.exec(line) ?? [];
    const found = statSync(name ?? '', { throwIfNoEntry: false });
    if (name === undefined || found === undefined) continue;
    if (found.uid !== Number(uid) || found.gid !== Number(gid)) chownSync(name, Number(uid), Number(gid));
    if ((found.mode & 0o7777) !== parseInt(mode ?? '', 8)) chmodSync(name, parseInt(mode ?? '', 8));
  }
  writeFileSync(host.site.gatewayConfig, config);
});

const at = (...names: string[]): string => path.join(host.site.dir, ...names);
const configure = (change: (text: string) => string): void => writeFileSync(host.site.gatewayConfig, change(config));
const bundleLine = (line: string): void =>
  configure((text) => text.replace('\n[[bundle]]\n', `\n[[bundle]]\n${line}\n`));

async function found(level: Finding['level'], text: RegExp): Promise<Finding> {
  const checked = await host.check();
  const matching = checked.findings.filter((f) => text.test(f.text));
  expect(matching, checked.stdout + checked.stderr).toHaveLength(1);
  expect([matching[0]?.level, checked.status]).toEqual([level, level === 'note' ? 0 : 1]);
  return matching[0] ?? { level, text: '', type: [] };
}

async function mends({ type }: Finding): Promise<void> {
  expect(await host.type(...type)).toMatchObject({ status: 0 });
  expect((await host.check()).stdout).toBe('ok: Postfix uses the maps, and nothing is in their way\n');
}

describe('everybody may write', () => {
  test.each([
    ['the configuration', 'gateway.toml', 0o666, /gateway\.toml, and so decide which lists are believed/],
    ['a key', 'keys/example-org.pub', 0o646, /example-org\.pub, and so have lists of their own believed/],
    ['the folder of keys', 'keys', 0o757, /keys, and so have lists/],
    ['the maps', 'maps', 0o777, /maps, and so decide who gets mail/],
    ['a map', 'maps/relay_recipients.cdb', 0o646, /relay_recipients\.cdb, and so decide who gets mail/],
    ['the records', 'state', 0o777, /state, and so make relaymap forget/],
    ['a folder above', '', 0o757, /Everybody can write/],
  ])('%s', async (_name, place, mode, text) => {
    chmodSync(at(place), mode);
    await mends(await found('error', text));
  });

  test('a sticky folder above, as /tmp is, is no fault', async () => {
    chmodSync(at(), 0o1777);
    expect((await host.check()).findings).toEqual([]);
  });
});

test('a group may write a key, another user may write the configuration', async () => {
  chownSync(at('keys/example-org.pub'), 0, 12);
  chmodSync(at('keys/example-org.pub'), 0o664);
  await mends(await found('error', /Group 12 can write/));
  chownSync(host.site.gatewayConfig, 2, 0);
  await mends(await found('warning', /belongs to user 2/));
});

test('a token that everybody can read', async () => {
  writeFileSync(at('token'), 'abc\n');
  chmodSync(at('token'), 0o644);
  bundleLine(`token_file = "${at('token')}"`);
  const finding = await found('error', /token_file .* can be read by everybody \(mode 644\)/);
  await mends(finding);
  expect(statSync(at('token')).mode & 0o777).toBe(0o600);
  rmSync(at('token'));
});

test('a token that is not there', async () => {
  bundleLine(`token_file = "${at('token')}"`);
  const finding = await found('error', /token_file .*token: there is no such file\. Nothing new can be fetched/);
  expect(finding.type).toEqual([`install -m 0600 TOKEN ${at('token')}`]);
});

test('the user postfix cannot reach or read the maps', async () => {
  chmodSync(at('maps'), 0o700);
  await mends(await found('warning', /postfix cannot enter .*maps/));
  chownSync(at('maps/relay_domains.cdb'), 0, 0);
  await mends(await found('warning', /postfix cannot read .*relay_domains\.cdb/));
});

describe('relaymap runs as a user of its own', () => {
  const owned = (...names: string[]) => execFileSync('chown', ['-R', `${SERVICE}:postfix`, ...names.map((n) => at(n))]);

  test('who can read neither configuration nor keys', async () => {
    owned('state', 'maps');
    chmodSync(host.site.gatewayConfig, 0o600);
    chmodSync(at('keys'), 0o700);
    const { findings } = await host.check();
    const texts = findings.map((f) => f.text).join('\n');
    expect(texts).toMatch(/daemon, as whom the service runs, cannot read .*gateway\.toml/);
    expect(texts).toMatch(/cannot read .*\/keys/);
    for (const { text, type } of findings) if (/cannot read/.test(text)) await host.type(...type);
    expect((await host.check()).findings.filter((f) => /cannot read/.test(f.text))).toEqual([]);
  });

  test('who cannot write the maps', async () => {
    owned('state');
    const finding = await found('error', /cannot write .*maps: no new map is installed/);
    expect(await host.type(...finding.type)).toMatchObject({ status: 0 });
    expect((await host.check()).findings.filter((f) => /no new map/.test(f.text))).toEqual([]);
  });

  test('and nobody can have Postfix reloaded, until there is a folder to ask in', async () => {
    owned('state', 'maps');
    // A /run of its own, so that the host's stays as it is.
    const inOwnRun = (before: string) =>
      host.type(
        `unshare -m sh -c 'mount -t tmpfs none /run && ${before} && ${process.execPath} "${command}" check --config ${host.site.gatewayConfig}; true'`,
      );
    expect((await inOwnRun('true')).stdout).toMatch(/there is no\s+\/run\/relaymap/);
    const { stdout } = await inOwnRun('install -d -o daemon /run/relaymap');
    expect(stdout).not.toMatch(/\/run\/relaymap/);
  });

  test('while a map that has appeared waits for a reload', async () => {
    const status = at('state/status.json');
    const text = readFileSync(status, 'utf8');
    writeFileSync(status, text.replace('"reloadPending": null', `"reloadPending": "${new Date().toISOString()}"`));
    const finding = await found('error', /Postfix has not seen it yet/);
    expect(finding.type).toEqual(['postfix reload', 'relaymap fetch']);
    writeFileSync(status, text);
  });
});

describe('keys and certificates', () => {
  const certificate = (name: string, ...validity: string[]): string => {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at(`${name}.key`)];
    execFileSync('openssl', ['req', '-x509', ...key, '-out', at(`${name}.pem`), '-subj', `/CN=${name}`, ...validity], {
      stdio: 'ignore',
    });
    chmodSync(at(`${name}.key`), 0o600);
    return at(`${name}.pem`);
  };

  test('no key is left', async () => {
    const key = at('keys/example-org.pub');
    rmSync(key);
    const finding = await found('error', /0 different public keys/);
    copyFileSync(at('signing/example-org.pub'), at('example-org.pub'));
    await mends({ ...finding, type: [`cd ${host.site.dir}`, ...finding.type] });
  });

  test('what lies beside the key is none', async () => {
    writeFileSync(at('keys/other.pub'), 'ssh-ed25519 AAAA\n');
    expect((await found('error', /other\.pub/)).text).toMatch(/OpenSSH/);
    rmSync(at('keys/other.pub'));
  });

  test.each([
    ['ends in some days', ['-days', '9'], 'warning', /\(CN=client\) ends in [89] days/],
    ['has ended', ['-not_before', '20200101000000Z', '-not_after', '20210101000000Z'], 'error', /ended 2021-01-01/],
  ] as const)('a client certificate %s', async (_name, validity, level, text) => {
    makeClient(validity);
    bundleLine(`client_cert = "${at('client.pem')}"\nclient_key = "${at('client.key')}"`);
    const finding = await found(level, text);
    certificate('NEW', '-days', '365');
    await mends({ ...finding, type: [`cd ${host.site.dir}`, ...finding.type] });
  });

  /** openssl req of Debian 12 knows no -not_before: openssl ca does. */
  function makeClient(validity: readonly string[]): void {
    certificate('client', '-days', '1');
    if (validity[0] === '-days') {
      certificate('client', ...validity);
      return;
    }
    writeFileSync(at('index.txt'), '');
    writeFileSync(
      at('ca.cnf'),
      `[ca]\ndefault_ca=d\n[d]\ndatabase=${at('index.txt')}\nserial=${at('serial')}\nnew_certs_dir=${host.site.dir}\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n`,
    );
    writeFileSync(at('serial'), '01\n');
    execFileSync('openssl', ['req', '-new', '-key', at('client.key'), '-subj', '/CN=client', '-out', at('client.csr')]);
    const dates = ['-startdate', validity[1] ?? '', '-enddate', validity[3] ?? ''];
    const sign = [
      '-selfsign',
      '-keyfile',
      at('client.key'),
      '-in',
      at('client.csr'),
      '-out',
      at('client.pem'),
      '-notext',
    ];
    execFileSync('openssl', ['ca', '-batch', '-config', at('ca.cnf'), ...sign, ...dates], { stdio: 'ignore' });
  }

  test('a CA file that holds no certificate', async () => {
    writeFileSync(at('empty.pem'), '\n');
    configure((text) => text.replace(`${host.site.dir}/tls.pem`, at('empty.pem')));
    const finding = await found('error', /empty\.pem: it holds no certificate/);
    certificate('NEW', '-days', '365');
    await mends({ ...finding, type: [`cd ${host.site.dir}`, ...finding.type] });
  });
});

test('the clock is before the list that is installed', async () => {
  const status = at('state/status.json');
  const text = readFileSync(status, 'utf8');
  const ahead = new Date(Date.now() + 3_600_000).toISOString();
  writeFileSync(status, text.replace(/"created": "[^"]*"/, `"created": "${ahead}"`));
  const finding = await found('error', /The clock says/);
  expect([finding.text.includes(ahead), finding.type]).toEqual([true, ['timedatectl set-ntp true']]);
  writeFileSync(status, text);
});

test('a bundle may speak for any domain', async () => {
  configure((text) => text.replace(/^domains = .*$/m, ''));
  const finding = await found('warning', /has no `domains`/);
  expect(finding.text).toContain('Now it holds example.org');
  expect(finding.type).toEqual([
    `# in ${host.site.gatewayConfig}, below name = "example-org":`,
    'domains = ["example.org"]',
  ]);
  bundleLine(''); // as it was
  configure((text) => text.replace(/^domains = .*$/m, finding.type[1] ?? ''));
  expect((await host.check()).findings).toEqual([]);
});

test('nothing that check does changes anything', async () => {
  const listing = () =>
    execFileSync('find', [host.site.dir, host.postfix.configDir, '-type', 'f', '-printf', '%p %s %T@ %m\\n'], {
      encoding: 'utf8',
    });
  const before = listing();
  await host.check();
  expect(listing()).toBe(before);
});

test('a schedule that the daemon refuses', async () => {
  configure((text) => `${text}\n[schedule]\ncron = "61 * * * *"\n`);
  const finding = await found('error', /schedule\.cron "61 \* \* \* \*".*The daemon does not start with it/);
  expect(finding.type.at(-1)).toBe('cron = "* * * * *"');
});

test('health that is not OK is no green check', async () => {
  const file = at('state', 'status.json');
  const before = readFileSync(file, 'utf8');
  writeFileSync(file, before.replace(/"expires": "[^"]*"/, '"expires": "2020-01-01T00:00:00.000Z"'));
  expect((await found('error', /^Health is CRITICAL: example-org: expired 2020/)).type).toEqual(['relaymap fetch']);
  writeFileSync(file, '{');
  await found('error', /^Health is UNKNOWN: status\.json is damaged/);
  writeFileSync(file, before);
});
