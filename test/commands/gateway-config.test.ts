// What is wrong with the configuration, the keys or the secrets: CONFIG, exit 2, no request, no file touched, no
// secret quoted.
// Covers src/bin/gateway/state-rights.ts
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { SigningKey } from '../support/forger.ts';
import { Scene } from '../support/scene.ts';

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.open();
});
afterAll(() => scene.close());

describe('the file', () => {
  const bundle = (lines: string) => ({ bundle: lines });
  const config = (lines: string) => ({ config: lines });
  const cases: [string, { bundle?: string; config?: string }, RegExp][] = [
    [
      'an unknown key of a bundle names the nearest',
      bundle('max_shrink_percnt = 5'),
      /max_shrink_percnt.*did you mean .*max_shrink_percent/,
    ],
    [
      'an unknown key of a table names the nearest',
      config('[limits]\nidle_timout = "5s"'),
      /idle_timout.*did you mean .*idle_timeout/,
    ],
    ['an unknown table names the nearest', config('[limit]\nmax_rows = 5'), /limit.*did you mean .*limits/],
    ['a key that resembles none', config('[maps]\nfrobnicate = true'), /frobnicate/],
    ['not TOML', config('[[maps'), /line \d+/],
    ['a key twice', bundle('threshold = 1\nthreshold = 1'), /line \d+/],
    ['plain http', bundle('urls = ["http://localhost/"]'), /urls.*https/],
    ['a URL without its slash', bundle('urls = ["https://localhost/list"]'), /urls/],
    ['a URL with a password', bundle('urls = ["https://user:pw@localhost/"]'), /urls/],
    ['a URL with a query', bundle('urls = ["https://localhost/?a/"]'), /urls/],
    ['no URL', bundle('urls = []'), /urls/],
    ['a URL twice', bundle('urls = ["https://localhost/a/", "https://localhost/a/"]'), /urls.*twice/],
    ['a name that climbs', bundle('name = "../x"'), /name/],
    ['threshold 0', bundle('threshold = 0'), /threshold/],
    ['threshold 2 with one key', bundle('threshold = 2'), /threshold is 2/],
    ['a duration without its unit', config('[limits]\nidle_timeout = "20"'), /idle_timeout/],
    ['a size as a number', config('[limits]\nmax_bytes = 5'), /max_bytes/],
    ['a percentage of 101', bundle('max_shrink_percent = 101'), /max_shrink_percent/],
    ['a domain with an @', bundle('domains = ["@example.org"]'), /domains/],
    ['no domain', bundle('domains = []'), /domains/],
    ['a required address that is none', bundle('required = ["postmaster"]'), /required/],
    ['a certificate without its key', bundle('client_cert = "/etc/hostname"'), /client_key/],
    ['an empty value', config('[maps]\nvalue = ""'), /value/],
    ['a value of two lines', config('[maps]\nvalue = "OK\\nx"'), /value/],
    ['a map type that nobody knows', config('[maps]\ntypes = ["dbm"]'), /types/],
    ['a relative path', bundle('keys = "keys"'), /keys/],
    ['a key directory that is not there', bundle('keys = "/nonexistent/keys"'), /\/nonexistent\/keys/],
    ['a ca_file that is not there', bundle('ca_file = "/nonexistent/ca.pem"'), /ca_file .*\/nonexistent\/ca\.pem/],
    ['a ca_file that holds no certificate', bundle('ca_file = "/etc/hostname"'), /ca_file/],
    [
      'the same bundle twice',
      {
        bundle: 'domains = ["a.b"]',
        config: '[[bundle]]\nname = "example-org"\nurls = ["https://localhost/"]\nkeys = "/"\ndomains = ["a.b"]',
      },
      /two bundles/,
    ],
    [
      'two bundles without domains',
      config('[[bundle]]\nname = "b"\nurls = ["https://localhost/"]\nkeys = "/"'),
      /domains/,
    ],
  ];
  test.each(cases)('%s', async (_name, change, message) => {
    scene.configure(change);
    onTestFinished(() => scene.configure({ bundle: '', config: '' }));
    const failed = await scene.failed('CONFIG');
    expect(failed.message).toMatch(message);
    const told = await scene.gateway.run(['fetch']);
    expect([told.status, told.stdout]).toEqual([2, '']);
    expect(told.stderr).toMatch(/^error: CONFIG: /);
  });

  test('is not there', async () => {
    const kept = readFileSync(scene.gateway.config);
    rmSync(scene.gateway.config);
    onTestFinished(() => writeFileSync(scene.gateway.config, kept));
    await scene.failed('CONFIG');
    const health = await scene.gateway.health();
    expect([health.status, health.json.status]).toEqual([3, 'unknown']);
    expect(health.text).toMatch(/^RELAYMAP UNKNOWN - CONFIG/);
    expect((await scene.gateway.lookup('alice@example.org')).status).toBe(2);
  });

  test('--bundle names none of them', async () => {
    const { message } = await scene.failed('CONFIG', ['--bundle', 'example-ogr']);
    expect(message).toContain('example-org');
  });
});

