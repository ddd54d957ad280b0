// The DSSE envelope (format section 2), and the order in which it is verified.
import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeEnvelope,
  encodeEnvelope,
  MANIFEST_TYPE,
  MAX_ENVELOPE,
  MAX_SIGNATURES,
  pae,
  type Signature,
} from '../../src/bundle/trust/envelope.ts';
import { sign } from '../../src/bundle/trust/ed25519.ts';
import { requireSignatures, verifiedBefore, verifyManifest, type Ring } from '../../src/bundle/trust/verify.ts';
import { Forger, KEYRING_TYPE, signedBytes, SigningKey, type EnvelopeDraft, type Lies } from '../support/forger.ts';
import { bytes, TEST_1 } from './rfc8032.ts';

const good = {
  payload: 'eyJhIjoxfQ==',
  payloadType: MANIFEST_TYPE,
  signatures: [{ keyid: 'aa', sig: 'AQID' }],
};
const decode = (value: unknown) =>
  decodeEnvelope(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)));
const refused = expect.objectContaining({ name: 'VerifyError', code: 'BAD_ENVELOPE' });

test("the vector of the format's page: signed bytes and signature", () => {
  const signed = pae('http://example.com/HelloWorld', Buffer.from('hello world'));
  expect(Buffer.from(signed).toString()).toBe('DSSEv1 29 http://example.com/HelloWorld 11 hello world');
  expect(Buffer.from(sign(signed, TEST_1.seed)).toString('hex')).toBe(
    'e031d7dd99f8aa904abc48fb99a13c3bdbbd6e35c49cf2cb9f25d5509d8f5c947c0d22dc2f7403a45bdf24e8f7a41fd23c7b25e898386e8c6c31be8abee60007',
  );
});

test('lengths are in bytes, of the type and of the payload', () => {
  expect(Buffer.from(pae('ü', Buffer.from('ß'))).toString()).toBe('DSSEv1 2 ü 2 ß');
  expect(Buffer.from(pae('', new Uint8Array(0))).toString()).toBe('DSSEv1 0  0 ');
});

