/**
 * Credentials and rights. Secrets are read first, while the process may still be root; then it becomes the owner of `state_dir`
 * before anything there is opened (commands.md section 2).
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { HostError } from '../../errors.ts';
import { isAbsent } from '../../io/atomic-file.ts';
import type { Access } from '../../io/http.ts';
import type { BundleConfig } from '../config.ts';

/** @throws HostError CONFIG: a file that cannot be read, or a secret that others can. */
export function readAccess(
  bundle: Pick<BundleConfig, 'ca_file' | 'client_cert' | 'client_key' | 'token_file'>,
): Access {
  const { ca_file: ca, client_cert: cert, client_key: key, token_file: token } = bundle;
  return {
    ...(ca === undefined ? {} : { ca: pem('ca_file', ca, 'CERTIFICATE') }),
    ...(cert === undefined || key === undefined ? {} : clientPair(cert, key)),
    ...(token === undefined ? {} : { token: bearer(token, read('token_file', token, true)) }),
  };
}

/** Both are read to the end here: what TLS cannot use would else be an error of each cycle, of which nobody knows what to do. */
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

/** A file that holds no PEM block of its kind would be taken in silence, and every cycle would then end in TLS. */
function pem(option: string, file: string, kind: 'CERTIFICATE' | 'PRIVATE KEY'): string {
  const content = read(option, file, kind === 'PRIVATE KEY');
  if (new RegExp(`-----BEGIN [A-Z ]*${kind}-----`).test(content)) return content;
  throw new HostError('CONFIG', `${option} ${file} holds no ${kind.toLowerCase()} in PEM form`);
}

function read(option: string, file: string, secret: boolean): string {
  try {
    const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { mode } = fstatSync(fd);
      if (secret && (mode & 0o027) !== 0) {
        throw new HostError(
          'CONFIG',
          `${option} ${file} can be read or written by others (mode ${(mode & 0o777).toString(8)}): chmod 0600 ${file}`,
        );
      }
      return readFileSync(fd, 'utf8');
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (error instanceof HostError) throw error;
    throw new HostError('CONFIG', `cannot read ${option} ${file}: ${(error as Error).message}`, error);
  }
}

function bearer(file: string, content: string): string {
  const token = content.trim();
  if (!/^[A-Za-z0-9._~+/-]+=*$/.test(token))
    throw new HostError('CONFIG', `token_file ${file} does not hold one bearer token`);
  return token;
}

/** This Node does not let a running process become another user. */
export class Unchangeable extends HostError {
  readonly uid: number;
  readonly gid: number;

  constructor(stateDir: string, { uid, gid }: { uid: number; gid: number }, cause: unknown) {
    const goOn = `start it as that user: setpriv --reuid ${uid} --regid ${gid} --init-groups relaymap ...`;
    super('CONFIG', `cannot become user ${uid}, the owner of ${stateDir}, on this Node; ${goOn}`, cause);
    this.uid = uid;
    this.gid = gid;
  }
}

// Missing from the types of Node 20, there since 0.9.4: the group postfix must come along.
const initGroups = (user: number, extra: number): void =>
  (process as { initgroups?: (user: number, extra: number) => void }).initgroups?.(user, extra);

let forATime = false;

/**
 * A process started as root becomes the owner of `stateDir`, with that user's groups.
 * @throws HostError CONFIG; Unchangeable on a Node that refuses it to every process, as Debian 13's does.
 */
export function becomeOwner(stateDir: string): void {
  if (process.geteuid?.() !== 0) return;
  let owner: { uid: number; gid: number };
  try {
    owner = statSync(stateDir);
  } catch (error) {
    if (isAbsent(error)) return; // made by this process, as root
    throw new HostError('CONFIG', `cannot look at state_dir ${stateDir}: ${(error as Error).message}`, error);
  }
  if (owner.uid === 0) return;
  try {
    initGroups(owner.uid, owner.gid);
    if (forATime) {
      process.setegid?.(owner.gid);
      process.seteuid?.(owner.uid);
    } else {
      process.setgid?.(owner.gid);
      process.setuid?.(owner.uid);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_INVALID_STATE') throw new Unchangeable(stateDir, owner, error);
    throw new HostError(
      'CONFIG',
      `cannot become user ${owner.uid}, the owner of ${stateDir}: ${(error as Error).message}`,
      error,
    );
  }
}

/**
 * For `init --apply` alone, which must be root once more after the cycle: `becomeOwner` then holds until the function that is returned
 * is called. What is written to state_dir meanwhile is the owner's, and no link there leads root astray.
 */
export function keepRoot(): () => void {
  forATime = true;
  return () => {
    if (process.getuid?.() !== 0) return;
    process.seteuid?.(0);
    process.setegid?.(0);
    initGroups(0, 0);
  };
}

/** Who has to do what is the owner's to do, where this process is root and its Node does not let it change; null everywhere else. */
export function ownerBeside(stateDir: string): { readonly uid: number; readonly gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  try {
    process.setegid?.(process.getegid?.() ?? 0); // no change, and refused where any change is
    return null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_INVALID_STATE') throw error;
  }
  try {
    const { uid, gid } = statSync(stateDir);
    return uid === 0 ? null : { uid, gid };
  } catch (error) {
    if (isAbsent(error)) return null; // made by this process, as root
    throw error;
  }
}
