/**
 * What tweetnacl lets pass or throws on, each class of Wycheproof's Ed25519 set with vectors of our own, and what
 * must verify.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  sign as opensslSign,
  verify as opensslVerify,
} from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { publicKeyOf, sign, verify } from '../../src/bundle/trust/ed25519.ts';
import { HostError } from '../../src/errors.ts';
import { RFC_8032, TEST_1, bytes, encode, number } from './rfc8032.ts';

const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const P = 2n ** 255n - 19n;
const message = Buffer.from('the list of recipients');
const good = sign(message, TEST_1.seed);
const R = good.subarray(0, 32);
const S = number(good.subarray(32));

const concat = (...parts: Uint8Array[]) => Uint8Array.from(Buffer.concat(parts));
const verifies = (signature: Uint8Array) => verify(message, signature, TEST_1.publicKey);

/** The same question to OpenSSL. */
function opensslVerifies(text: Uint8Array, signature: Uint8Array, raw: Uint8Array): boolean {
  const key = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]);
  return opensslVerify(null, text, createPublicKey({ key, format: 'der', type: 'spki' }), signature);
}

describe('what is right verifies', () => {
  test.each(RFC_8032)('RFC 8032, section 7.1, $name', (vector) => {
    expect(publicKeyOf(vector.seed)).toEqual(vector.publicKey);
    expect(sign(vector.message, vector.seed)).toEqual(vector.signature);
    expect(verify(vector.message, vector.signature, vector.publicKey)).toBe(true);
  });

  test('the HelloWorld of DSSE', () => {
    const signed = Buffer.from('DSSEv1 29 http://example.com/HelloWorld 11 hello world');
    const signature = bytes(
      'e031d7dd99f8aa904abc48fb99a13c3bdbbd6e35c49cf2cb9f25d5509d8f5c94' +
        '7c0d22dc2f7403a45bdf24e8f7a41fd23c7b25e898386e8c6c31be8abee60007',
    );
    expect(sign(signed, TEST_1.seed)).toEqual(signature);
    expect(verify(signed, signature, TEST_1.publicKey)).toBe(true);
  });

  test('any message under any key, as OpenSSL signs it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ minLength: 32, maxLength: 32 }), (text, seed) => {
        const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
        const theirs = opensslSign(null, text, createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
        expect(sign(text, seed)).toEqual(Uint8Array.from(theirs));
        expect(verify(text, theirs, publicKeyOf(seed))).toBe(true);
      }),
      { numRuns: 25 },
    );
  });
});

describe('one bit elsewhere', () => {
  test('in the signature: every fifth of its 512, and the last', () => {
    for (const bit of [...Array.from({ length: 103 }, (_, i) => 5 * i), 511])
      expect(verifies(flip(good, bit)), `bit ${bit}`).toBe(false);
  });

  test('in the message, or in the key', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), fc.nat(), fc.nat(255), (text, at, keyBit) => {
        const signature = sign(text, TEST_1.seed);
        expect(verify(flip(text, at % (text.length * 8)), signature, TEST_1.publicKey)).toBe(false);
        expect(verify(text, signature, flip(TEST_1.publicKey, keyBit))).toBe(false);
      }),
      { numRuns: 40 },
    );
  });

  function flip(original: Uint8Array, bit: number): Uint8Array {
    const copy = Uint8Array.from(original);
    copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    return copy;
  }
});

describe('malleability: another S for the same R', () => {
  test.each([1n, 2n, 4n, 8n, 14n])('S + %d L', (times) => {
    expect(verifies(concat(R, encode(S + times * L)))).toBe(false);
  });

  test.each([
    ['S + 2^253', S + 2n ** 253n],
    ['S + 2^254', S + 2n ** 254n],
    ['S + 2^255', S + 2n ** 255n],
    ['S + p', S + P],
    ['-S', L - S],
    ['L itself', L],
    ['all ones', 2n ** 256n - 1n],
  ])('%s', (_name, changed) => {
    expect(verifies(concat(R, encode(changed)))).toBe(false);
  });
});

describe('wrong length', () => {
  test.each([
    ['empty', new Uint8Array(0)],
    ['S is missing', R],
    ['a byte too short', good.subarray(0, 63)],
    ['its first byte dropped', good.subarray(1)],
    ['two bytes too short', good.subarray(0, 62)],
    ['a zero behind it', concat(good, encode(0n, 1))],
    ['a zero before it', concat(encode(0n, 1), good)],
    ['a zero between R and S', concat(R, encode(0n, 1), good.subarray(32))],
    ['garbage behind it', concat(good, encode(0x2020n, 2))],
    ['the public key within it', concat(good, TEST_1.publicKey)],
    ['a megabyte', new Uint8Array(2 ** 20)],
    ['a gibibyte', new Uint8Array(2 ** 30)],
  ])('of the signature: %s', (_name, signature) => {
    expect(verifies(signature)).toBe(false);
  });

  test.each([0, 1, 31, 33, 44, 64, 2 ** 20])('of the key: %i bytes', (length) => {
    const key = new Uint8Array(length);
    key.set(TEST_1.publicKey.subarray(0, length));
    expect(verify(message, good, key)).toBe(false);
  });
});

