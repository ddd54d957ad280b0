/** What the drivers are told about TLS: sslmode and the files beside it. Reads the files that the URL names. */
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { readAuthority, readSecretPem } from '../secret.ts';
import type { SqlTarget } from './url.ts';

export interface TlsOptions {
  readonly rejectUnauthorized: boolean;
  readonly minVersion: 'TLSv1.2';
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Node compares with "localhost" where the host is an IP address: the host is named here instead. */
  readonly checkServerIdentity: (host: string, cert: PeerCertificate) => Error | undefined;
}

/**
 * Null for sslmode=disable. `require` encrypts and verifies nothing, unless an authority is named: then it is verify-ca, as in libpq.
 * @throws HostError CONFIG: a file that cannot be read or used.
 */
export function tlsOptions({ tls, host, rootCert, cert, key }: SqlTarget): TlsOptions | null {
  if (tls === 'disable') return null;
  const full = tls === 'verify-full';
  return {
    rejectUnauthorized: tls !== 'require' || rootCert !== undefined,
    minVersion: 'TLSv1.2',
    ...(rootCert === undefined ? {} : { ca: readAuthority(rootCert, 'sslrootcert') }),
    ...(cert === undefined ? {} : { cert: readAuthority(cert, 'sslcert') }),
    ...(key === undefined ? {} : { key: readSecretPem('sslkey', key) }),
    checkServerIdentity: (_, certificate) => (full ? checkServerIdentity(host, certificate) : undefined),
  };
}
