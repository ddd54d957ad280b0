/** Passwords, tokens and authorities of sources: read when the source is, so that a changed one needs no restart. Reads the files named. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { HostError } from '../../errors.ts';
import { whyUnread } from '../../io/denied.ts';

/**
 * A secret of one line, without its line end.
 * @param option the key of the configuration that names the file, for messages.
 * @throws HostError CONFIG: not readable, empty, of several lines, or readable by others.
 */
export function readSecret(option: string, file: string): string {
  const secret = readSecretPem(option, file).replace(/\r?\n$/, '');
  // A bind with an empty password is an anonymous one, and succeeds.
  if (secret === '') throw new HostError('CONFIG', `${option} ${file} is empty`);
  if (/[\r\n\0]/.test(secret)) throw new HostError('CONFIG', `${option} ${file} holds more than one line`);
  return secret;
}

/** A secret of any number of lines. @throws HostError CONFIG: not readable, or readable by others. */
export function readSecretPem(option: string, file: string): string {
  const { text, mode } = read(option, file);
  if ((mode & 0o027) === 0) return text;
  throw new HostError(
    'CONFIG',
    `${option} ${file} can be read or written by others (mode ${(mode & 0o777).toString(8)}): chmod 0600 ${file}`,
  );
}

/** @throws HostError CONFIG: not readable, or no certificate in it; without this check it would be taken in silence. */
export function readAuthority(file: string, option = 'ca_file'): string {
  const { text } = read(option, file);
  try {
    void new X509Certificate(text);
  } catch (error) {
    throw new HostError('CONFIG', `${option} ${file} holds no certificate in PEM form`, error);
  }
  return text;
}

function read(option: string, file: string): { readonly text: string; readonly mode: number } {
  try {
    // Without NONBLOCK a FIFO would be waited for.
    const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return { mode: fstatSync(fd).mode, text: readFileSync(fd, 'utf8') };
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw new HostError('CONFIG', `cannot read ${option} ${file}: ${whyUnread(error, file)}`, error);
  }
}
