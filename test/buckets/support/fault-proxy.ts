// A proxy in front of an object store that does to requests what networks and stores do: it delays, resets, drops
// answers, answers from an earlier time, forgets, and lies about conditions. Which request meets which fault is told
// by a plan, so that a seed gives the same faults each time. Requests go on as they came, with the Host that was
// signed.
import { once } from 'node:events';
import http, { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Identity } from '../../support/endpoint.ts';
import { signature, type StoreAccess } from './s3-client.ts';

export type Fault =
  /** The request waits, and so does its answer. Milliseconds. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** The request waits until something else has happened. */
  | { readonly kind: 'wait'; readonly until: Promise<unknown> }
  /** The connection is reset; the store never has the request. */
  | { readonly kind: 'reset-before' }
  /** The store has done it; the connection is reset. */
  | { readonly kind: 'reset-after' }
  /** The connection is reset at once; the store gets the request so much later. Milliseconds. */
  | { readonly kind: 'late'; readonly ms: number }
  /** The store has done it; no answer ever comes. */
  | { readonly kind: 'silence' }
  /** The answer ends in the middle of its body. */
  | { readonly kind: 'cut' }
  /** An error of the store's own; `done` if it did what was asked all the same. */
  | { readonly kind: 'status'; readonly status: 409 | 429 | 500 | 503; readonly done: boolean }
  /** A read gives what the object was before its last change. */
  | { readonly kind: 'stale' }
  /** A read finds nothing. */
  | { readonly kind: 'forget' }
  /** A conditional write is done whatever its condition says. */
  | { readonly kind: 'lie-unconditional' }
  /** A write is done, and 412 is said of it. */
  | { readonly kind: 'lie-refused' }
  /** A write is not done, and 200 is said of it. */
  | { readonly kind: 'lie-accepted' };

export interface StoreRequest {
  readonly method: string;
  /** Below the bucket. */
  readonly key: string;
  readonly condition: 'if-match' | 'if-none-match' | null;
  /** How many came before it. */
  readonly index: number;
}

export type Plan = (request: StoreRequest) => Fault | null;

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** What objects were, by path. Several proxies before one store share it. */
export type Earlier = Map<string, Answer[]>;

export interface ProxyOptions {
  readonly store: StoreAccess;
  readonly plan?: Plan;
  readonly earlier?: Earlier;
  /** Told of each object that the store has taken, as soon as the store says so. */
  readonly onStored?: (key: string, body: Buffer) => void;
  /** For HTTPS. */
  readonly identity?: Identity;
}

export class FaultProxy {
  /** How often each kind of fault has happened. */
  readonly injected = new Map<string, number>();
  readonly requests: StoreRequest[] = [];
  /** While true no connection is answered. */
  isCut = false;
  plan: Plan;
  readonly #store: StoreAccess;
  readonly earlier: Earlier;
  readonly #server: http.Server | https.Server;
  readonly #sockets = new Set<Socket>();
  readonly #late = new Set<Promise<unknown>>();
  readonly #isSecure: boolean;
  readonly #onStored: (key: string, body: Buffer) => void;

