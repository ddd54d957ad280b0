/**
 * Makes signing keys, writes them once, and reads them after checking their rights. Only this file's callers see
 * the private part.
 */
import { createPrivateKey } from 'node:crypto';
import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { publicKeyOf, sign } from '../../bundle/trust/ed25519.ts';
import { keyid, publicKeyPem } from '../../bundle/trust/public-key.ts';
import { createFile, makeFolder } from '../../io/atomic-file.ts';
import { whyUnread } from '../../io/denied.ts';
import { writableByOthers } from '../../io/rights.ts';
import { PublishError } from '../errors.ts';
import type { Signer } from './signer.ts';

/** A key in a file: it signs at once. */
export interface SigningKey extends Signer {
  sign(message: Uint8Array): Uint8Array;
}

/** PKCS#8 of an Ed25519 key up to its 32-byte seed (RFC 8410). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');

function fromSeed(seed: Uint8Array, label: string): SigningKey {
  const publicKey = publicKeyOf(seed);
  return { keyid: keyid(publicKey), publicKey, label, sign: (message) => sign(message, seed) };
}

/**
 * Writes `name.key` (PKCS#8 PEM) and `name.pub` (SPKI PEM) into a folder. The key has mode 0600. In a setgid
 * folder, such as the package's, it has mode 0640, so the service can read it.
 * @param seed 32 random bytes.
 * @throws PublishError KEY if either file exists.
 */
export function makeKey(
  folder: string,
  name: string,
  seed: Uint8Array,
): SigningKey & { readonly files: [string, string] } {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name))
    throw new PublishError('KEY', `"${name}" cannot be the name of a key file`);
  const files: [string, string] = [path.join(folder, `${name}.key`), path.join(folder, `${name}.pub`)];
  const there = files.find((file) => existsSync(file));
  if (there !== undefined) throw new PublishError('KEY', `${there} is there already; a key is never overwritten`);
  const key = fromSeed(seed, files[0]);
  const base64 = Buffer.concat([PKCS8, seed]).toString('base64');
  makeFolder(folder, 0o755);
  const { mode, gid } = statSync(folder);
  const secret = (mode & 0o2000) !== 0 && gid !== 0 ? 0o640 : 0o600;
  createFile(files[0], `-----BEGIN PRIVATE KEY-----\n${base64}\n-----END PRIVATE KEY-----\n`, secret);
  createFile(files[1], publicKeyPem(key.publicKey), 0o644);
  return { ...key, files };
}

/**
 * @param also a user whose keys are accepted too: the owner of the state, whom root is about to become.
 * @throws PublishError KEY if it is unreadable, others can read or write it, or it is not an Ed25519 private key.
 */
export function readKey(file: string, also: number | null = null): SigningKey {
  let pem: string;
  try {
    // Without NONBLOCK, opening a FIFO would wait.
    const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile()) throw new PublishError('KEY', `the signing key ${file} is no regular file`);
      const { mode } = stat;
      if ((mode & 0o037) !== 0) {
        throw new PublishError(
          'KEY',
          `${file} can be used by others (mode ${(mode & 0o777).toString(8)}): chmod 0600 ${file}`,
        );
      }
      pem = readFileSync(fd, 'latin1');
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (error instanceof PublishError) throw error;
    throw new PublishError('KEY', `cannot read the signing key ${file}: ${whyUnread(error, file)}`, error);
  }
  const unsafe = writableByOthers('the signing key', file, also);
  if (unsafe !== null) throw new PublishError('KEY', unsafe);
  const seed = seedOf(pem);
  if (seed === null)
    throw new PublishError('KEY', `${file} holds no Ed25519 private key in PEM form (PKCS#8, not encrypted)`);
  return fromSeed(seed, file);
}

function seedOf(pem: string): Uint8Array | null {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType !== 'ed25519') return null;
    const { d } = key.export({ format: 'jwk' });
    return d === undefined ? null : Buffer.from(d, 'base64url');
  } catch {
    return null; // the reason may quote the file; the caller reports the fault
  }
}
