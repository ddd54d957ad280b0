/** Certificate, key and client authority of the embedded endpoint, checked before anything listens. Reads the files it is named. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ServerOptions } from 'node:https';
import { HostError } from '../../errors.ts';
import type { PublisherConfig } from '../config.ts';

type ServeConfig = NonNullable<PublisherConfig['serve']>;

/** @throws HostError CONFIG. Node takes a client authority that is none in silence, and the other faults in OpenSSL's words. */
export function tlsOptions(serve: ServeConfig): ServerOptions {
  const cert = readOption('cert', serve.cert);
  const key = readOption('key', serve.key);
  const certificate = parsed(`serve.cert ${serve.cert} is no certificate`, () => new X509Certificate(cert));
  const privateKey = parsed(`serve.key ${serve.key} is no private key`, () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new HostError('CONFIG', `serve.key ${serve.key} does not belong to serve.cert ${serve.cert}`);
  }
  const own = { cert, key, minVersion: 'TLSv1.2' } as const;
  if (serve.client_ca === undefined) return own;
  const ca = readOption('client_ca', serve.client_ca);
  parsed(`serve.client_ca ${serve.client_ca} is no certificate`, () => new X509Certificate(ca));
  return { ...own, ca, requestCert: true, rejectUnauthorized: true };
}

/** The text of a file that [serve] names. @throws HostError CONFIG */
export function readOption(option: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new HostError('CONFIG', `cannot read serve.${option}: ${(error as Error).message}`, error);
  }
}

function parsed<T>(refusal: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new HostError('CONFIG', `${refusal} in PEM form`, error);
  }
}
