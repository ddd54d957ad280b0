// Signing keys: openssl's work, those that others can read or that are of another kind are refused, and none is
// ever overwritten or shown.
import { execFileSync } from 'node:child_process';
import { createHash, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { PublishError } from '../../src/publisher/errors.ts';
import { makeKey, readKey } from '../../src/publisher/keys/signing-key.ts';

let dir = '';
beforeEach(() => {
  const made = mkdtempSync(path.join(os.tmpdir(), 'relaymap-keys-'));
  dir = made;
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
});
const at = (name: string) => path.join(dir, name);
const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
const rawOf = (pem: string) => createPublicKey(pem).export({ type: 'spki', format: 'der' }).subarray(-32);

/** The message of a refusal, which must be the step's own and hold nothing of the file. */
function refusal(act: () => unknown, file?: string): string {
  try {
    act();
  } catch (error) {
    if (!(error instanceof PublishError)) throw error;
    expect(error.code).toBe('KEY');
    if (file !== undefined && existsSync(file) && statSync(file).isFile()) {
      const content = readFileSync(file, 'latin1');
      for (const line of content.split('\n')) if (line.length >= 16) expect(error.message).not.toContain(line);
    }
    return error.message;
  }
  return 'accepted';
}

function put(name: string, text: string | Uint8Array, mode = 0o600): string {
  writeFileSync(at(name), text);
  chmodSync(at(name), mode);
  return at(name);
}

test("openssl's key signs what node:crypto verifies, and its keyid is that of the format", () => {
  openssl('genpkey', '-algorithm', 'ed25519', '-out', 'o.key');
  openssl('pkey', '-in', 'o.key', '-pubout', '-out', 'o.pub');
  chmodSync(at('o.key'), 0o600);
  const key = readKey(at('o.key'));
  const pem = readFileSync(at('o.pub'), 'utf8');
  expect(Buffer.from(key.publicKey)).toEqual(rawOf(pem));
  expect(key.keyid).toBe(createHash('sha256').update(rawOf(pem)).digest('hex'));
  const message = Buffer.from('to be signed');
  expect(verify(null, message, createPublicKey(pem), key.sign(message))).toBe(true);
});

test('a key with CR LF, with text around it, and of node itself', () => {
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const { keyid } = readKey(put('a.key', pem));
  expect(readKey(put('b.key', pem.replaceAll('\n', '\r\n'))).keyid).toBe(keyid);
  expect(readKey(put('c.key', `Our key\n${pem}\n`)).keyid).toBe(keyid);
});

describe('keygen', () => {
  const seed = (fill: number) => Buffer.alloc(32, fill);

  test('writes both files with their rights whatever the umask says, and openssl reads them', () => {
    const umask = process.umask(0);
    onTestFinished(() => void process.umask(umask));
    const key = makeKey(path.join(dir, 'new', 'folder'), 'site', seed(7));
    expect(key.files).toEqual([
      path.join(dir, 'new', 'folder', 'site.key'),
      path.join(dir, 'new', 'folder', 'site.pub'),
    ]);
    expect(key.files.map((file) => statSync(file).mode & 0o777)).toEqual([0o600, 0o644]);
    expect(openssl('pkey', '-in', key.files[0], '-pubout').toString()).toBe(readFileSync(key.files[1], 'utf8'));
    expect(readKey(key.files[0]).keyid).toBe(key.keyid);
    process.umask(0o777);
    expect(makeKey(dir, 'masked', seed(8)).files.map((file) => statSync(file).mode & 0o777)).toEqual([0o600, 0o644]);
  });

  test.each(['site.key', 'site.pub'])('never overwrites: %s is there already, and nothing is written', (there) => {
    put(there, 'precious');
    expect(refusal(() => makeKey(dir, 'site', seed(1)))).toContain(there);
    expect(readdirSync(dir)).toEqual([there]);
    expect(readFileSync(at(there), 'utf8')).toBe('precious');
  });

  test.each(['site.key', 'site.pub'])('follows no link that is laid at %s', (there) => {
    symlinkSync(at('elsewhere'), at(there));
    expect(() => makeKey(dir, 'site', seed(1))).toThrow();
    expect(existsSync(at('elsewhere'))).toBe(false);
  });

  test.each(['', '.', '../up', 'a/b', '-x', 'a b', 'x'.repeat(65)])('a name that is no file name: %j', (name) => {
    expect(refusal(() => makeKey(dir, name, seed(1)))).not.toBe('accepted');
    expect(readdirSync(dir)).toEqual([]);
  });
});

describe('rights', () => {
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

  test.each([0o644, 0o604, 0o660, 0o602, 0o620, 0o666, 0o777, 0o601])(
    'mode %o: refused, with the line to type',
    (mode) => {
      const file = put('loose.key', pem, mode);
      const message = refusal(() => readKey(file), file);
      expect(message).toContain(`chmod 0600 ${file}`);
      expect(message).toContain(mode.toString(8));
    },
  );

  test.each([0o600, 0o400])('mode %o is fine', (mode) => {
    expect(readKey(put('tight.key', pem, mode)).keyid).toMatch(/^[0-9a-f]{64}$/);
  });

  test('a link to a loose file is as loose', () => {
    put('loose.key', pem, 0o644);
    symlinkSync(at('loose.key'), at('link.key'));
    expect(refusal(() => readKey(at('link.key')))).toContain('chmod');
  });
});

describe('a file of another kind is refused in words and never quoted', () => {
  const secret = generateKeyPairSync('ed25519').privateKey;
  const KINDS: Record<string, () => string | Uint8Array> = {
    'an RSA key': () =>
      generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
    'an X25519 key': () => generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'pem' }),
    'an Ed448 key': () => generateKeyPairSync('ed448').privateKey.export({ type: 'pkcs8', format: 'pem' }),
    'a P-256 key': () =>
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'sec1', format: 'pem' }),
    'an encrypted key': () =>
      secret.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret passphrase' }),
    'a public key': () => createPublicKey(secret).export({ type: 'spki', format: 'pem' }),
    DER: () => secret.export({ type: 'pkcs8', format: 'der' }),
    'a seed in hex': () => Buffer.alloc(32, 7).toString('hex'),
    'a PEM cut short': () => secret.export({ type: 'pkcs8', format: 'pem' }).toString().slice(0, 60),
    'a certificate request': () =>
      '-----BEGIN CERTIFICATE REQUEST-----\nMIIBAAAAAAAAAAAAAAAAAAAA\n-----END CERTIFICATE REQUEST-----\n',
    'an OpenSSH key': () =>
      '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU=\n-----END OPENSSH PRIVATE KEY-----\n',
    nothing: () => '',
  };
  test.each(Object.keys(KINDS))('%s', (kind) => {
    const file = put('other.key', KINDS[kind]?.() ?? '');
    const message = refusal(() => readKey(file), file);
    expect(message).toContain(file);
    expect(message).toContain('Ed25519');
    expect(message.split('\n')).toHaveLength(1);
  });
});

test('a file that is not there, or is a folder, is named', () => {
  expect(refusal(() => readKey(at('absent.key')))).toContain(at('absent.key'));
  mkdirSync(at('folder.key'), { mode: 0o700 });
  expect(refusal(() => readKey(at('folder.key')))).toContain(at('folder.key'));
});
