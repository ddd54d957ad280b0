/**
 * What signs: a file, an ssh-agent, or a command (docs/commands.md section 3). Whatever signs, the signature is
 * verified before anybody sees it. Touches nothing by itself.
 */
import { verify } from '../../bundle/trust/ed25519.ts';
import { logOnce } from '../../io/log.ts';
import { PublishError } from '../errors.ts';

/** A key whose signatures count. */
export interface TrustedKey {
  /** Lower-case hex SHA-256 of the raw public key. */
  readonly keyid: string;
  /** Raw, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** For messages: the file, or what holds the key. */
  readonly label: string;
}

/** A key that signs here. */
export interface Signer extends TrustedKey {
  /** @returns 64 bytes, verified. @throws PublishError KEY */
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** Bytes that a token takes at most, where it hashes the whole message itself. Measured or from its maker's page. */
const TOKENS: readonly (readonly [name: string, bytes: number])[] = [
  ['Gnuk', 256],
  ['Nitrokey 3', 1024],
  ['AWS KMS', 4096],
];

/** Said where a key is not in a file: it may lie in a token, and Ed25519 signs the whole message, not a hash of it. */
export function warnOfLength(label: string, message: Uint8Array): void {
  const short = TOKENS.filter(([, bytes]) => message.length > bytes);
  if (short.length === 0) return;
  const named = short.map(([name, bytes]) => `${name} takes ${bytes}`).join(', ');
  logOnce('warning', `${label} is to sign ${message.length} bytes, more than some tokens take (${named})`);
}

/** @throws PublishError KEY unless these bytes are the key's signature of the message. */
export function verified(key: TrustedKey, message: Uint8Array, signature: Uint8Array): Uint8Array {
  if (verify(message, signature, key.publicKey)) return signature;
  throw new PublishError(
    'KEY',
    `${key.label} gave ${signature.length} bytes that are no Ed25519 signature by the key ${key.keyid.slice(0, 16)}`,
  );
}
