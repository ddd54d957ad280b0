// A public key's file, as somebody has put it into the key directory.
import { createPublicKey } from 'node:crypto';
import path from 'node:path';
import { isAcceptablePublicKey, publicKeyOf } from '../../../src/bundle/trust/ed25519.ts';
import { keyid, parsePublicKey, publicKeyPem } from '../../../src/bundle/trust/public-key.ts';
import { directoryMark } from '../../../src/gateway/keys/ring-fingerprint.ts';
import { ringMark, startingRing } from '../../../src/gateway/keys/trusted-keys.ts';
import type { BundleConfig } from '../../../src/gateway/config.ts';
import { laid } from '../room.ts';
import { attempt, must, same, type Target } from '../target.ts';

const raw = publicKeyOf(new Uint8Array(32).fill(7));
const pem = publicKeyPem(raw);
/** A key directory with this one file. */
const directory = (content: Uint8Array): BundleConfig =>
  ({ keys: path.dirname(laid('a.pub', content)), threshold: 1, ring: 0 }) as BundleConfig;

export const publicKey: Target = {
  name: 'public-key',
  form: 'text',
  longest: 1024,
  words: [
    '-----BEGIN PUBLIC KEY-----',
    '-----END PUBLIC KEY-----',
    '-----BEGIN PRIVATE KEY-----',
    '-----BEGIN CERTIFICATE-----',
    'ssh-ed25519 ',
    '\r\n',
    '=',
    'MCowBQYDK2VwAyEA',
  ],
  seeds: () => [
    pem,
    `a comment\n${pem}another\n`,
    pem.replaceAll('\n', '\r\n'),
    pem + pem,
    pem.replaceAll('PUBLIC', 'PRIVATE'),
    `-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
    'ssh-ed25519 AAAA me\n',
    publicKeyPem(new Uint8Array(32)),
    publicKeyPem(new Uint8Array(32).fill(255)),
    publicKeyPem(new Uint8Array(33).fill(9)),
    '',
  ],
  run: async (input) => {
    const text = Buffer.from(input).toString('latin1');
    const parsed = await attempt(() => parsePublicKey(text));
    if ('refused' in parsed) {
      must(parsed.error.message.length < 200, 'a message without measure');
      return parsed.refused;
    }
    const found = parsed.value;
    must(isAcceptablePublicKey(found), 'a key that is not acceptable');
    same([...parsePublicKey(publicKeyPem(found))], [...found], 'written and read');
    must(/^[0-9a-f]{64}$/.test(keyid(found)), 'a keyid of another form');
    const block = /-----BEGIN PUBLIC KEY-----[^-]*-----END PUBLIC KEY-----/.exec(text)?.[0] ?? '';
    const { x } = createPublicKey(
      `-----BEGIN PUBLIC KEY-----\n${block.split('-----')[2]?.replace(/\s/g, '')}\n-----END PUBLIC KEY-----\n`,
    ).export({ format: 'jwk' });
    same(x, Buffer.from(found).toString('base64url'), 'the key as Node reads it');
    const bundle = directory(input);
    // Health goes by this mark alone: where the two differ it takes the keys for changed, cycle for cycle.
    same(directoryMark(bundle), ringMark(startingRing(bundle)), 'the mark of the directory');
    return 'taken';
  },
};
