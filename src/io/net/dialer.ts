/**
 * TLS connections to servers, straight or through an HTTP proxy: name, address, proxy and handshake, all of it within one time limit. The
 * client's certificate is shown to the server, never to the proxy.
 */
import { isIP, type Socket } from 'node:net';
import { connect as startTls, type ConnectionOptions, type SecureContext, type TLSSocket } from 'node:tls';
import type { Proxies } from '../proxies.ts';
import { resolveName } from './resolve-name.ts';
import { connectFirst } from './race-addresses.ts';

export interface DialOptions {
  readonly secureContext: SecureContext;
  readonly proxies: Proxies;
  /** Milliseconds from the name to the end of the handshake. */
  readonly timeout: number;
}

/** What was still to be done when the time was over, or when the dialer was closed. */
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
  /** What is closed when the time is over. */
  socket: Socket | null;
}

/** TLS sessions are remembered for so many servers, and taken up again at a fraction of the cost of a handshake. */
const MOST_SESSIONS = 100;

export class Dialer {
  readonly #options: DialOptions;
  readonly #sessions = new Map<string, Buffer>();
  readonly #under = new Map<AbortController, { readonly origin: string; readonly progress: Progress }>();

  constructor(options: DialOptions) {
    this.#options = options;
  }

  /** @throws DialTimeout; what name resolution, sockets and TLS throw; ProxyRefusal. */
  async dial(url: URL): Promise<TLSSocket> {
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
    work.catch(() => undefined); // told by `late`, if that came first
    try {
      const connected = await Promise.race([work, late]);
      progress.socket = null;
      return connected;
    } finally {
      clearTimeout(timer);
      this.#under.delete(abort);
      abort.abort(new Error('over')); // a nameserver that has not answered yet is no longer waited for
    }
  }

  /** What is still to be done before a connection to this origin stands; null where none is begun. */
  stageOf(origin: string): Stage | null {
    for (const under of this.#under.values()) if (under.origin === origin) return under.progress.stage;
    return null;
  }

  /** Gives up all that is under way. */
  close(): void {
    for (const abort of this.#under.keys()) abort.abort(new Error('this process ends'));
    this.#under.clear();
  }

  async #connected(url: URL, progress: Progress): Promise<TLSSocket> {
    const host = bare(url.hostname);
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
    tls.on('error', reject); // for good: an error that nobody hears would end the process
  });
  return tls;
}

/** A proxy that does not let us through. */
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
