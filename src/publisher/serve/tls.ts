/** Certificate and key of the embedded endpoint, checked before use. Reads the files that the configuration names. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { SecureContextOptions, TlsOptions } from 'node:tls';
import { HostError } from '../../errors.ts';
import { readSecretPem } from '../sources/secret.ts';
import type { ServeConfig, Site } from './sites.ts';

/**
 * The TLS options for new connections. They can change while the server runs.
 * @throws HostError CONFIG. Node silently accepts an invalid client CA, and reports other faults in OpenSSL's
 *   words.
 */
export function secureContext(serve: ServeConfig, sites: readonly Site[]): SecureContextOptions {
  const cert = readCertificate(serve.cert);
  const key = readSecretPem('serve.key', serve.key);
  const certificate = parsed(`serve.cert ${serve.cert} is no certificate`, () => new X509Certificate(cert));
  const privateKey = parsed(`serve.key ${serve.key} is no private key`, () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new HostError('CONFIG', `serve.key ${serve.key} does not belong to serve.cert ${serve.cert}`);
  }
  const authorities = sites.flatMap((site) => site.authorities ?? []).map(String);
  return { cert, key, minVersion: 'TLSv1.2', ...(authorities.length === 0 ? {} : { ca: authorities }) };
}

/** Whether TLS itself must demand a client certificate. If only some sites need one, the answers check it. */
export function clientRule(sites: readonly Site[]): Pick<TlsOptions, 'requestCert' | 'rejectUnauthorized'> {
  const asking = sites.filter(({ authorities }) => authorities !== null).length;
  return { requestCert: asking > 0, rejectUnauthorized: asking > 0 && asking === sites.length };
}

function readCertificate(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new HostError('CONFIG', `cannot read serve.cert: ${(error as Error).message}`, error);
  }
}

function parsed<T>(refusal: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new HostError('CONFIG', `${refusal} in PEM form`, error);
  }
}
