// The envelope (format section 2) and the signatures in it, as they come from a server.
import { publicKeyOf, sign } from '../../../src/bundle/trust/ed25519.ts';
import {
  decodeEnvelope,
  encodeEnvelope,
  MANIFEST_TYPE,
  MAX_SIGNATURES,
  pae,
  type Envelope,
} from '../../../src/bundle/trust/envelope.ts';
import { keyid } from '../../../src/bundle/trust/public-key.ts';
import { requireSignatures } from '../../../src/bundle/trust/verify.ts';
import { attempt, must, same, type Target } from '../target.ts';

const SEEDS = [1, 2, 3].map((n) => new Uint8Array(32).fill(n));
const KEYS = SEEDS.map((seed) => ({ seed, raw: publicKeyOf(seed), keyid: keyid(publicKeyOf(seed)) }));
const TRUSTED = new Map(KEYS.slice(0, 2).map((key) => [key.keyid, key.raw]));
const PAYLOAD = Buffer.from('{"format":1}');
const SIGNED = pae(MANIFEST_TYPE, PAYLOAD);
const SIGNATURES = KEYS.map((key) => ({ keyid: key.keyid, sig: sign(SIGNED, key.seed) }));

/** What a base64 text of section 2 stands for, digit by digit; null for what is none. */
function plainly(text: string): string | null {
  const digits = text.replace(/={0,2}$/, '');
  const padding = text.length - digits.length;
  if (padding > 0 && text.length % 4 !== 0) return null;
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  const both = [`${alphabet}+/`, `${alphabet}-_`].find((all) => digits.split('').every((digit) => all.includes(digit)));
  if (both === undefined || digits.length % 4 === 1) return null;
  const bits = digits
    .split('')
    .map((digit) => both.indexOf(digit).toString(2).padStart(6, '0'))
    .join('');
  return (bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2).toString(16).padStart(2, '0')).join('');
}

function check(envelope: Envelope, input: Uint8Array): void {
  const json = JSON.parse(Buffer.from(input).toString()) as Record<string, unknown>;
  const given = json as { payload: string; payloadType: string; signatures: { keyid: string; sig: string }[] };
  same(Buffer.from(envelope.payload).toString('hex'), plainly(given.payload), 'the payload');
  same(envelope.payloadType, given.payloadType, 'the type');
  same(
    envelope.signatures.map((s) => [s.keyid, Buffer.from(s.sig).toString('hex')]),
    given.signatures.map((s) => [s.keyid, plainly(s.sig)]),
    'the signatures',
  );
  must(envelope.signatures.length <= MAX_SIGNATURES, 'more signatures than are allowed');
  same(new Set(envelope.signatures.map((s) => s.keyid)).size, envelope.signatures.length, 'distinct keyids');
  const again = decodeEnvelope(encodeEnvelope(envelope.payloadType, envelope.payload, envelope.signatures));
  same(
    [again.payload, again.payloadType, again.signatures],
    [envelope.payload, envelope.payloadType, envelope.signatures],
    'written and read',
  );
}

/** Whether the envelope holds, letter by letter, the signatures that were made above for what it says. */
const genuine = (envelope: Envelope, threshold: number): boolean =>
  envelope.payloadType === MANIFEST_TYPE &&
  PAYLOAD.equals(envelope.payload) &&
  envelope.signatures.filter((s) =>
    SIGNATURES.some((g) => TRUSTED.has(g.keyid) && g.keyid === s.keyid && Buffer.from(g.sig).equals(s.sig)),
  ).length >= threshold;

const written = (signatures = SIGNATURES, type = MANIFEST_TYPE) => encodeEnvelope(type, PAYLOAD, signatures);

export const envelope: Target = {
  name: 'envelope',
  form: 'json',
  longest: 4096,
  words: [
    'payload',
    'payloadType',
    'signatures',
    'keyid',
    'sig',
    '=',
    '==',
    '-_',
    '+/',
    MANIFEST_TYPE,
    KEYS[0]?.keyid ?? '',
    '\ufeff',
  ],
  seeds: () => [
    written(),
    written(SIGNATURES.slice(0, 1)),
    written([]),
    written(SIGNATURES, 'application/vnd.relaymap.keyring.v1+json'),
    written([{ keyid: 'x', sig: new Uint8Array(0) }]),
    JSON.stringify({ payload: '-_-_', payloadType: 'x', signatures: [{ keyid: '', sig: 'AA' }], more: [null] }),
    JSON.stringify({
      payload: '',
      payloadType: '',
      signatures: Array.from({ length: 17 }, (_, i) => ({ keyid: String(i), sig: '' })),
    }),
  ],
  run: async (input) => {
    const decoded = await attempt(() => decodeEnvelope(input));
    if ('refused' in decoded) return decoded.refused;
    check(decoded.value, input);
    let signed = 0;
    for (const threshold of [1, 2]) {
      const enough = await attempt(() => requireSignatures(decoded.value, TRUSTED, threshold));
      same('value' in enough, genuine(decoded.value, threshold), `${threshold} signatures are enough`);
      if ('value' in enough) signed++;
    }
    return `signed by ${signed}`;
  },
};
