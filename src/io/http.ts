/**
 * HTTPS GET and nothing else; the only user of undici. No redirect is followed, no encoding undone, HTTP/1.1 only. An idle
 * timer and a total deadline stand over every request, and every failure becomes a SourceError.
 */
import { createSecureContext } from 'node:tls';
import { Agent, ProxyAgent, type Dispatcher } from 'undici';
import { SourceError } from '../errors.ts';
import { Proxies } from './proxies.ts';

/** Credentials and trust for one bundle's base URLs. PEM texts. */
export interface Access {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Bearer token. */
  readonly token?: string;
}

export interface Answer {
  readonly status: number;
  header(name: string): string | undefined;
  /** The body's bytes as they come; its errors are SourceErrors. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Lets go of a body that is not read; one that is being read is let go of by leaving the loop. */
  discard(): void;
}

export interface Limits {
  /** Milliseconds without a byte. */
  readonly idle: number;
  /** Milliseconds for the whole answer. */
  readonly total: number;
}

export class HttpClient {
  readonly #token: string | undefined;
  readonly #proxies: Proxies;
  readonly #options: Agent.Options;
  readonly #connectTimeout: number;
  readonly #signal: AbortSignal | undefined;
  readonly #agents = new Map<string, Dispatcher>();
  #failed = false;

  /**
   * @param connectTimeout milliseconds for TCP and TLS: a signal does not reach a request that waits for its connection.
   * @param env the environment, for the proxy variables.
   * @param signal ends every request, in a SourceError that nobody needs to see.
   */
  constructor(
    access: Access,
    connectTimeout: number,
    env: Readonly<Record<string, string | undefined>>,
    signal?: AbortSignal,
  ) {
    const { ca, cert, key } = access;
    this.#token = access.token;
    this.#proxies = new Proxies(env);
    this.#connectTimeout = connectTimeout;
    this.#signal = signal;
    this.#options = {
      allowH2: false,
      pipelining: 1,
      maxHeaderSize: 16 * 1024,
      headersTimeout: 0, // both watched here, to the millisecond
      bodyTimeout: 0,
      connect: {
        timeout: connectTimeout,
        // Made once: each costs a millisecond, and memory that is given back late.
        secureContext: createSecureContext({
          ...(ca === undefined ? {} : { ca }),
          ...(cert === undefined ? {} : { cert }),
          ...(key === undefined ? {} : { key }),
        }),
      },
    };
  }

  /** @throws SourceError NETWORK, TLS or TIMEOUT. */
  async get(url: URL, headers: Record<string, string>, limits: Limits): Promise<Answer> {
    const watch = new Watch(limits, this.#signal);
    try {
      const request = this.#agent(url).request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: 'GET',
        headers: {
          'accept-encoding': 'identity',
          'user-agent': 'relaymap',
          ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
          ...headers,
        },
        signal: watch.signal,
      });
      const answer = await Promise.race([request, watch.late]);
      answer.body.on('error', () => undefined); // read below, where it is translated; without a listener it would end the process
      return {
        status: answer.statusCode,
        header: (name) => this.#withoutToken([answer.headers[name]].flat()[0]),
        body: this.#watched(answer.body, watch, url),
        discard: () => {
          watch.end();
          answer.body.destroy();
        },
      };
    } catch (error) {
      this.#failed = true;
      watch.end();
      throw watch.translate(error, url);
    }
  }

  /** A server that sends the token back, in a Location say, must not bring it into our log. */
  #withoutToken(value: string | undefined): string | undefined {
    return this.#token === undefined ? value : value?.replaceAll(this.#token, '[token]');
  }

  /**
   * Between two cycles: what a failure may have left behind is ended; what went well is kept, for its TLS session is taken up again the next
   * time, at a fraction of the cost.
   */
  async rest(): Promise<void> {
    if (!this.#failed) return;
    this.#failed = false;
    const agents = [...this.#agents.values()];
    this.#agents.clear();
    await Promise.all(agents.map((agent) => agent.destroy()));
  }

  /** Ends all connections now. */
  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()));
  }

  async *#watched(
    body: AsyncIterable<Uint8Array> & { destroy(): unknown },
    watch: Watch,
    url: URL,
  ): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of body) {
        watch.pause(); // the reader's time is not the server's
        yield chunk;
        watch.wait();
      }
    } catch (error) {
      this.#failed = true;
      throw watch.translate(error, url);
    } finally {
      watch.end();
      body.destroy();
    }
  }

  /** One agent for direct connections, one for each proxy. The client's certificate is shown to the server, never to the proxy. */
  #agent(url: URL): Dispatcher {
    const proxy = this.#proxies.for(url);
    const known = this.#agents.get(proxy ?? '');
    if (known !== undefined) return known;
    const { connect, ...options } = this.#options;
    const agent =
      proxy === null
        ? new Agent(this.#options)
        : new ProxyAgent({
            ...options,
            uri: proxy,
            proxyTls: { timeout: this.#connectTimeout },
            requestTls: connect as NonNullable<ProxyAgent.Options['requestTls']>,
          });
    this.#agents.set(proxy ?? '', agent);
    return agent;
  }
}

