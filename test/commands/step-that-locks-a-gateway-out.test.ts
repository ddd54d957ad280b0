// The ceremony of a key ring step, with the file that signs alone in a folder: whatever would leave a gateway behind,
// or has not been signed by enough, is not published; what is published is what was shown.
// Covers src/publisher/keys, src/bin/publisher/keys/keyring-command.ts, src/bin/publisher/keys/keyring-publish.ts
// Covers src/bin/publisher/keys/sign-command.ts, src/bin/publisher/keys/key-commands.ts, src/bin/relaymap-sign.ts
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { finished, people } from '../publisher/central.ts';
import { softHsm, sshAgent } from '../support/agents.ts';
import { Ceremony, digestOf, payloadOf } from '../support/ceremony.ts';
import { holdLock } from '../support/daemon.ts';
import { run } from '../support/finished.ts';
import { sha256 } from '../support/forger.ts';

const AUDITOR = fileURLToPath(new URL('../support/verify-by-openssl.mjs', import.meta.url));

/** A host that has published by key 0, and a key 1 that is to replace it. */
async function begun(): Promise<Ceremony> {
  const host = new Ceremony({ keys: 2 });
  host.configure(host.central.keyFile(0));
  expect((await host.central.run(['publish'])).status).toBe(0);
  return host;
}

const replace = (host: Ceremony, name = 'step1') =>
  host.propose(name, '--add', host.at('1.pub'), '--remove', host.keyid(0).slice(0, 16));

test('init makes three root keys, says that two sign, and where they belong; it overwrites none', () => {
  const host = new Ceremony();
  expect(readdirSync(host.at('roots')).sort()).toEqual([1, 2, 3].flatMap((i) => [`root-${i}.key`, `root-${i}.pub`]));
  expect(statSync(host.at('roots', 'root-1.key')).mode & 0o777).toBe(0o600);
  const again = host.tries('keyring', 'init', '--out', host.at('roots'));
  expect([again.status, again.stderr]).toEqual([2, expect.stringMatching(/KEY: .*never overwritten/)]);
  const words = host.sign('keyring', 'init', '--out', host.at('more'), '--roots', '5');
  expect(words).toMatch(/3 of these 5 root keys have to sign/);
  expect(words).toMatch(/another safe[\s\S]*root_threshold is 3 of 5 by default/);
});

test('propose says in words what goes and comes; sign shows the same, and takes the typed characters', async () => {
  const host = await begun();
  const [old, next] = [host.keyid(0).slice(0, 16), host.keyid(1).slice(0, 16)];
  const change = `key ${old} goes, key ${next} comes; mirrors keep the old for 24 h`;
  const file = host.at('step1.json');
  const words = host.sign(
    'keyring',
    'propose',
    '--keys',
    host.keys,
    '--published',
    host.central.output,
    '--out',
    file,
    '--add',
    host.at('1.pub'),
    '--remove',
    old,
  );
  expect(words).toContain(change);
  const digest = digestOf(file);
  expect(words).toContain(`its digest is ${digest}`);
  const root = host.at('roots', 'root-1.key');
  for (const [typed, why] of [
    [digest.slice(0, 15), 'too short'],
    [`${digest.slice(1, 16)}0`, 'another one'],
    ['', 'nothing'],
    [`${digest.slice(0, 16)}ff`, 'more than was asked for'],
  ] as const) {
    const done = host.types(`${typed}\n`, 'sign', file, '--key', root);
    expect([done.status, done.stderr], why).toEqual([1, expect.stringMatching(/UNSIGNED: nothing is signed/)]);
    expect(done.stdout).toContain(change);
    expect(done.stdout).not.toContain(digest.slice(0, 16));
  }
  for (const yes of [digest.slice(0, 16), sha256('another')])
    expect(host.tries('sign', file, '--key', root, '--yes', yes).status).toBe(1);
  expect(host.tries('keyring', 'status', file).stdout).toMatch(/signed by nobody/);
  const done = host.types(`${digest.slice(0, 16)}\n`, 'sign', file, '--key', root);
  expect([done.status, done.stderr]).toEqual([0, '']);
  expect(payloadOf(file).length).toBeLessThan(1024);
  const status = host.tries('keyring', 'status', file);
  expect([status.status, status.stdout]).toEqual([
    1,
    expect.stringMatching(/missing: 1 more of the root keys of step 0/),
  ]);
});

