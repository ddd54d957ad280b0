/**
 * Passwords, tokens and CAs of sources. They are read together with the source, so a change needs no restart. Reads
 * the files that the configuration names.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { HostError } from '../../errors.ts';
import { whyUnread } from '../../io/denied.ts';
import { requireUnwritable } from '../../io/rights.ts';

/**
 * A secret of one line, without its line end.
 * @param option the configuration key that names the file, for messages.
 * @throws HostError CONFIG if the file is unreadable, empty, has several lines, or others can read it.
 */
export const readSecret = (option: string, file: string): string => oneLine(option, file, readSecretPem(option, file));

/** The same of a file that a platform has put there, with the rights that it gives. @throws HostError CONFIG */
export const readGivenSecret = (option: string, file: string): string => oneLine(option, file, read(option, file).text);

function oneLine(option: string, file: string, text: string): string {
  const secret = text.replace(/\r?\n$/, '');
  // A bind with an empty password is anonymous, and succeeds.
  if (secret === '') throw new HostError('CONFIG', `${option} ${file} is empty`);
  if (/[\r\n\0]/.test(secret)) throw new HostError('CONFIG', `${option} ${file} holds more than one line`);
  return secret;
}

/** A secret of any number of lines. @throws HostError CONFIG if the file is unreadable, or others can read it. */
export function readSecretPem(option: string, file: string): string {
  const { text, mode } = read(option, file);
  if ((mode & 0o027) === 0) return text;
  throw new HostError(
    'CONFIG',
    `${option} ${file} can be read or written by others (mode ${(mode & 0o777).toString(8)}): chmod 0600 ${file}`,
  );
}

/**
 * As `readCertificate`, for a file that says which server is trusted.
 * @throws HostError CONFIG also if others may change it
 */
export function readAuthority(file: string, option = 'ca_file'): string {
  const text = readCertificate(file, option);
  requireUnwritable(option, file);
  return text;
}

/** @throws HostError CONFIG if the file is unreadable or contains no certificate, which would be accepted silently */
export function readCertificate(file: string, option: string): string {
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
    // Without NONBLOCK, opening a FIFO would wait.
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
