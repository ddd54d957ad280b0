/** The drivers' TLS options: sslmode and the files beside it. Reads the files that the URL names. */
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { readCertificate, readSecretPem } from '../secret.ts';
import type { SqlTarget } from './url.ts';

export interface TlsOptions {
  readonly rejectUnauthorized: boolean;
  readonly minVersion: 'TLSv1.2';
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** For an IP address Node compares with "localhost"; this passes the real host. */
  readonly checkServerIdentity: (host: string, cert: PeerCertificate) => Error | undefined;
}

/**
 * Null for sslmode=disable. `require` encrypts but verifies nothing. If a CA is named, it means verify-ca, as in
 * libpq.
 * @throws HostError CONFIG for a file that cannot be read or used.
 */
export function tlsOptions({ tls, host, rootCert, cert, key }: SqlTarget): TlsOptions | null {
  if (tls === 'disable') return null;
  const full = tls === 'verify-full';
  return {
    rejectUnauthorized: tls !== 'require' || rootCert !== undefined,
    minVersion: 'TLSv1.2',
    // Often in the database's own folder: whoever owns that gives the list anyway.
    ...(rootCert === undefined ? {} : { ca: readCertificate(rootCert, 'sslrootcert') }),
    ...(cert === undefined ? {} : { cert: readCertificate(cert, 'sslcert') }),
    ...(key === undefined ? {} : { key: readSecretPem('sslkey', key) }),
    checkServerIdentity: (_, certificate) => (full ? checkServerIdentity(host, certificate) : undefined),
  };
}
