/**
 * HTTPS; the only user of undici. A gateway only ever gets; a publisher also puts into an object store. It follows no
 * redirect, decodes no content encoding and speaks only HTTP/1.1. Each request has an idle timer and a total deadline.
 * Every failure becomes a SourceError. net/dialer.ts makes the connections.
 */
import { createSecureContext } from 'node:tls';
import { Agent, type buildConnector, type Dispatcher } from 'undici';
import { SourceError } from '../errors.ts';
import { Dialer, DialTimeout } from './net/dialer.ts';
import { Proxies } from './proxies.ts';

/** Credentials and trust for one bundle's base URLs. PEM texts. */
export interface Access {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Bearer token. */
  readonly token?: string;
  /** Whether http: is asked as well, without TLS and never through a proxy: of this host alone. */
  readonly plain?: boolean;
}

export interface Answer {
  readonly status: number;
  header(name: string): string | undefined;
  /** The body's bytes as they arrive. Its errors are SourceErrors. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Abandons a body that nobody reads. To abandon one that is being read, leave the loop. */
  discard(): void;
}

/** A request other than a plain GET. */
export interface Sending {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface Limits {
  /** Milliseconds without a byte. */
  readonly idle: number;
  /** Milliseconds for the whole answer. */
  readonly total: number;
}

export class HttpClient {
  readonly #token: string | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #dialer: Dialer;
  readonly #connectTimeout: number;
  /** Connections begun so far, by origin. If a request begins none, it used an older connection. */
  readonly #dialed = new Map<string, number>();
  #agent: Agent;
  #failed = false;

  /**
   * @param connectTimeout milliseconds for DNS, TCP and TLS. A signal does not reach a request that still waits for
   *   its connection.
   * @param env the environment, for the proxy variables.
   * @param signal ends every request with a SourceError that nobody needs to see.
   */
  constructor(
    access: Access,
    connectTimeout: number,
    env: Readonly<Record<string, string | undefined>>,
    signal?: AbortSignal,
  ) {
    const { ca, cert, key } = access;
    this.#token = access.token;
    this.#signal = signal;
    this.#connectTimeout = connectTimeout;
    this.#dialer = new Dialer({
      timeout: connectTimeout,
      proxies: new Proxies(env),
      plain: access.plain === true,
      // Made once: each context costs a millisecond, and its memory is freed late.
      secureContext: createSecureContext({
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
      }),
    });
    this.#agent = this.#newAgent();
  }

  /** @throws SourceError NETWORK, TLS or TIMEOUT. */
  get(url: URL, headers: Record<string, string>, limits: Limits): Promise<Answer> {
    return this.send(url, { method: 'GET', headers }, limits);
  }

  /** @throws SourceError NETWORK, TLS or TIMEOUT: the server may have done what was asked all the same. */
  async send(url: URL, sending: Sending, limits: Limits): Promise<Answer> {
    const watch = new Watch(limits, this.#connectTimeout, this.#signal);
    try {
      const answer = await this.#answered(url, sending, watch);
      answer.body.on('error', () => undefined); // the body's reader reports it; unheard, it would end the process
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
      throw watch.translate(error, url, this.#dialer.stageOf(url.origin));
    }
  }

  /**
   * A server may close an idle connection just when we use it again. That is no fault of the server, so the request
   * is sent once more, over a new connection; but not what changes something: who sends that decides.
   */
  async #answered(url: URL, sending: Sending, watch: Watch): Promise<Dispatcher.ResponseData> {
    const before = this.#dialed.get(url.origin) ?? 0;
    try {
      return await this.#request(url, sending, watch);
    } catch (error) {
      const reused = before > 0 && this.#dialed.get(url.origin) === before;
      const isRead = sending.method === 'GET' || sending.method === 'HEAD';
      if (!reused || !isRead || watch.isLate || !isReset(error)) throw error;
      void this.#agent.close(); // requests under way finish
      this.#agent = this.#newAgent();
      return await this.#request(url, sending, watch);
    }
  }

  #request(url: URL, { method, headers, body }: Sending, watch: Watch): Promise<Dispatcher.ResponseData> {
    const request = this.#agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      ...(body === undefined ? {} : { body }),
      headers: {
        'accept-encoding': 'identity',
        'user-agent': 'relaymap',
        ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
        ...headers,
      },
      signal: watch.signal,
    });
    return Promise.race([request, watch.late]);
  }

  /** A server may send our token back, for example in a Location header. It must not reach the log. */
  #withoutToken(value: string | undefined): string | undefined {
    return this.#token === undefined ? value : value?.replaceAll(this.#token, '[token]');
  }

  /** Called between two cycles: closes connections after a failure. After a success, the next cycle reuses them. */
  async rest(): Promise<void> {
    if (!this.#failed) return;
    this.#failed = false;
    const agent = this.#agent;
    this.#agent = this.#newAgent();
    this.#dialer.close();
    await agent.destroy();
  }

  /** Closes all connections now. */
  async close(): Promise<void> {
    this.#dialer.close();
    await this.#agent.destroy();
  }

  async *#watched(
    body: AsyncIterable<Uint8Array> & { destroy(): unknown },
    watch: Watch,
    url: URL,
  ): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of body) {
        watch.pause(); // time that the reader takes does not count
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

  #newAgent(): Agent {
    return new Agent({
      allowH2: false,
      pipelining: 1,
      maxHeaderSize: 16 * 1024,
      headersTimeout: 0, // Watch has both timeouts, exact to the millisecond
      bodyTimeout: 0,
      connect: (to: buildConnector.Options, done: buildConnector.Callback) => {
        const url = new URL(`${to.protocol}//${to.host ?? to.hostname}`);
        this.#dialed.set(url.origin, (this.#dialed.get(url.origin) ?? 0) + 1);
        this.#dialer.dial(url).then(
          (socket) => done(null, socket),
          (error: unknown) => done(error instanceof Error ? error : new Error(String(error)), null),
        );
      },
    });
  }
}