test('copies that two people signed apart are one step; openssl alone agrees; the manifest names it', async () => {
  const host = await begun();
  const before = readFileSync(path.join(host.central.output, 'manifest.json'));
  const [one, two] = [replace(host), host.at('copy.json')];
  copyFileSync(one, two);
  host.signedBy(one, 1);
  host.signedBy(two, 3);
  host.configure(host.central.keyFile(0), host.central.keyFile(1));
  const done = await host.publishes(one, two);
  expect([done.status, done.stdout]).toEqual([0, expect.stringMatching(/step 1 is out: key .* goes, key .* comes/)]);
  expect(host.central.published().manifest).toMatchObject({ version: 3, keyring: 1 });
  const envelope = JSON.parse(host.step(1).toString()) as object;
  expect(Object.keys(envelope).sort()).toEqual(['payload', 'payloadType', 'signatures']);
  const audited = () => run([process.execPath, AUDITOR, host.central.output, host.keys]);
  const good = (version: number) =>
    new RegExp(`^step 1: good, keys ${host.keyid(1).slice(0, 16)}\\nmanifest: good, version ${version}\\n$`);
  expect(await audited()).toMatchObject({ status: 0, stdout: expect.stringMatching(good(3)) as string });
  // The old key is taken out of the configuration when gateways have had a day.
  host.configure(host.central.keyFile(1));
  host.central.rows(people(31));
  expect((await host.central.run(['publish'])).status).toBe(0);
  expect(host.central.published(host.central.keys.slice(1)).manifest).toMatchObject({ version: 4, keyring: 1 });
  expect(await audited()).toMatchObject({ status: 0, stdout: expect.stringMatching(good(4)) as string });
  // And not what the old key alone signs from now on: the manifest of before the ceremony.
  writeFileSync(path.join(host.central.output, 'manifest.json'), before);
  expect(await audited()).toMatchObject({ status: 1, stdout: expect.stringMatching(/0 of 1 signatures\n$/) as string });
});

test('a root key in SoftHSM and one in an ssh-agent sign', async () => {
  const host = await begun();
  const [token, agent] = [softHsm(), await sshAgent()];
  writeFileSync(path.join(host.keys, 'root', 'root-1.pub'), token.publicPem);
  writeFileSync(path.join(host.keys, 'root', 'root-2.pub'), agent.publicPem);
  const file = replace(host);
  const run = (env: Readonly<Record<string, string>>, ...args: string[]) =>
    execFileSync(process.execPath, [host.signer, 'sign', file, '--yes', digestOf(file), ...args], {
      env: { PATH: process.env['PATH'], ...env },
      encoding: 'utf8',
    });
  run(token.env, '--command', token.argv.join(' '));
  const raw = (pem: string) => Buffer.from(pem.split('\n')[1] ?? '', 'base64').subarray(-32);
  expect(run(agent.env, '--agent', sha256(raw(agent.publicPem)).slice(0, 16))).toMatch(/enough root keys have signed/);
});

describe('not published, and nothing written:', () => {
  const refused = async (host: Ceremony, status: number, words: RegExp, ...args: string[]) => {
    const before = host.central.snapshot();
    const done = await host.publishes(...args);
    expect([done.status, done.stdout, done.stderr]).toEqual([status, '', expect.stringMatching(words)]);
    expect(host.central.snapshot()).toEqual(before);
    expect(existsSync(path.join(host.central.output, 'keyring'))).toBe(false);
  };

  test('a step that one root key of two has signed', async () => {
    const host = await begun();
    await refused(
      host,
      1,
      /UNSIGNED: step 1 waits for 1 more of the root keys of step 0/,
      host.signedBy(replace(host), 2),
    );
  });

  test('a manifest that the new key has not signed', async () => {
    const host = await begun();
    const file = host.signedBy(replace(host), 1, 2);
    await refused(host, 2, /KEY: the manifest that is out would be refused by gateways that have taken the step/, file);
  });

  test('a manifest that the old key does not sign any more', async () => {
    const host = await begun();
    const file = host.signedBy(replace(host), 1, 2);
    host.configure(host.central.keyFile(0), host.central.keyFile(1));
    expect((await host.central.run(['publish'])).status).toBe(0);
    host.configure(host.central.keyFile(1));
    expect((await host.central.run(['publish', '--next-version', '9'])).status).toBe(0);
    await refused(host, 2, /KEY: .* would be refused by gateways that have not taken the step yet/, file);
    expect((await host.publishes(file, '--without-old')).status).toBe(0);
  });

  test('a step for another list, another step, and copies of two steps', async () => {
    const host = await begun();
    const other = host.at('other.json');
    host.sign(
      'keyring',
      'propose',
      '--keys',
      host.keys,
      '--name',
      'example-net',
      '--add',
      host.at('1.pub'),
      '--out',
      other,
    );
    await refused(
      host,
      2,
      /KEY: the step is for "example-net", the configuration says "example-org"/,
      host.signedBy(other, 1, 2),
    );
    const [one, two] = [replace(host), host.propose('two', '--add', host.at('1.pub'))];
    await refused(host, 2, /KEY: the files hold two different steps/, one, two);
    writeFileSync(one, readFileSync(one, 'utf8').replace('keyring.v1', 'manifest.v1'));
    await refused(host, 2, /KEY: .*step1\.json is no key ring step/, one);
  });

  test('a signature that was changed on the way', async () => {
    const host = await begun();
    const file = host.signedBy(replace(host), 1, 2);
    const json = JSON.parse(readFileSync(file, 'utf8')) as { signatures: { sig: string }[] };
    const [first] = json.signatures;
    if (first !== undefined) first.sig = Buffer.alloc(64, 1).toString('base64');
    writeFileSync(file, JSON.stringify(json));
    await refused(host, 1, /UNSIGNED: step 1 waits for 1 more/, file);
  });

  test('a step whose root keys gateways with the default root_threshold could not follow', async () => {
    const host = await begun();
    const file = host.signedBy(host.propose('first', '--add', host.at('1.pub'), '--root-threshold', '1'), 1, 2);
    host.configure(host.central.keyFile(0), host.central.keyFile(1));
    await refused(host, 2, /KEY: a gateway at the key directory .* would be left behind: .* root_threshold is 2/, file);
  });
});

