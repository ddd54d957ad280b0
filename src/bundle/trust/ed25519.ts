/**
 * Ed25519 as RFC 8032 has it, strict: tweetnacl does the arithmetic and this file closes its gaps (it lets S >= L
 * pass, throws on wrong lengths, and takes weak public keys). The only user of tweetnacl. Bytes in, values out:
 * touches nothing else.
 *
 * Published at a stable path, `dist/bundle/ed25519.js`. Implements section 2 of docs/bundle-format.md.
 */
import nacl from 'tweetnacl';
import { HostError } from '../../errors.ts';

/** The order of the base point, which S has to be below (RFC 8032, 5.1.7). */
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
/** The prime of the field. */
const P = 2n ** 255n - 19n;
/** The curve's constant: -x^2 + y^2 = 1 + D x^2 y^2. */
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;
/** Canonical y of the eight points whose order divides 8: orders 1, 2, 4 (two points), 8 (twice two points). */
const SMALL_ORDER_Y: readonly bigint[] = [
  1n,
  P - 1n,
  0n,
  2707385501144840649318225287225658788936804267575313519463743609750303402022n,
  P - 2707385501144840649318225287225658788936804267575313519463743609750303402022n,
];
const Y_MASK = 2n ** 255n - 1n;

/**
 * Whether `signature` (64 bytes) is the Ed25519 signature of `message` under `publicKey` (32 raw bytes). Never
 * throws, whatever it is given: what is not bytes, or has another length, is no signature. Weak public keys never
 * verify anything.
 */
export function verify(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean {
  try {
    if (!isBytes(message) || !isBytes(signature) || signature.length !== 64) return false;
    // R needs no check of its own: tweetnacl compares its bytes with the canonical encoding of [S]B - [h]A.
    if (littleEndian(signature.subarray(32)) >= L) return false;
    if (weakness(publicKey) !== null) return false;
    return nacl.sign.detached.verify(message, signature, publicKey);
  } catch {
    // Out of memory on a huge message, or an object that only looks like bytes: not verified is the one safe answer.
    return false;
  }
}

/**
 * Why these bytes cannot be trusted as a public key, in words that complete "the key ...", or null if they can be.
 * To be asked when a key is loaded: beside what `verify` refuses anyhow it finds the half of all values that are no
 * point of the curve.
 */
export function publicKeyFlaw(raw: Uint8Array): string | null {
  return weakness(raw) ?? (isOnCurve(littleEndian(raw) & Y_MASK) ? null : 'is not a point of the curve');
}

/** Whether these bytes can be trusted as a public key: 32 of them, canonical, on the curve, not of small order. */
export function isAcceptablePublicKey(raw: Uint8Array): boolean {
  return publicKeyFlaw(raw) === null;
}

/** The 64-byte signature of `message` by the key whose private seed (RFC 8032, 5.1.5) is `seed`, 32 bytes. */
export function sign(message: Uint8Array, seed: Uint8Array): Uint8Array {
  return nacl.sign.detached(message, pair(seed).secretKey);
}

/** The raw 32-byte public key that belongs to a private seed of 32 bytes. */
export function publicKeyOf(seed: Uint8Array): Uint8Array {
  return pair(seed).publicKey;
}

function pair(seed: Uint8Array): nacl.SignKeyPair {
  if (!isBytes(seed) || seed.length !== 32) throw new HostError('INTERNAL', 'a private seed has to be 32 bytes');
  return nacl.sign.keyPair.fromSeed(seed);
}

/**
 * The checks on a key that tweetnacl does not make. Each small-order y is refused with either sign, which takes x =
 * 0 along.
 */
function weakness(raw: Uint8Array): string | null {
  if (!isBytes(raw) || raw.length !== 32) return 'is not 32 bytes';
  const y = littleEndian(raw) & Y_MASK;
  if (y >= P) return 'is not in canonical form';
  if (SMALL_ORDER_Y.includes(y)) return 'is of small order';
  return null;
}

/** Whether some x goes with this y, that is, whether x^2 = (y^2 - 1) / (D y^2 + 1) has a root (Euler's criterion). */
function isOnCurve(y: bigint): boolean {
  const ySquared = (y * y) % P;
  // u / v is a square exactly where u * v is one, which spares the division.
  let power = ((ySquared - 1n + P) * ((D * ySquared + 1n) % P)) % P;
  let result = 1n;
  for (let exponent = (P - 1n) / 2n; exponent > 0n; exponent >>= 1n) {
    if ((exponent & 1n) === 1n) result = (result * power) % P;
    power = (power * power) % P;
  }
  return result === 1n;
}

// A caller outside TypeScript can hand over anything at all.
function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

function littleEndian(bytes: Uint8Array): bigint {
  let hex = '';
  for (const byte of bytes) hex = byte.toString(16).padStart(2, '0') + hex;
  return BigInt(`0x${hex}`);
}