describe('BAD_ENVELOPE', () => {
  const without = (name: keyof typeof good) => Object.fromEntries(Object.entries(good).filter(([key]) => key !== name));
  const sigs = (signatures: unknown) => ({ ...good, signatures });
  const payload = (text: string) => ({ ...good, payload: text });
  test.each<[string, unknown]>([
    ['nothing', ''],
    ['HTML', '<!DOCTYPE html>'],
    ['cut short', JSON.stringify(good).slice(0, -1)],
    ['something behind it', `${JSON.stringify(good)}x`],
    ['a BOM before it', `\ufeff${JSON.stringify(good)}`],
    ['a list', [good]],
    ['null', 'null'],
    ['a text', '"envelope"'],
    ['no payload', without('payload')],
    ['no payloadType', without('payloadType')],
    ['no signatures', without('signatures')],
    ['a payload that is an object', { ...good, payload: { a: 1 } }],
    ['a type that is a number', { ...good, payloadType: 1 }],
    ['signatures that are an object', sigs({ 0: good.signatures[0] })],
    ['a signature that is a text', sigs(['AQID'])],
    ['a signature without keyid', sigs([{ sig: 'AQID' }])],
    ['a signature without sig', sigs([{ keyid: 'aa' }])],
    ['a keyid twice', sigs([...good.signatures, { keyid: 'aa', sig: 'BAUG' }])],
    ['17 signatures', sigs(Array.from({ length: MAX_SIGNATURES + 1 }, (_, i) => ({ keyid: `k${i}`, sig: 'AQID' })))],
    ['white space in base64', payload('eyJh IjoxfQ==')],
    ['a line end in base64', payload('eyJhIjox\nfQ==')],
    ['a line end behind base64', payload('eyJhIjoxfQ==\n')],
    ['both alphabets in one', payload('-_+/')],
    ['another character', payload('eyJh!joxfQ==')],
    ['padding in the middle', payload('eyJh==joxfQ')],
    ['padding too short', payload('eyJhIjoxfQ=')],
    ['padding too long', payload('eyJhIjoxfQ===')],
    ['padding alone', payload('==')],
    ['a single digit', payload('eyJhI')],
    ['a signature that is not base64', sigs([{ keyid: 'aa', sig: '*' }])],
    ['a hundred thousand brackets', '['.repeat(100_000)],
    ['a hundred thousand objects', '{"payload":'.repeat(10_000)],
  ])('%s', (_, value) => {
    expect(() => decode(value)).toThrow(refused);
  });

  test.each<[string, unknown, string]>([
    ['its length', 'null x', 'the envelope of 6 bytes is not UTF-8 JSON'],
    ['no object at all', 'null', 'the envelope has no object of the right kind'],
    ['the member', without('payloadType'), 'the envelope has no payloadType of the right kind'],
    ['the member within', sigs([good.signatures[0], { keyid: 'b' }]), 'has no signatures.1.sig of the right kind'],
    [
      'the number of signatures',
      sigs(Array.from({ length: 17 }, (_, i) => ({ keyid: `k${i}`, sig: 'AQID' }))),
      '17 signatures, at most 16 are allowed',
    ],
    ['a keyid', sigs([...good.signatures, ...good.signatures]), 'a keyid is named twice'],
    ['the payload', payload('*'), 'the payload is not base64'],
    ['the signature', sigs([good.signatures[0], { keyid: 'b', sig: '*' }]), 'the signature 2 is not base64'],
  ])('names what is wrong: %s', (_, value, message) => {
    expect(() => decode(value)).toThrow(message);
  });

  test('what is no JSON has the reason as its cause', () => {
    expect(() => decode('x')).toThrow(expect.objectContaining({ cause: expect.any(SyntaxError) as unknown }));
  });

  test('bytes that are no UTF-8, even where any text would do', () => {
    const text = Buffer.from(JSON.stringify({ ...good, payloadType: 'x' }));
    decodeEnvelope(text);
    text[text.indexOf('"x"') + 1] = 0xff;
    expect(() => decodeEnvelope(text)).toThrow(refused);
  });

  test('what would be larger than 128 KiB is not even fetched', () => {
    expect(MAX_ENVELOPE).toBe(131_072);
  });

  test('any bytes at all: an envelope or BAD_ENVELOPE', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (any) => {
          try {
            decodeEnvelope(any);
          } catch (error) {
            expect(error).toEqual(refused);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe('is taken', () => {
  test.each<[string, unknown]>([
    ['as it stands', good],
    ['with members of a later format', { ...good, more: 1, signatures: [{ ...good.signatures[0], cert: 'x' }] }],
    ['without padding', { ...good, payload: 'eyJhIjoxfQ' }],
    ['a name twice: the last wins', JSON.stringify(good).replace('{', '{"payload":"AAAA",')],
  ])('%s', (_, value) => {
    expect(Buffer.from(decode(value).payload).toString()).toBe('{"a":1}');
  });

  test('in the URL-safe alphabet', () => {
    expect([...decode({ ...good, payload: '-_-_' }).payload]).toEqual([
      ...decode({ ...good, payload: '+/+/' }).payload,
    ]);
  });

  test('with no payload and no signature in it', () => {
    expect(decode({ ...good, payload: '', signatures: [] })).toMatchObject({ signatures: [] });
  });

  test('with 16 signatures', () => {
    const signatures = Array.from({ length: MAX_SIGNATURES }, (_, i) => ({ keyid: `k${i}`, sig: 'AQID' }));
    expect(decode({ ...good, signatures }).signatures.length).toBe(16);
  });

  test('what is encoded comes back', () => {
    const sigs = fc
      .uniqueArray(fc.string(), { maxLength: MAX_SIGNATURES })
      .chain((ids) =>
        fc.tuple(...ids.map((keyid) => fc.uint8Array({ maxLength: 70 }).map((sig): Signature => ({ keyid, sig })))),
      );
    fc.assert(
      fc.property(fc.uint8Array(), fc.string({ unit: 'grapheme' }), sigs, (payload, type, signatures) => {
        const back = decodeEnvelope(encodeEnvelope(type, payload, signatures));
        expect(back.payloadType).toBe(type);
        expect([...back.payload]).toEqual([...payload]);
        expect(back.signatures.map(({ keyid, sig }) => [keyid, [...sig]])).toEqual(
          signatures.map(({ keyid, sig }) => [keyid, [...sig]]),
        );
      }),
    );
  });
});

describe('verification', () => {
  const [one, two, three] = [new SigningKey(), new SigningKey(), new SigningKey()];
  const ring = (threshold: number, ...keys: SigningKey[]): Ring => ({
    keys: new Map(keys.map((key) => [key.keyid, key.raw])),
    threshold,
    step: 0,
  });
  const publish = (lies: Lies = {}) => new Forger('example-org', [one]).publish(['a@example.org'], lies).manifestFile;
  const code = (file: Uint8Array, keys: Ring): string => {
    try {
      verifyManifest(file, keys);
      return 'good';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  const sigsOf = (lie: (signatures: EnvelopeDraft['signatures']) => object[]) =>
    publish({ envelope: (e) => ({ ...e, signatures: lie(e.signatures) }) });
  const wrong = { keyid: two.keyid, sig: Buffer.alloc(64, 1).toString('base64') };

  test('a good one gives the manifest, the digest of its payload and the envelope as it came', () => {
    const file = publish();
    const verified = verifyManifest(file, ring(1, one));
    const { payload } = JSON.parse(file.toString()) as EnvelopeDraft;
    expect(verified.manifest).toMatchObject({ name: 'example-org', version: 1 });
    expect(verified.digest).toBe(createHash('sha256').update(Buffer.from(payload, 'base64')).digest('hex'));
    expect(verified.envelope).toBe(file);
  });

  test.each<[string, () => Uint8Array, Ring, string]>([
    ['a key of nobody', () => publish(), ring(1, two), 'BAD_SIGNATURE'],
    ['no signature', () => sigsOf(() => []), ring(1, one), 'BAD_SIGNATURE'],
    [
      'a changed payload',
      () => publish({ swapped: (p) => p.toString().replace('1', '2') }),
      ring(1, one),
      'BAD_SIGNATURE',
    ],
    ['signed as another type', () => publish({ signedType: KEYRING_TYPE }), ring(1, one), 'BAD_SIGNATURE'],
    ['another type', () => publish({ type: KEYRING_TYPE }), ring(1, one), 'WRONG_TYPE'],
    [
      'another type and no good signature',
      () => publish({ type: KEYRING_TYPE, signers: [two] }),
      ring(1, one),
      'WRONG_TYPE',
    ],
    ['an empty type', () => publish({ type: '' }), ring(1, one), 'WRONG_TYPE'],
    [
      'bad JSON under a bad signature',
      () => publish({ payload: () => '{', signers: [two] }),
      ring(1, one),
      'BAD_SIGNATURE',
    ],
    ['bad JSON under a good signature', () => publish({ payload: () => '{' }), ring(1, one), 'BAD_MANIFEST'],
    ['two needed, one given', () => publish(), ring(2, one, two), 'BAD_SIGNATURE'],
    ['two needed, two given', () => publish({ signers: [two, one] }), ring(2, one, two), 'good'],
    [
      'two needed, one of them a stranger',
      () => publish({ signers: [one, three] }),
      ring(2, one, two),
      'BAD_SIGNATURE',
    ],
    ['two of three', () => publish({ signers: [three, one] }), ring(2, one, two, three), 'good'],
    ['a wrong one beside a right one', () => sigsOf((s) => [wrong, ...s]), ring(1, one, two), 'good'],
    ['a wrong one does not count', () => sigsOf((s) => [wrong, ...s]), ring(2, one, two), 'BAD_SIGNATURE'],
    ['a stranger before the right one', () => publish({ signers: [three, one] }), ring(1, one), 'good'],
    [
      'the keyid of another trusted key',
      () => sigsOf((s) => s.map((e) => ({ ...e, keyid: two.keyid }))),
      ring(1, one, two),
      'BAD_SIGNATURE',
    ],
    [
      'a keyid in upper case',
      () => sigsOf((s) => s.map((e) => ({ ...e, keyid: e.keyid.toUpperCase() }))),
      ring(1, one),
      'BAD_SIGNATURE',
    ],
    [
      'one signature under two spellings of its keyid',
      () => sigsOf((s) => [...s, ...s.map((e) => ({ ...e, keyid: e.keyid.toUpperCase() }))]),
      ring(2, one, two),
      'BAD_SIGNATURE',
    ],
    ['a keyid twice', () => sigsOf((s) => [...s, ...s]), ring(1, one), 'BAD_ENVELOPE'],
    ['an empty signature', () => sigsOf((s) => s.map((e) => ({ ...e, sig: '' }))), ring(1, one), 'BAD_SIGNATURE'],
    [
      'a signature a byte too long',
      () =>
        sigsOf((s) =>
          s.map((e) => ({
            ...e,
            sig: Buffer.concat([Buffer.from(e.sig, 'base64'), Buffer.alloc(1)]).toString('base64'),
          })),
        ),
      ring(1, one),
      'BAD_SIGNATURE',
    ],
  ])('%s', (_, make, keys, expected) => {
    expect(code(make(), keys)).toBe(expected);
  });

  test.each<[string, () => Uint8Array, Ring, string]>([
    [
      'the type, cut off where it is endless',
      () => publish({ type: 'x'.repeat(81) }),
      ring(1, one),
      `payloadType "${'x'.repeat(80)}", expected "${MANIFEST_TYPE}"`,
    ],
    [
      'how many signed, and how many of them count',
      () => publish({ signers: [one, three], envelope: (e) => ({ ...e, signatures: [...e.signatures, wrong] }) }),
      ring(2, one, two),
      expect.stringMatching(
        /^1 valid signatures of trusted keys, 2 needed \(3 given, 2 by trusted keys\); signed by keyid [0-9a-f]{64}(, [0-9a-f]{64}){2}$/,
      ) as string,
    ],
  ])('a refusal names %s', (_, make, keys, message) => {
    expect(() => verifyManifest(make(), keys)).toThrow(expect.objectContaining({ name: 'VerifyError', message }));
  });

  test('one flipped bit of the envelope: the same manifest or none', () => {
    const file = publish();
    const digest = verifyManifest(file, ring(1, one)).digest;
    fc.assert(
      fc.property(fc.nat(file.length - 1), fc.nat(7), (at, bit) => {
        const bad = Buffer.from(file);
        bad[at] = (bad[at] ?? 0) ^ (1 << bit);
        try {
          expect(verifyManifest(bad, ring(1, one)).digest).toBe(digest);
        } catch (error) {
          expect(error).toMatchObject({ name: expect.stringMatching(/^VerifyError$/) });
        }
      }),
      { numRuns: 300 },
    );
  });

  test('what was verified before needs no key, but the very payload that was', () => {
    const file = publish();
    const { digest, manifest } = verifyManifest(file, ring(1, one));
    expect(verifiedBefore(file, digest)).toEqual({ manifest, digest, envelope: file });
    const other = verifyManifest(publish({ version: 7 }), ring(1, one));
    expect(() => verifiedBefore(other.envelope, digest)).toThrow(
      expect.objectContaining({
        code: 'BAD_SIGNATURE',
        message: `the payload's SHA-256 is ${other.digest}, ${digest} was verified`,
      }),
    );
  });

  test('a threshold that no number of signatures reaches is never met', () => {
    const payload = Buffer.from('x');
    const sig = one.sign(signedBytes(MANIFEST_TYPE, payload));
    const envelope = { payload, payloadType: MANIFEST_TYPE, signatures: [{ keyid: one.keyid, sig }] };
    requireSignatures(envelope, ring(1, one).keys, 1);
    for (const threshold of [2, 16, Number.NaN]) {
      expect(() => requireSignatures(envelope, ring(1, one).keys, threshold)).toThrow(
        expect.objectContaining({ code: 'BAD_SIGNATURE' }),
      );
    }
  });

  test('an order below one does not let an unsigned manifest pass by a weak key', () => {
    const weak = bytes(`01${'00'.repeat(31)}`);
    const keyid = createHash('sha256').update(weak).digest('hex');
    const file = sigsOf(() => [{ keyid, sig: Buffer.concat([weak, Buffer.alloc(32)]).toString('base64') }]);
    expect(code(file, { keys: new Map([[keyid, weak]]), threshold: 1, step: 0 })).toBe('BAD_SIGNATURE');
  });
});
