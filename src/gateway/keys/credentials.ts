/**
 * Credentials and rights. Secrets are read first, while the process may still be root; then it becomes the owner of
 * `state_dir` before anything there is opened (docs/commands.md section 2).
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { HostError } from '../../errors.ts';
import { groupNumber } from '../../io/accounts.ts';
import { whyUnread } from '../../io/denied.ts';
import type { Access } from '../../io/http.ts';
import { requireUnwritable } from '../../io/rights.ts';
import { filesFor, type CredentialFiles } from '../bundle-urls.ts';
import type { BundleConfig, GatewayConfig } from '../config.ts';

/** What each URL of a bundle is asked with. URLs with the same files have the same object. */
export type BundleAccess = ReadonlyMap<string, Access>;

/** @throws HostError CONFIG: a file that cannot be read, a secret that others can, a ca_file that others may change. */
export function readAccess({
  ca_file: ca,
  client_cert: cert,
  client_key: key,
  token_file: token,
}: CredentialFiles): Access {
  return {
    ...(ca === undefined ? {} : { ca: authority(ca) }),
    ...(cert === undefined || key === undefined ? {} : clientPair(cert, key)),
    ...(token === undefined ? {} : { token: bearer(token, read('token_file', token, true)) }),
  };
}

/** Who may change it says to which server the token goes. */
function authority(file: string): string {
  const found = pem('ca_file', file, 'CERTIFICATE');
  requireUnwritable('ca_file', file);
  return found;
}

/**
 * Both are read to the end here: what TLS cannot use would else be an error of each cycle, of which nobody knows
 * what to do.
 */
function clientPair(certFile: string, keyFile: string): Pick<Access, 'cert' | 'key'> {
  const cert = pem('client_cert', certFile, 'CERTIFICATE');
  const key = pem('client_key', keyFile, 'PRIVATE KEY');
  const wrong = (what: string, cause?: unknown) => new HostError('CONFIG', what, cause);
  let matches: boolean;
  try {
    matches = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch (error) {
    const why = (error as Error).message;
    throw wrong(`client_cert ${certFile} and client_key ${keyFile} cannot be used: ${why}`, error);
  }
  if (!matches) throw wrong(`client_key ${keyFile} is not the key of client_cert ${certFile}`);
  return { cert, key };
}

/**
 * A file that holds no PEM block of its kind, or one that is cut short, would be taken in silence, and every cycle
 * would then end in TLS.
 */
function pem(option: string, file: string, kind: 'CERTIFICATE' | 'PRIVATE KEY'): string {
  const content = read(option, file, kind === 'PRIVATE KEY');
  const what = kind.toLowerCase();
  const begun = content.match(/-----BEGIN [A-Z ]+-----/g)?.length ?? 0;
  const ended = content.match(/-----END [A-Z ]+-----/g)?.length ?? 0;
  if (!new RegExp(`-----BEGIN [A-Z ]*${kind}-----`).test(content))
    throw new HostError('CONFIG', `${option} ${file} holds no ${what} in PEM form`);
  if (begun !== ended)
    throw new HostError('CONFIG', `${option} ${file} is cut short: ${begun} PEM blocks begin in it and ${ended} end`);
  return content;
}

function read(option: string, file: string, secret: boolean): string {
  try {
    const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { mode } = fstatSync(fd);
      if (secret && (mode & 0o027) !== 0) {
        throw new HostError(
          'CONFIG',
          `${option} ${file} can be read or written by others (mode ${(mode & 0o777).toString(8).padStart(4, '0')}): ${closing(file)}`,
        );
      }
      return readFileSync(fd, 'utf8');
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (error instanceof HostError) throw error;
    throw new HostError('CONFIG', `cannot read ${option} ${file}: ${whyUnread(error, file)}`, error);
  }
}

/** The service reads secrets by its group, where it is not root; without such a group the owner alone does. */
function closing(file: string): string {
  return groupNumber(SERVICE) === null ? `chmod 0600 ${file}` : `chgrp ${SERVICE} ${file} && chmod 0640 ${file}`;
}

const SERVICE = 'relaymap';

function bearer(file: string, content: string): string {
  const token = content.trim();
  if (!/^[A-Za-z0-9._~+/-]+=*$/.test(token))
    throw new HostError('CONFIG', `token_file ${file} does not hold one bearer token`);
  return token;
}

/** @throws HostError CONFIG */
export function bundleAccess(bundle: BundleConfig): BundleAccess {
  const known = new Map<string, Access>();
  return new Map(
    bundle.places.map((place) => {
      const files = filesFor(bundle, place);
      const mark = JSON.stringify([files.ca_file, files.client_cert, files.client_key, files.token_file]);
      const access = known.get(mark) ?? readAccess(files);
      known.set(mark, access);
      return [place.url, access];
    }),
  );
}

/** The files that `bundleAccess` reads. */
export const accessFiles = (bundle: BundleConfig): string[] => [
  ...new Set(
    bundle.places.flatMap((place) => Object.values(filesFor(bundle, place)).filter((file) => file !== undefined)),
  ),
];

/** By bundle. @throws HostError CONFIG */
export const credentials = (config: GatewayConfig): ReadonlyMap<string, BundleAccess> =>
  new Map(config.bundle.map((b) => [b.name, bundleAccess(b)]));
