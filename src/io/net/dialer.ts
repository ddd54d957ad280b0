/**
 * Makes TLS connections, directly or through an HTTP proxy. One time limit covers DNS, TCP, proxy and handshake.
 * The client certificate is shown to the server, never to the proxy.
 */
import { isIP, type Socket } from 'node:net';
import { connect as startTls, type ConnectionOptions, type SecureContext, type TLSSocket } from 'node:tls';
import type { Proxies } from '../proxies.ts';
import { resolveName } from './resolve-name.ts';
import { connectFirst } from './race-addresses.ts';

export interface DialOptions {
  readonly secureContext: SecureContext;
  readonly proxies: Proxies;
  /** Whether http: is dialled, without TLS and without a proxy. */
  readonly plain?: boolean;
  /** Milliseconds from the start of name resolution to the end of the handshake. */
  readonly timeout: number;
}

/** Says which stage was unfinished when the time ran out or the dialer was closed. */
export class DialTimeout extends Error {
  readonly stage: Stage;

  constructor(stage: Stage) {
    super(stage);
    this.stage = stage;
  }
}

export type Stage = 'no address for its name' | 'no connection' | 'no answer of the proxy' | 'no TLS handshake';

interface Progress {
  stage: Stage;
  readonly signal: AbortSignal;
  /** The socket to close when the time runs out. */
  socket: Socket | null;
}

/** TLS sessions of this many servers are remembered. Resuming one costs a fraction of a handshake. */
const MOST_SESSIONS = 100;

export class Dialer {
  readonly #options: DialOptions;
  readonly #sessions = new Map<string, Buffer>();
  readonly #under = new Map<AbortController, { readonly origin: string; readonly progress: Progress }>();

  constructor(options: DialOptions) {
    this.#options = options;
  }

  /** @throws DialTimeout, ProxyRefusal, and what name resolution, sockets and TLS throw. */
  async dial(url: URL): Promise<Socket> {
    const abort = new AbortController();
    const progress: Progress = { stage: 'no address for its name', signal: abort.signal, socket: null };
    const timer = setTimeout(() => abort.abort(new DialTimeout(progress.stage)), this.#options.timeout);
    this.#under.set(abort, { origin: url.origin, progress });
    const late = new Promise<never>((_, reject) => {
      abort.signal.addEventListener('abort', () => {
        progress.socket?.destroy();
        reject(abort.signal.reason as Error);
      });
    });
    late.catch(() => undefined);
    const work = this.#connected(url, progress);
    work.catch(() => undefined); // `late` reports it if it rejects first
    try {
      const connected = await Promise.race([work, late]);
      progress.socket = null;
      return connected;
    } finally {
      clearTimeout(timer);
      this.#under.delete(abort);
      abort.abort(new Error('over')); // stops waiting for nameservers
    }
  }

  /** The stage that a connection to this origin has reached; null if none is being made. */
  stageOf(origin: string): Stage | null {
    for (const under of this.#under.values()) if (under.origin === origin) return under.progress.stage;
    return null;
  }

  /** Gives up all connections that are being made. */
  close(): void {
    for (const abort of this.#under.keys()) abort.abort(new Error('this process ends'));
    this.#under.clear();
  }

  async #connected(url: URL, progress: Progress): Promise<Socket> {
    const host = bare(url.hostname);
    if (url.protocol !== 'https:' && this.#options.plain === true)
      return await tcp(host, Number(url.port === '' ? 80 : url.port), progress);
    const port = Number(url.port === '' ? 443 : url.port);
    const proxy = this.#options.proxies.for(url);
    const socket =
      proxy === null ? await tcp(host, port, progress) : await tunnel(new URL(proxy), host, port, progress);
    progress.stage = 'no TLS handshake';
    const session = this.#sessions.get(host);
    const { secureContext } = this.#options;
    const tls = await handshake(socket, host, progress, {
      secureContext,
      ...(session === undefined ? {} : { session }),
    });
    tls.on('session', (fresh) => this.#remember(host, fresh));
    return tls;
  }

  #remember(host: string, session: Buffer): void {
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size >= MOST_SESSIONS && oldest !== undefined) this.#sessions.delete(oldest);
    this.#sessions.set(host, session);
  }
}

const bare = (hostname: string): string => hostname.replace(/^\[|\]$/g, '');

async function tcp(host: string, port: number, progress: Progress): Promise<Socket> {
  progress.stage = 'no address for its name';
  const addresses = await resolveName(host, progress.signal);
  progress.stage = 'no connection';
  const socket = await connectFirst(addresses, port, progress.signal);
  progress.socket = socket;
  socket.setKeepAlive(true, 60_000);
  return socket;
}

async function handshake(
  socket: Socket,
  host: string,
  progress: Progress,
  options: Pick<ConnectionOptions, 'secureContext' | 'session'>,
): Promise<TLSSocket> {
  const servername = isIP(host) === 0 ? host : '';
  const tls = startTls({ ...options, socket, host, servername, ALPNProtocols: ['http/1.1'] });
  progress.socket = tls;
  await new Promise<void>((resolve, reject) => {
    tls.once('secureConnect', resolve);
    tls.once('close', () => reject(new Error('the connection was closed during the TLS handshake')));
    tls.on('error', reject); // stays: an error without a listener would end the process
  });
  return tls;
}

/** The proxy refused to connect us. */
export class ProxyRefusal extends Error {}

async function tunnel(proxy: URL, host: string, port: number, progress: Progress): Promise<Socket> {
  const secure = proxy.protocol === 'https:';
  const plain = await tcp(bare(proxy.hostname), Number(proxy.port === '' ? (secure ? 443 : 80) : proxy.port), progress);
  progress.stage = 'no answer of the proxy';
  const socket = secure ? await handshake(plain, bare(proxy.hostname), progress, {}) : plain;
  const target = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const { request } = await import('node:http'); // seldom needed
  return await new Promise((resolve, reject) => {
    const asking = request({
      method: 'CONNECT',
      path: target,
      headers: { host: target, ...authorization(proxy) },
      createConnection: () => socket,
    });
    asking.on('connect', ({ statusCode = 0 }, through, head) => {
      if (statusCode >= 200 && statusCode < 300) {
        if (head.length > 0) through.unshift(head);
        resolve(through);
        return;
      }
      through.destroy();
      reject(new ProxyRefusal(`the proxy ${proxy.host} answered ${statusCode} to CONNECT`));
    });
    asking.on('response', ({ statusCode = 0 }) => {
      reject(new ProxyRefusal(`the proxy ${proxy.host} answered ${statusCode} to CONNECT`));
    });
    asking.on('error', reject);
    asking.end();
  });
}

function authorization({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}
