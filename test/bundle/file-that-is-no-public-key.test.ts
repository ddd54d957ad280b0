/** What people put into a key directory by mistake, and what they are told. */
import { createHash, generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { keyid, parsePublicKey, publicKeyPem } from '../../src/bundle/trust/public-key.ts';
import { HostError } from '../../src/errors.ts';
import { TEST_1, bytes } from './rfc8032.ts';

const pair = generateKeyPairSync('ed25519');
const pem = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
const privatePem = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const raw = new Uint8Array(Buffer.from(pair.publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'));
const block = (der: Uint8Array) =>
  `-----BEGIN PUBLIC KEY-----\n${Buffer.from(der).toString('base64')}\n-----END PUBLIC KEY-----\n`;

function refusal(text: string): HostError {
  try {
    parsePublicKey(text);
  } catch (error) {
    if (error instanceof HostError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

describe('is accepted', () => {
  test.each([
    ['what openssl writes', pem],
    ['CRLF line ends', pem.replaceAll('\n', '\r\n')],
    ['no LF at the end', pem.trimEnd()],
    ['a byte order mark and a comment above it', `\ufeff# the key of example-org\n\n${pem}`],
    ['lines that are indented', pem.replace('\nMCow', '\n \t MC ow')],
    ['lines broken elsewhere', pem.replace(/^(.{20})/m, '$1').replace(/([A-Za-z0-9+/]{30})/, '$1\n')],
  ])('%s', (_name, text) => {
    expect(parsePublicKey(text)).toEqual(raw);
  });

  test('what we write, which is what openssl writes', () => {
    expect(publicKeyPem(raw)).toBe(pem);
    expect(parsePublicKey(publicKeyPem(TEST_1.publicKey))).toEqual(TEST_1.publicKey);
  });
});

describe('is CONFIG, with the reason', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' });
  const x25519 = generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'pem' });
  const spki = (key: Uint8Array) => Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key]);
  const der = spki(raw);
  test.each([
    ['nothing', '', /it is not PEM \(-----BEGIN PUBLIC KEY-----\)$/],
    ['raw base64', Buffer.from(raw).toString('base64'), /not PEM \(-----BEGIN PUBLIC KEY-----\)$/],
    ['a certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', /PEM .* but a certificate$/],
    ['a key of OpenSSH', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 root@example', /PEM .* but a key in the form of OpenSSH$/],
    ['the same, further in', '\n \tssh-ed25519 AAAAC3NzaC1lZDI1NTE5 root@example', /OpenSSH$/],
    ['a text about ssh-keys', 'no ssh-ed25519', /PUBLIC KEY-----\)$/],
    ['a dash within', pem.replace('MCow', 'MC-w'), /not PEM/],
    ['an end that is cut off', pem.slice(0, 60), 'not PEM'],
    ['two keys', pem + block(spki(TEST_1.publicKey)), 'it holds 2 keys; each key needs a file of its own'],
    ['RSA', rsa.toString(), 'it is a key of another kind; only Ed25519 is used here'],
    ['X25519', x25519.toString(), 'Ed25519'],
    ['a byte too few', block(der.subarray(0, 43)), 'Ed25519'],
    ['a byte too many', block(Buffer.concat([der, Buffer.alloc(1)])), 'Ed25519'],
    ['no base64', pem.replace('MCow', '!!!!'), 'what stands between its BEGIN and END lines is not base64'],
    ['an empty block', block(new Uint8Array(0)), 'Ed25519'],
    ['small order', block(spki(bytes('00'.repeat(32)))), 'small order'],
    ['not canonical', block(spki(bytes('ff'.repeat(32)))), 'canonical'],
    [
      'no point',
      block(spki(bytes(`02${'00'.repeat(31)}`))),
      'the key is not a point of the curve, and cannot be trusted',
    ],
  ])('%s', (_name, text, reason) => {
    const error = refusal(text);
    expect(error.code).toBe('CONFIG');
    expect(error.message).toMatch(/^not a usable public key: /);
    expect(error.message).toMatch(reason);
  });
});

describe('a private key', () => {
  test.each([
    ['alone', privatePem],
    ['beside the public one', pem + privatePem],
    ['of another kind', privatePem.replaceAll('PRIVATE', 'EC PRIVATE')],
    ['encrypted', privatePem.replaceAll('PRIVATE', 'ENCRYPTED PRIVATE')],
    ['of OpenSSH', privatePem.replaceAll('PRIVATE', 'OPENSSH PRIVATE')],
  ])('%s is called one and never printed', (_name, text) => {
    const error = refusal(text);
    expect(error.code).toBe('CONFIG');
    expect(error.message).toContain('PRIVATE key');
    const secret = privatePem.split('\n')[1] ?? '';
    const shown = JSON.stringify([error.message, error.cause, error.stack]);
    for (let i = 0; i + 8 <= secret.length; i++) expect(shown).not.toContain(secret.slice(i, i + 8));
  });
});

test('a keyid is the SHA-256 of the raw key, in lower-case hex', () => {
  expect(keyid(TEST_1.publicKey)).toBe('21fe31dfa154a261626bf854046fd2271b7bed4b6abe45aa58877ef47f9721b9');
  expect(keyid(raw)).toBe(createHash('sha256').update(raw).digest('hex'));
});