describe('special values', () => {
  const values = [0n, 1n, 2n, L - 1n, L, L + 1n, P - 1n, P, P + 1n, 2n ** 252n, 2n ** 255n - 1n, 2n ** 256n - 1n];
  test.each(values)('R = %d with each S', (r) => {
    for (const s of values) expect(verifies(concat(encode(r), encode(s))), `S = ${s}`).toBe(false);
  });
});

describe('R in another form', () => {
  test('negated, all its bits flipped', () => {
    const negated = Uint8Array.from(good);
    negated[31] = (negated[31] ?? 0) ^ 0x80;
    expect(verifies(negated)).toBe(false);
    expect(
      verifies(
        concat(
          Uint8Array.from(R, (byte) => ~byte & 0xff),
          good.subarray(32),
        ),
      ),
    ).toBe(false);
  });

  // Only the key's owner can make these. RFC 8032 lets the canonical one pass, and OpenSSL does, so nobody may
  // differ here.
  test('the neutral point: its canonical form verifies, as with OpenSSL', () => {
    const signature = withSmallR(encode(1n));
    expect(opensslVerifies(message, signature, TEST_1.publicKey)).toBe(true);
    expect(verifies(signature)).toBe(true);
  });

  test.each([
    ['y = 1 with the sign of x set', encode(1n + 2n ** 255n)],
    ['y = p + 1', encode(P + 1n)],
    ['y = p + 1 with the sign of x set', encode(P + 1n + 2n ** 255n)],
  ])('the neutral point as %s', (_name, form) => {
    expect(verifies(withSmallR(form))).toBe(false);
  });
});

/** A signature whose R stands for the neutral point, in the form given: S = h a, made with the private scalar. */
function withSmallR(form: Uint8Array): Uint8Array {
  const scalar = Uint8Array.from(createHash('sha512').update(TEST_1.seed).digest().subarray(0, 32));
  scalar[0] = (scalar[0] ?? 0) & 248;
  scalar[31] = ((scalar[31] ?? 0) & 127) | 64;
  const h = createHash('sha512').update(form).update(TEST_1.publicKey).update(message).digest();
  return concat(form, encode((number(h) * number(scalar)) % L));
}

describe('verify never throws', () => {
  class Liar extends Uint8Array {
    override get length(): number {
      return 2 ** 40;
    }
  }
  const detached = new Uint8Array(64);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  const hostile = new Proxy(new Uint8Array(64), {
    get: () => {
      throw new RangeError('from the trap');
    },
    getPrototypeOf: () => {
      throw new RangeError('from the trap');
    },
  });
  const strange: readonly [string, unknown][] = [
    ['undefined', undefined],
    ['null', null],
    ['a string', 'x'.repeat(64)],
    ['a number', 64],
    ['a bigint', 64n],
    ['an object', { length: 64 }],
    ['an array', Array.from({ length: 64 }, () => 0)],
    ['an ArrayBuffer', new ArrayBuffer(64)],
    ['sixteen-bit words', new Uint16Array(32)],
    ['floats', new Float64Array(64)],
    ['a DataView', new DataView(new ArrayBuffer(64))],
    ['a symbol', Symbol('bytes')],
    ['a function', () => good],
    ['a buffer given away', detached],
    ['bytes that lie about their length', new Liar(64)],
    ['a proxy that throws', hostile],
  ];
  const call = verify as (...args: unknown[]) => unknown;

  test.each(strange)('given %s in any place', (_name, value) => {
    expect(call(value, good, TEST_1.publicKey)).toBe(false);
    expect(call(message, value, TEST_1.publicKey)).toBe(false);
    expect(call(message, good, value)).toBe(false);
    expect(call(value, value, value)).toBe(false);
  });

  test('given nothing', () => {
    expect(call()).toBe(false);
  });

  test('given any bytes', () => {
    const some = fc.uint8Array({ maxLength: 70 });
    fc.assert(fc.property(some, some, some, (text, signature, key) => !verify(text, signature, key)));
  });

  test('given a Buffer, or a view into a larger one, it works as with plain bytes', () => {
    const larger = Buffer.concat([Buffer.alloc(5), good, TEST_1.publicKey]);
    expect(verify(message, larger.subarray(5, 69), larger.subarray(69))).toBe(true);
  });
});

test.each([0, 31, 33, 64])('a private seed of %i bytes is an error with a code', (length) => {
  expect(() => sign(message, new Uint8Array(length))).toThrow(
    new HostError('INTERNAL', 'a private seed has to be 32 bytes'),
  );
  expect(() => publicKeyOf(new Uint8Array(length))).toThrow('32 bytes');
});
