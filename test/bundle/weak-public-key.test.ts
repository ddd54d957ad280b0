/**
 * Keys under which anybody can sign: each of the eight points of small order, in every encoding, and keys that are
 * no point at all.
 */
import { createPublicKey, verify as opensslVerify } from 'node:crypto';
import nacl from 'tweetnacl';
import { describe, expect, test } from 'vitest';
import { isAcceptablePublicKey, publicKeyFlaw, publicKeyOf, verify } from '../../src/bundle/trust/ed25519.ts';
import { RFC_8032, bytes, encode } from './rfc8032.ts';

const P = 2n ** 255n - 19n;
const SIGN = 2n ** 255n;

const SMALL_ORDER = [
  ['order 1', '0100000000000000000000000000000000000000000000000000000000000000'],
  ['order 2', 'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'],
  ['order 4', '0000000000000000000000000000000000000000000000000000000000000000'],
  ['order 4', '0000000000000000000000000000000000000000000000000000000000000080'],
  ['order 8', '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'],
  ['order 8', '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85'],
  ['order 8', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'],
  ['order 8', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa'],
] as const;

/** The points of small order once more, in forms that a decoder must not take. */
const NON_CANONICAL = [
  ['order 1, x = 0 with the sign set', '0100000000000000000000000000000000000000000000000000000000000080'],
  ['order 2, x = 0 with the sign set', 'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff'],
  ['order 4, y = p', 'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'],
  ['order 4, y = p with the sign set', 'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff'],
  ['order 1, y = p + 1', 'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'],
  ['order 1, y = p + 1 with the sign set', 'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff'],
] as const;

/** For R the neutral point and S = 0, [S]B = R + [h]A holds for a key of small order whenever its order divides h. */
const forged = Uint8Array.from([1, ...Array.from({ length: 63 }, () => 0)]);
const messages = Array.from({ length: 200 }, (_, i) => Buffer.from(`a forged list, attempt ${i}`));

describe.each([...SMALL_ORDER, ...NON_CANONICAL])('%s: %s', (_order, hex) => {
  const key = bytes(hex);

  test('is refused when it is loaded', () => {
    expect(publicKeyFlaw(key)).toMatch(/small order|canonical/);
    expect(isAcceptablePublicKey(key)).toBe(false);
  });

  test('verifies nothing', () => {
    for (const message of messages) expect(verify(message, forged, key)).toBe(false);
  });
});

test('without our check somebody could forge: tweetnacl and OpenSSL take all eight', () => {
  for (const [, hex] of SMALL_ORDER) {
    const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), bytes(hex)]);
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
    expect(messages.some((message) => nacl.sign.detached.verify(message, forged, bytes(hex)))).toBe(true);
    expect(messages.some((message) => opensslVerify(null, message, key, forged))).toBe(true);
  }
});

test('every y of p and above is refused, with either sign', () => {
  for (let y = P; y < SIGN; y++) {
    expect(publicKeyFlaw(encode(y))).toMatch('canonical');
    expect(publicKeyFlaw(encode(y + SIGN))).toMatch('canonical');
  }
});

test('about half of all y are no point of the curve, and are refused when loaded', () => {
  let refused = 0;
  for (let y = 2n; y < 202n; y++) {
    const flaw = publicKeyFlaw(encode(y));
    if (flaw !== null) {
      refused++;
      expect(flaw).toMatch('curve');
    }
    // The sign of x does not matter to whether there is an x.
    expect(publicKeyFlaw(encode(y + SIGN))).toBe(flaw);
  }
  expect(refused).toBeGreaterThan(70);
  expect(refused).toBeLessThan(130);
});

test.each([0, 31, 33, 44])('%i bytes are no key', (length) => {
  expect(publicKeyFlaw(new Uint8Array(length))).toBe('is not 32 bytes');
});

test.each([undefined, null, 'a'.repeat(32), {}, 32])('%s is no key, and no exception', (value) => {
  expect((publicKeyFlaw as (raw: unknown) => string | null)(value)).toBe('is not 32 bytes');
});

test('keys that somebody made are accepted', () => {
  for (const { publicKey } of RFC_8032) expect(publicKeyFlaw(publicKey)).toBeNull();
  for (let i = 0; i < 50; i++) expect(isAcceptablePublicKey(publicKeyOf(new Uint8Array(32).fill(i)))).toBe(true);
});