/** Whether the server closed a connection that had been used before. */
function isReset(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ECONNRESET' || code === 'EPIPE' || code === 'UND_ERR_SOCKET';
}

/** The idle timer, the total deadline and the abort signal of one request. */
class Watch {
  readonly #abort = new AbortController();
  /** Rejects when a timer has fired. It is no unhandled rejection if nobody listens. */
  readonly late: Promise<never>;
  readonly #idle: number;
  readonly #connect: number;
  readonly #deadline: NodeJS.Timeout;
  readonly #stop: AbortSignal | undefined;
  readonly #stopped = (): void => this.#fire('this process ends');
  #timer: NodeJS.Timeout | undefined;
  #late: string | undefined;

  constructor({ idle, total }: Limits, connect: number, stop?: AbortSignal) {
    this.#idle = idle;
    this.#connect = connect;
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

  get isLate(): boolean {
    return this.#late !== undefined;
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

  /** @param stage what an unfinished connection was waiting for. */
  translate(error: unknown, url: URL, stage: string | null = null): Error {
    if (error instanceof DialTimeout)
      return new SourceError('TIMEOUT', `${url.host}: ${error.stage} within ${this.#connect / 1000} s`, error);
    if (this.#late !== undefined) {
      const late = stage === null ? this.#late : `${stage}: ${this.#late}`;
      return new SourceError('TIMEOUT', `${url.host}: ${late}`, error);
    }
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
  const text = firstLine(error);
  return new SourceError('NETWORK', `${url.host}: ${text}${text.includes(code) ? '' : ` (${code})`}`, error);
}

function firstLine(error: Error): string {
  const inner =
    error instanceof AggregateError ? (error.errors as unknown[]).find((e) => e instanceof Error) : undefined;
  const text = error.message === '' && inner instanceof Error ? inner.message : error.message;
  return text.split('\n')[0] ?? '';
}