/** The idle timer and the total deadline of one request, and the end of all. */
class Watch {
  readonly #abort = new AbortController();
  /** Rejects when one of the two has fired; without a listener that is no fault. */
  readonly late: Promise<never>;
  readonly #idle: number;
  readonly #deadline: NodeJS.Timeout;
  readonly #stop: AbortSignal | undefined;
  readonly #stopped = (): void => this.#fire('this process ends');
  #timer: NodeJS.Timeout | undefined;
  #late: string | undefined;

  constructor({ idle, total }: Limits, stop?: AbortSignal) {
    this.#idle = idle;
    this.#stop = stop;
    this.late = new Promise((_, reject) => {
      this.signal.addEventListener('abort', () => reject(new SourceError('TIMEOUT', this.#late ?? 'aborted')));
    });
    this.late.catch(() => undefined);
    this.#deadline = setTimeout(() => this.#fire(`not done within ${total / 1000} s`), total);
    stop?.addEventListener('abort', this.#stopped);
    this.wait();
    if (stop?.aborted === true) this.#stopped();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  wait(): void {
    this.#timer = setTimeout(() => this.#fire(`no byte for ${this.#idle / 1000} s`), this.#idle);
  }

  pause(): void {
    clearTimeout(this.#timer);
  }

  end(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#deadline);
    this.#stop?.removeEventListener('abort', this.#stopped);
  }

  translate(error: unknown, url: URL): Error {
    const connecting = error instanceof Error && 'code' in error && error.code === 'UND_ERR_CONNECT_TIMEOUT';
    if (connecting)
      return new SourceError('TIMEOUT', `${url.host}: no connection within ${this.#idle / 1000} s`, error);
    if (this.#late !== undefined) return new SourceError('TIMEOUT', `${url.host}: ${this.#late}`, error);
    return translate(error, url);
  }

  #fire(late: string): void {
    this.#late ??= late;
    this.#abort.abort();
  }
}

const TLS_CODE =
  /^(ERR_TLS_|ERR_SSL_|CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|EPROTO|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE)|PATH_LENGTH|CRL_|ERROR_IN_CERT)/;

function translate(error: unknown, url: URL): Error {
  if (!(error instanceof Error)) return new SourceError('NETWORK', `${url.host}: ${String(error)}`, error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (TLS_CODE.test(code)) return new SourceError('TLS', `${url.host}: ${firstLine(error)} (${code})`, error);
  return new SourceError('NETWORK', `${url.host}: ${firstLine(error)}${code === '' ? '' : ` (${code})`}`, error);
}

function firstLine(error: Error): string {
  const inner =
    error instanceof AggregateError ? (error.errors as unknown[]).find((e) => e instanceof Error) : undefined;
  const text = error.message === '' && inner instanceof Error ? inner.message : error.message;
  return text.split('\n')[0] ?? '';
}
