/**
 * Whether one of a site's own CAs issued a client's certificate. TLS accepts the CAs of all sites, but a client
 * that may read one customer's list must not read another's. Pure.
 */
import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** The most certificates between a client's and its CA. */
const LONGEST = 8;

/** A client whose certificate, where one is required, is verified. */
export interface Client {
  /** The common name; null where no certificate is required, or where it has none or several. */
  readonly cn: string | null;
}

/** By the CAs of a site, which are read anew together: a connection asks again and again. */
const known = new WeakMap<readonly X509Certificate[], WeakMap<Socket, Client | false>>();
const ANYBODY: Client = { cn: null };

/** @param authorities of the site; null where it requires no certificate. @returns null for who is not let in */
export function clientOf(socket: Socket, authorities: readonly X509Certificate[] | null): Client | null {
  if (authorities === null) return ANYBODY;
  const clients = known.get(authorities) ?? new WeakMap<Socket, Client | false>();
  known.set(authorities, clients);
  const client = clients.get(socket) ?? verified(socket, authorities);
  clients.set(socket, client);
  return client === false ? null : client;
}

const verified = (socket: Socket, authorities: readonly X509Certificate[]): Client | false =>
  socket instanceof TLSSocket && isIssuedFor(socket, authorities) && { cn: commonName(socket) };

/** Of several nobody knows which one was meant. */
function commonName(socket: TLSSocket): string | null {
  const cn: unknown = socket.getPeerCertificate().subject?.CN;
  return typeof cn === 'string' && cn !== '' ? cn : null;
}

function isIssuedFor(socket: TLSSocket, authorities: readonly X509Certificate[]): boolean {
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
