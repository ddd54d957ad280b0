/**
 * Serves `/healthz` and `/metrics` over HTTP at the configured address (docs/commands.md section 2.1,
 * `health.listen`). Only GET and HEAD; no page contains a mail address. If the port is taken, it logs that and
 * tries again later; mail is not affected.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { limitConnections } from '../net/limit-connections.ts';
import { listenAddress } from './listen-address.ts';

export interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const MOST_CONNECTIONS = 64;

type Log = (level: 'notice' | 'warning', message: string) => void;

/** Keyed by path. */
export type Pages = Readonly<Record<string, () => Promise<Page>>>;

export class HealthServer {
  readonly #pages: Pages;
  readonly #log: Log;
  #server: Server | null = null;
  #listen: string | null = null;

  constructor(pages: Pages, log: Log) {
    this.#pages = pages;
    this.#log = log;
  }

  /** Listens at this address, and stops listening at any other. Logs a failure; the next call tries again. */
  async listen(listen: string | undefined, log: Log): Promise<void> {
    if (listen === this.#listen) return;
    await this.close();
    const address = listen === undefined ? null : listenAddress(listen);
    if (listen === undefined || address === null) return;
    const server = createServer({ keepAliveTimeout: 5_000, requestTimeout: 10_000, headersTimeout: 5_000 });
    limitConnections(server, MOST_CONNECTIONS);
    server.on('request', (request, response) => void this.#answer(request, response));
    await new Promise<void>((resolve) => {
      server.once('error', (error) => {
        log('warning', `health.listen ${listen}: ${error.message}; tried again later`);
        resolve();
      });
      server.listen(address, () => {
        const { port } = server.address() as AddressInfo;
        server
          .removeAllListeners('error')
          .on('error', (error) => this.#log('warning', `the server of /healthz and /metrics: ${error.message}`));
        this.#server = server;
        this.#listen = listen;
        log('notice', `health: http://${listen.replace(/[0-9]+$/, String(port))}/healthz and /metrics`);
        resolve();
      });
    });
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    this.#listen = null;
    if (server === null) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    const page = Object.hasOwn(this.#pages, path) ? this.#pages[path] : undefined;
    const { status, type, body } =
      request.method !== 'GET' && request.method !== 'HEAD'
        ? { status: 405, type: 'text/plain', body: 'GET only\n' }
        : page === undefined
          ? { status: 404, type: 'text/plain', body: 'here are /healthz and /metrics\n' }
          : await page().catch((error: Error) => ({ status: 500, type: 'text/plain', body: `${error.message}\n` }));
    response.on('error', () => undefined); // a client that went away
    response.writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }
}