test('two different steps of one number, put out at once: one goes out, and the other never does', async () => {
  const host = await begun();
  host.configure(host.central.keyFile(0), host.central.keyFile(1));
  host.central.rows(people(31));
  expect((await host.central.run(['publish'])).status).toBe(0); // by both keys: neither run has to publish first
  const files = [replace(host, 'goes'), host.propose('stays', '--add', host.at('1.pub'))];
  for (const file of files) host.signedBy(file, 1, 2);
  const lock = await holdLock(path.join(host.central.stateDir, 'lock'));
  const runs = files.map((file) => host.central.start(['keyring', 'publish', file]));
  const ends = runs.map(finished);
  // Both have looked at what is out, and wait.
  await Promise.all(
    runs.map(async ({ stderr }) => {
      for (let said = ''; !said.includes('waiting for it');)
        said += String((await once(stderr as Readable, 'data'))[0]);
    }),
  );
  lock.release();
  const done = await Promise.all(ends);
  const won = done.findIndex(({ status }) => status === 0);
  expect([done[won]?.status, done[1 - won]?.status]).toEqual([0, 2]);
  expect(done[1 - won]?.stderr).toMatch(/KEY: it is step 1, the next one is step 2/);
  expect(payloadOf(path.join(host.central.output, 'keyring', '1.json'))).toEqual(payloadOf(files[won] ?? ''));
  expect(readdirSync(path.join(host.central.output, 'keyring'))).toEqual(['1.json']);
});

test('a list by the old key alone, after a step that took it away, is not put out', async () => {
  const host = await begun();
  const file = replace(host);
  for (const root of [1, 2]) host.signedBy(file, root);
  host.configure(host.central.keyFile(0), host.central.keyFile(1));
  expect((await host.publishes(file)).status).toBe(0);
  const manifest = () => readFileSync(path.join(host.central.output, 'manifest.json'));
  const before = manifest();
  host.configure(host.central.keyFile(0));
  host.central.rows(people(31));
  const done = await host.central.run(['publish']);
  expect([done.status, done.stderr]).toEqual([
    2,
    expect.stringMatching(/VERIFY: gateways at key ring step 1 would refuse version \d+: .*Nothing is put out/),
  ]);
  expect(manifest()).toEqual(before);
  host.configure(host.central.keyFile(1));
  expect((await host.central.run(['publish'])).status).toBe(0);
});

test('what cannot be proposed: no root keys, a key twice, a threshold that gateways do not go below', async () => {
  const host = await begun();
  const propose = (...args: string[]) =>
    host.tries('keyring', 'propose', '--keys', host.keys, '--name', 'example-org', '--out', host.at('x.json'), ...args);
  for (const [args, words] of [
    [['--add', host.at('0.pub')], /is one of the keys already/],
    [['--remove', host.keyid(0)], /there would be 0 keys/],
    [['--remove', 'ffffffff'], /no key begins with ffffffff/],
    [['--add', host.at('1.pub'), '--threshold', '3'], /--threshold 3 is no number from 1 to 2/],
    [
      ['--add', host.at('1.pub'), '--start-root-threshold', '3', '--root-threshold', '2'],
      /gateways have root_threshold = 3/,
    ],
  ] as const) {
    const done = propose(...args);
    expect([done.status, done.stdout, done.stderr]).toEqual([2, '', expect.stringMatching(words)]);
  }
  expect(existsSync(host.at('x.json'))).toBe(false);
});
