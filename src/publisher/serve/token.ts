/** The digests by which bearer tokens are compared. Reads the file that holds one. */
import { createHash } from 'node:crypto';
import { HostError } from '../../errors.ts';
import { readSecret } from '../sources/secret.ts';

export const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** @throws HostError CONFIG: unreadable, readable by others, or shorter than 16 characters. */
export function readToken(option: string, file: string): Buffer {
  const token = readSecret(option, file).trim();
  if (token.length < 16) throw new HostError('CONFIG', `${option} ${file} holds fewer than 16 characters`);
  return digest(token);
}
