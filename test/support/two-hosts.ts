// Two hosts of which neither alone can change the list: a publisher, and a cosigner with its own sources. Each
// serves its folder over HTTPS as a plain web server would.
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { Central, people } from '../publisher/central.ts';
import { authority, certificate } from './endpoint.ts';
import { MANIFEST_TYPE, sha256, signedBytes, SigningKey } from './forger.ts';

/** A folder over HTTPS, which can be taken down. */
export class ServedFolder {
  readonly #server = createServer({ ...certificate('good') }, (request, response) => {
    try {
      const body = readFileSync(path.join(this.#folder, path.normalize(request.url ?? '')));
      response.writeHead(200, { 'content-length': body.length }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  readonly #folder: string;
  #port = 0;

  constructor(folder: string) {
    this.#folder = folder;
    onTestFinished(() => this.down());
  }

  async up(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async down(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  get url(): string {
    return `https://localhost:${this.#port}/`;
  }
}

export interface TwoHosts {
  readonly publisher: Central;
  readonly second: Central;
  /** What the publisher serves, and what the second host serves. */
  readonly served: readonly [ServedFolder, ServedFolder];
  /** Writes the second host's configuration. */
  readonly configure: (top?: string, policy?: string, source?: boolean, further?: string) => void;
}

/** Both hosts with the same list. @param further what else is in the configuration of a host. */
export async function twoHosts(further: (host: Central) => string = () => ''): Promise<TwoHosts> {
  const [publisher, second] = [new Central(), new Central()];
  for (const host of [publisher, second]) mkdirSync(host.output, { mode: 0o750 });
  const served = [new ServedFolder(publisher.output), new ServedFolder(second.output)] as const;
  await Promise.all(served.map((each) => each.up()));
  const ca = JSON.stringify(publisher.at('ca.pem'));
  writeFileSync(publisher.at('ca.pem'), authority().cert);
  writeFileSync(publisher.at('second.pub'), second.keys[0]?.publicPem ?? '');
  const other = `{ url = "${served[1].url}", public = ${JSON.stringify(publisher.at('second.pub'))}, ca_file = ${ca} }`;
  publisher.configure({ top: `threshold = 2\ncosigners = [${other}]`, further: further(publisher) });
  const configure = (top = '', policy = '', source = true, more = further(second)) => {
    second.configure({
      top: `candidate = { url = "${served[0].url}candidate/", ca_file = ${ca} }\n${top}`,
      policy,
      further: more,
    });
    if (source) return;
    const text = readFileSync(second.config, 'utf8');
    writeFileSync(second.config, text.replace(/\[\[source\]\][\s\S]*?\n\n/, ''));
  };
  configure();
  for (const host of [publisher, second]) host.rows(people(30));
  return { publisher, second, served, configure };
}

/** The envelope of a manifest that this key signs. */
export function signedManifest(manifest: object, keys: readonly SigningKey[], type = MANIFEST_TYPE): Buffer {
  const payload = Buffer.from(JSON.stringify(manifest));
  const signatures = keys.map((key) => ({
    keyid: key.keyid,
    sig: key.sign(signedBytes(type, payload)).toString('base64'),
  }));
  return Buffer.from(JSON.stringify({ payload: payload.toString('base64'), payloadType: type, signatures }));
}

export const digestOfEnvelope = (bytes: Buffer): string =>
  sha256(Buffer.from((JSON.parse(bytes.toString()) as { payload: string }).payload, 'base64'));