  private constructor(options: ProxyOptions) {
    const { store, plan = () => null, earlier = new Map<string, Answer[]>(), identity } = options;
    this.#onStored = options.onStored ?? (() => undefined);
    this.#store = store;
    this.plan = plan;
    this.earlier = earlier;
    this.#isSecure = identity !== undefined;
    const handle = (request: IncomingMessage, response: ServerResponse) => {
      this.#handle(request, response).catch(() => response.destroy()); // either side has gone
    };
    this.#server = identity === undefined ? http.createServer(handle) : https.createServer(identity, handle);
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => socket.destroy()).on('close', () => this.#sockets.delete(socket));
      if (this.isCut) socket.destroy();
    });
  }

  static async start(options: ProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** As `[s3] endpoint` names it. */
  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return this.#isSecure ? `https://localhost:${port}` : `http://127.0.0.1:${port}`;
  }

  /** Cuts the connections that stand, and answers none until `heal`. */
  cut(): void {
    this.isCut = true;
    this.#count('partition');
    for (const socket of this.#sockets) socket.destroy();
  }

  heal(): void {
    this.isCut = false;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    await Promise.all(this.#late);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', headers } = request;
    const place = request.url ?? '/';
    const key = keyOf(place);
    const condition =
      headers['if-match'] !== undefined ? 'if-match' : headers['if-none-match'] ? 'if-none-match' : null;
    const asked: StoreRequest = { method, key, condition, index: this.requests.length };
    this.requests.push(asked);
    const fault = this.plan(asked);
    const body = await bodyOf(request);
    const go = (resign = false) => this.#forward(method, place, headers, body, resign);
    if (fault === null) return answerWith(response, await go());
    const done = await this.#inject(fault, { asked, place, request, response, go });
    if (done) this.#count(fault.kind === 'status' ? `${fault.status}` : fault.kind);
  }

  /** @returns whether the fault fits the request. If it does not, the request is answered as it should be. */
  async #inject(
    fault: Fault,
    {
      asked,
      place,
      request,
      response,
      go,
    }: {
      asked: StoreRequest;
      place: string;
      request: IncomingMessage;
      response: ServerResponse;
      go: (resign?: boolean) => Promise<Answer>;
    },
  ): Promise<boolean> {
    const isRead = asked.method === 'GET' || asked.method === 'HEAD';
    const isObject = asked.key !== '';
    switch (fault.kind) {
      case 'wait':
        await fault.until.catch(() => undefined); // who waits for it sees how it ended
        answerWith(response, await go());
        return true;
      case 'delay':
        await sleep(fault.ms);
        answerWith(response, await go());
        return true;
      case 'reset-before':
        request.socket.resetAndDestroy();
        return true;
      case 'reset-after':
        await go();
        request.socket.resetAndDestroy();
        return true;
      case 'late': {
        request.socket.resetAndDestroy();
        const late = sleep(fault.ms).then(() => go());
        const kept = late.catch(() => undefined); // the store may have ended meanwhile
        this.#late.add(kept);
        await kept;
        this.#late.delete(kept);
        return true;
      }
      case 'silence':
        await go();
        return true;
      case 'cut': {
        const { status, headers, body } = await go();
        response.writeHead(status, { ...plain(headers), 'content-length': Math.max(body.length, 2) });
        response.write(body.subarray(0, body.length / 2), () => response.destroy());
        return true;
      }
      case 'status': {
        if (fault.done) await go();
        answerWith(response, failure(fault.status));
        return true;
      }
      case 'stale': {
        const before = isRead ? this.earlier.get(place)?.at(-2) : undefined;
        answerWith(response, before ?? (await go()));
        return before !== undefined;
      }
      case 'forget':
        answerWith(response, isRead && isObject ? failure(404) : await go());
        return isRead && isObject;
      case 'lie-unconditional':
        answerWith(response, await go(asked.condition !== null));
        return asked.condition !== null && !isRead;
      case 'lie-refused': {
        const answer = await go();
        answerWith(response, asked.method === 'PUT' ? failure(412) : answer);
        return asked.method === 'PUT';
      }
      case 'lie-accepted': {
        const isPut = asked.method === 'PUT';
        answerWith(response, isPut ? { status: 200, headers: { etag: '"0"' }, body: Buffer.alloc(0) } : await go());
        return isPut;
      }
      default:
        return fault satisfies never;
    }
  }

  /** @param resign sends it without its conditions, under a signature of this proxy's own. */
  async #forward(
    method: string,
    place: string,
    headers: IncomingHttpHeaders,
    body: Buffer,
    resign: boolean,
  ): Promise<Answer> {
    const url = new URL(this.#store.url + place);
    const { authorization: _, 'if-match': __, 'if-none-match': ___, ...rest } = headers;
    const host = headers.host ?? url.host;
    const sent = resign ? { ...rest, ...signature(this.#store, { method, url, host, body }) } : headers;
    const onward = http.request(url, { method, headers: { ...sent, connection: 'close' } });
    onward.end(body);
    const [answer] = (await once(onward, 'response')) as [IncomingMessage];
    const got = { status: answer.statusCode ?? 0, headers: answer.headers, body: await bodyOf(answer) };
    if (method === 'PUT' && got.status === 200 && !place.includes('?')) {
      this.#remember(place, got, body, headers);
      this.#onStored(keyOf(place), body);
    }
    return got;
  }

  /** As if the object had been this. */
  remember(place: string, body: Buffer): void {
    this.#remember(place, { status: 200, headers: {}, body }, body, {});
  }

  #remember(place: string, answer: Answer, body: Buffer, sent: IncomingHttpHeaders): void {
    const { etag, date } = answer.headers;
    const kept = {
      ...(sent['content-type'] ? { 'content-type': sent['content-type'] } : {}),
      etag,
      'last-modified': date,
    };
    const known = this.earlier.get(place) ?? [];
    this.earlier.set(place, [...known.slice(-3), { status: 200, headers: kept, body }]);
  }

  #count(kind: string): void {
    this.injected.set(kind, (this.injected.get(kind) ?? 0) + 1);
  }
}

/** Below the bucket. */
const keyOf = (place: string): string => decodeURIComponent(place.split('?')[0] ?? '').replace(/^\/[^/]+\/?/, '');

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const CODES: Readonly<Record<number, string>> = {
  404: 'NoSuchKey',
  409: 'ConditionalRequestConflict',
  412: 'PreconditionFailed',
  429: 'SlowDown',
  500: 'InternalError',
  503: 'ServiceUnavailable',
};

const failure = (status: number): Answer => ({
  status,
  headers: { 'content-type': 'application/xml', date: new Date().toUTCString() },
  body: Buffer.from(`<?xml version="1.0"?><Error><Code>${CODES[status]}</Code><Message>of the proxy</Message></Error>`),
});

/** The body's length is told anew. */
function plain(headers: IncomingHttpHeaders): http.OutgoingHttpHeaders {
  const { 'content-length': _, 'transfer-encoding': __, connection: ___, 'keep-alive': ____, ...rest } = headers;
  return Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
}

function answerWith(response: ServerResponse, { status, headers, body }: Answer): void {
  const isHead = response.req.method === 'HEAD';
  const length = isHead ? (headers['content-length'] ?? body.length) : body.length;
  const bare = status === 304 || status === 204;
  response.writeHead(status, { ...plain(headers), ...(bare ? {} : { 'content-length': length }) });
  response.end(isHead || bare ? undefined : body);
}
