// A real HTTPS server on loopback that gives a forger's files, tells what it was asked, and misbehaves where a test
// wants it to. Certificates are openssl's, made when first needed and kept in memory.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { sha256 } from './forger.ts';

export interface Identity {
  readonly key: string;
  readonly cert: string;
}

export type Certificate = 'good' | 'for another name' | 'of another authority' | 'expired' | 'self-signed';

const identities = new Map<string, Identity>();

/** The authority that `ca_file` names in every test. */
export const authority = (): Identity => identity('authority', (dir) => selfSigned(dir, '/CN=tests', true));

export function certificate(kind: Certificate): Identity {
  return identity(kind, (dir) => {
    if (kind === 'self-signed') return selfSigned(dir, '/CN=localhost', false);
    const issuer =
      kind === 'of another authority'
        ? identity('a stranger', (folder) => selfSigned(folder, '/CN=stranger', true))
        : authority();
    const name =
      kind === 'for another name'
        ? 'DNS:elsewhere.example,DNS:elsewhere.localhost'
        : 'DNS:localhost,IP:127.0.0.1,IP:::1';
    return issued(dir, issuer, name, kind === 'expired' ? -1 : 2);
  });
}

function identity(name: string, make: (dir: string) => void): Identity {
  const known = identities.get(name);
  if (known !== undefined) return known;
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-tls-'));
  try {
    make(dir);
    const made = {
      key: readFileSync(path.join(dir, 'own.key'), 'utf8'),
      cert: readFileSync(path.join(dir, 'own.pem'), 'utf8'),
    };
    identities.set(name, made);
    return made;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const openssl = (cwd: string, ...args: string[]) => execFileSync('openssl', args, { cwd, stdio: 'pipe' });
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'own.key'];

function selfSigned(dir: string, subject: string, mayIssue: boolean): void {
  const use = mayIssue
    ? ['-addext', 'basicConstraints=critical,CA:TRUE']
    : ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  openssl(dir, 'req', '-x509', ...NEW_KEY, '-out', 'own.pem', '-days', '2', '-subj', subject, ...use);
}

function issued(dir: string, issuer: Identity, names: string, days: number): void {
  writeFileSync(path.join(dir, 'ca.pem'), issuer.cert);
  writeFileSync(path.join(dir, 'ca.key'), issuer.key);
  writeFileSync(path.join(dir, 'names'), `subjectAltName=${names}\n`);
  openssl(dir, 'req', ...NEW_KEY, '-out', 'own.csr', '-subj', '/CN=a server');
  const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'names'];
  openssl(dir, 'x509', '-req', '-in', 'own.csr', ...by, '-days', String(days), '-out', 'own.pem');
}

export interface Asked {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** Answers in the server's place. Gives back false to let the server answer after all. */
export type Misbehaviour = (exchange: {
  readonly path: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The file that an honest server would give. */
  readonly file: Buffer;
  /** The TCP connection below TLS. */
  readonly connection: Socket;
}) => boolean | void;

export class Endpoint {
  readonly asked: Asked[] = [];
  misbehaviour: Misbehaviour | null = null;
  readonly #server: Server;
  readonly #connections = new Map<number, Socket>();

  /** What it gives, below its base URL. */
  readonly files: Map<string, Buffer>;

  private constructor(files: Map<string, Buffer>, identityOfServer: Identity) {
    this.files = files;
    this.#server = createServer({ ...identityOfServer }, (request, response) => this.#answer(files, request, response));
    this.#server.on('tlsClientError', () => undefined); // a client that does not like the certificate
    this.#server.on('connection', (socket: Socket) => {
      const port = socket.remotePort ?? 0;
      this.#connections.set(port, socket);
      socket.on('close', () => this.#connections.delete(port));
    });
  }

  static async start(files: Map<string, Buffer>, kind: Certificate = 'good'): Promise<Endpoint> {
    const endpoint = new Endpoint(files, certificate(kind));
    endpoint.#server.listen(0, '127.0.0.1');
    await once(endpoint.#server, 'listening');
    return endpoint;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The base URL. */
  get url(): string {
    return `https://localhost:${this.port}/list/`;
  }

  /** The paths asked for since the last call, below the base URL. */
  take(): string[] {
    return this.asked.splice(0).map((a) => a.path);
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #answer(files: ReadonlyMap<string, Buffer>, request: IncomingMessage, response: ServerResponse): void {
    const asked = (request.url ?? '').replace(/^\/list\//, '');
    this.asked.push({ path: asked, headers: request.headers });
    const file = files.get(asked) ?? Buffer.alloc(0);
    const connection = this.#connections.get(request.socket.remotePort ?? 0);
    if (this.misbehaviour !== null && connection !== undefined) {
      if (this.misbehaviour({ path: asked, request, response, file, connection }) !== false) return;
    }
    if (!files.has(asked)) {
      response.writeHead(404).end('not here');
      return;
    }
    const etag = `"${sha256(file).slice(0, 32)}"`;
    if (request.headers['if-none-match'] === etag) response.writeHead(304, { etag }).end();
    else response.writeHead(200, { etag, 'content-length': file.length }).end(file);
  }
}
