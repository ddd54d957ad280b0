/**
 * Whether one of a site's own CAs issued a client's certificate. TLS accepts the CAs of all sites, but a client
 * that may read one customer's list must not read another's. Pure.
 */
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

/** The most certificates between a client's and its CA. */
const LONGEST = 8;

export function isIssuedFor(socket: TLSSocket, authorities: readonly X509Certificate[]): boolean {
  if (!socket.authorized) return false;
  let certificate: X509Certificate | undefined = socket.getPeerX509Certificate();
  for (let i = 0; certificate !== undefined && i < LONGEST; i++) {
    const own = certificate;
    if (authorities.some((authority) => isIssuedBy(own, authority))) return true;
    const issuer: X509Certificate | undefined = own.issuerCertificate;
    certificate = issuer !== undefined && issuer.ca && isIssuedBy(own, issuer) ? issuer : undefined;
    if (certificate?.fingerprint256 === own.fingerprint256) return false;
  }
  return false;
}

const isIssuedBy = (certificate: X509Certificate, issuer: X509Certificate): boolean =>
  certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
