/**
 * MariaDB's Ed25519 log-in (auth plugin `ed25519`, `client_ed25519` on the wire): the server sends 32 random bytes
 * and the client signs them. It is RFC 8032's Ed25519 with one difference. SHA-512 expands the password itself, of
 * any length, instead of 32 random bytes. No library here takes a key of another length, so this follows the RFC's
 * formulas. The arithmetic is not constant-time: it signs one short-lived challenge, for the server that is being
 * logged in to.
 */
import { createHash } from 'node:crypto';

const P = 2n ** 255n - 19n;
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const CHALLENGE = 32;

const mod = (value: bigint, by = P): bigint => ((value % by) + by) % by;

function power(base: bigint, exponent: bigint): bigint {
  let [result, square] = [1n, mod(base)];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = mod(result * square);
    square = mod(square * square);
  }
  return result;
}
const inverse = (value: bigint): bigint => power(value, P - 2n);

const D = mod(-121665n * inverse(121666n));

/** Extended coordinates (RFC 8032 section 5.1.4): x = X/Z, y = Y/Z, x*y = T/Z. */
type Point = readonly [x: bigint, y: bigint, z: bigint, t: bigint];

function sum([x1, y1, z1, t1]: Point, [x2, y2, z2, t2]: Point): Point {
  const a = mod((y1 - x1) * (y2 - x2));
  const b = mod((y1 + x1) * (y2 + x2));
  const c = mod(t1 * 2n * D * t2);
  const d = mod(z1 * 2n * z2);
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
}

const NEUTRAL: Point = [0n, 1n, 1n, 0n];
const BASE = basePoint();

/** y = 4/5, and the even one of its two x. */
function basePoint(): Point {
  const y = mod(4n * inverse(5n));
  const square = mod((y * y - 1n) * inverse(D * y * y + 1n));
  let x = power(square, (P + 3n) / 8n);
  if (mod(x * x - square) !== 0n) x = mod(x * power(2n, (P - 1n) / 4n));
  if ((x & 1n) === 1n) x = P - x;
  return [x, y, 1n, mod(x * y)];
}

function timesBase(scalar: bigint): Point {
  let [result, double] = [NEUTRAL, BASE];
  for (let rest = scalar; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = sum(result, double);
    double = sum(double, double);
  }
  return result;
}

function encoded([x, y, z]: Point): Buffer {
  const one = inverse(z);
  const bytes = toBytes(mod(y * one));
  bytes[31] = (bytes[31] ?? 0) | (Number(mod(x * one) & 1n) << 7);
  return bytes;
}

/** Numbers are little-endian. */
const backwards = (bytes: Uint8Array): Buffer => Buffer.from(bytes.map((_, i) => bytes[bytes.length - 1 - i] ?? 0));
const toBytes = (value: bigint): Buffer => backwards(Buffer.from(value.toString(16).padStart(64, '0'), 'hex'));
const fromBytes = (bytes: Uint8Array): bigint => BigInt(`0x${backwards(bytes).toString('hex')}`);
const sha512 = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash('sha512');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** A 64-byte signature of `message`. With a 32-byte secret it is what RFC 8032 gives. */
export function signWithPassword(secret: Uint8Array, message: Uint8Array): Buffer {
  const expanded = sha512(secret);
  const clamped = expanded.subarray(0, 32);
  clamped[0] = (clamped[0] ?? 0) & 0xf8;
  clamped[31] = ((clamped[31] ?? 0) & 0x7f) | 0x40;
  const scalar = fromBytes(clamped);
  const nonce = mod(fromBytes(sha512(expanded.subarray(32), message)), ORDER);
  const commitment = encoded(timesBase(nonce));
  const challenge = fromBytes(sha512(commitment, encoded(timesBase(scalar)), message));
  return Buffer.concat([commitment, toBytes(mod(nonce + challenge * scalar, ORDER))]);
}

/** An auth plugin for mysql2: it gets the challenge and returns the answer. */
export const ed25519Login = (password: string) => () => (challenge: Buffer) =>
  signWithPassword(Buffer.from(password), challenge.subarray(0, CHALLENGE));