describe('the key directory', () => {
  const openssh = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJq6l1m6e0J1v0l9Yv1n8m7b2mXz0t0w0E8mS2b3c4d5 a@b\n';
  const spki = (raw: Buffer): string => {
    const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]);
    return `-----BEGIN PUBLIC KEY-----\n${der.toString('base64')}\n-----END PUBLIC KEY-----\n`;
  };
  const one = Buffer.alloc(32);
  one[0] = 1;
  const cases: [string, () => string, RegExp][] = [
    ['a private key', () => new SigningKey().privatePem, /PRIVATE key/],
    [
      'a private key behind a public one',
      () => {
        const k = new SigningKey();
        return k.publicPem + k.privatePem;
      },
      /PRIVATE key/,
    ],
    ['two public keys', () => new SigningKey().publicPem + new SigningKey().publicPem, /2 keys/],
    ['an OpenSSH key', () => openssh, /OpenSSH/],
    ['an empty file', () => '', /PEM/],
    ['a point of small order', () => spki(one), /key/],
    ['a point that is not canonical', () => spki(Buffer.alloc(32, 0xff)), /key/],
  ];
  test.each(cases)('holds %s', async (_name, content, message) => {
    const file = `${scene.gateway.keyDir()}/another.pub`;
    writeFileSync(file, content());
    onTestFinished(() => rmSync(file));
    const failed = await scene.failed('CONFIG');
    expect(failed.message).toContain(file);
    expect(failed.message).toMatch(message);
  });

  test('holds no key', async () => {
    scene.configure({ trusted: [] });
    onTestFinished(() => scene.configure({ trusted: scene.forger.signers }));
    await scene.failed('CONFIG');
  });

  test('holds 17 keys', async () => {
    scene.configure({ trusted: [...scene.forger.signers, ...Array.from({ length: 16 }, () => new SigningKey())] });
    onTestFinished(() => scene.configure({ trusted: scene.forger.signers }));
    expect((await scene.failed('CONFIG')).message).toMatch(/17/);
  });

  test('holds a folder and other files beside the key', async () => {
    mkdirSync(`${scene.gateway.keyDir()}/root`);
    writeFileSync(`${scene.gateway.keyDir()}/README`, 'not a key');
    onTestFinished(() => scene.configure());
    await scene.unchanged(1);
  });
});

describe('the token', () => {
  const SECRET = 'S3cret-t0ken.of~this+test/=';
  const file = (): string => scene.gateway.at('token');
  const write = (content: string, mode = 0o600): void => {
    writeFileSync(file(), content);
    chmodSync(file(), mode);
    scene.gateway.unspeakable.add(SECRET);
    scene.configure({ bundle: `token_file = "${file()}"` });
    onTestFinished(() => {
      scene.configure({ bundle: '' });
      rmSync(file(), { force: true });
    });
  };

  test.each([0o644, 0o604, 0o660, 0o602, 0o777])('is readable or writable for others: mode %o', async (mode) => {
    write(SECRET, mode);
    const { message } = await scene.failed('CONFIG');
    expect(message).toMatch(/chmod 06[04]0/);
  });

  test.each([
    ['is empty', ''],
    ['is of two lines', `${SECRET}\n${SECRET}\n`],
    ['holds a header', `Bearer ${SECRET}`],
    ['smuggles a header', `${SECRET}\r\nX-Evil: 1`],
  ])('%s', async (_name, content) => {
    write(content);
    await scene.failed('CONFIG');
  });

  test('is sent with every request and never printed', async () => {
    write(`${SECRET}\n`);
    scene.publish(['alice@example.org', 'bob@example.org', 'postmaster@example.org'], {});
    const run = await scene.gateway.fetch(['--accept-shrink']);
    expect(run.status).toBe(0);
    expect(scene.endpoint.asked.map((a) => a.headers.authorization)).toEqual(Array(2).fill(`Bearer ${SECRET}`));
    scene.endpoint.misbehaviour = ({ request, response }) => {
      response.writeHead(302, { location: `https://localhost/?t=${request.headers.authorization}`.slice(0, 40) }).end();
    };
    onTestFinished(() => void (scene.endpoint.misbehaviour = null));
    await scene.refused('REDIRECT', ['manifest.json']);
  });
});
