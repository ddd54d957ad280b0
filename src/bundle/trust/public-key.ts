/**
 * Public keys as people handle them: a PEM file of 113 bytes, and the keyid that stands for it in an envelope. Text
 * in, bytes out: touches no file. Implements the key rules of section 2 of docs/bundle-format.md.
 */
import { createHash } from 'node:crypto';
import { HostError } from '../../errors.ts';
import { publicKeyFlaw } from './ed25519.ts';
import { publicKeyBlocks } from './pem.ts';

/**
 * SubjectPublicKeyInfo of an Ed25519 key up to the key itself (RFC 8410, section 4): the same twelve bytes in every
 * file.
 */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const SPKI_BYTES = SPKI_PREFIX.length + 32;

/**
 * The raw 32 bytes of the one Ed25519 public key in `pem` (PEM, SPKI; text around the block is ignored). Throws
 * `HostError('CONFIG')`, whose message quotes nothing of the text, since it may be a private key put there by mistake.
 */
export function parsePublicKey(pem: string): Uint8Array {
  // Looked for first: a private key in a file that every gateway holds must be called that, not "malformed".
  if (/PRIVATE KEY-----/.test(pem)) {
    throw refusal('it holds a PRIVATE key. Put the .pub file there, and treat the private key as known to others');
  }
  const blocks = publicKeyBlocks(pem);
  if (blocks.length > 1) throw refusal(`it holds ${blocks.length} keys; each key needs a file of its own`);
  const [body] = blocks;
  if (body === undefined) throw refusal(`it is not PEM (-----BEGIN PUBLIC KEY-----)${lookalike(pem)}`);

  const der = Buffer.from(body, 'base64');
  // Node's decoder skips what it does not know; only text that comes back the same was base64.
  if (der.toString('base64') !== body) throw refusal('what stands between its BEGIN and END lines is not base64');
  if (der.length !== SPKI_BYTES || !der.subarray(0, SPKI_PREFIX.length).equals(SPKI_PREFIX)) {
    throw refusal('it is a key of another kind; only Ed25519 is used here');
  }
  const raw = Uint8Array.from(der.subarray(SPKI_PREFIX.length));
  const flaw = publicKeyFlaw(raw);
  if (flaw !== null) throw refusal(`the key ${flaw}, and cannot be trusted`);
  return raw;
}

/** The name of a key in an envelope: lower-case hex SHA-256 of its raw 32 bytes. */
export function keyid(raw: Uint8Array): string {
  return createHash('sha256').update(raw).digest('hex');
}

/** The PEM text (SPKI, LF at its end) of a raw 32-byte public key: what `openssl pkey -pubout` writes. */
export function publicKeyPem(raw: Uint8Array): string {
  const body = Buffer.concat([SPKI_PREFIX, raw]).toString('base64'); // 60 characters, which PEM has on one line
  return `-----BEGIN PUBLIC KEY-----\n${body}\n-----END PUBLIC KEY-----\n`;
}

function refusal(why: string): HostError {
  return new HostError('CONFIG', `not a usable public key: ${why}`);
}

function lookalike(text: string): string {
  if (/-----BEGIN CERTIFICATE-----/.test(text)) return ' but a certificate';
  if (/^\s*ssh-/.test(text)) return ' but a key in the form of OpenSSH';
  return '';
}
