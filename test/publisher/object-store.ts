// A small object store of the tests, in memory: it honours conditions, lists, and has a clock of its own. A test hangs
// into each request, to answer in its place, or to do something meanwhile.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';
import { Desk, type ManifestJson } from './desk.ts';

export interface Asked {
  readonly method: string;
  /** Below the bucket; empty for the bucket. */
  readonly key: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

interface Held {
  readonly body: Buffer;
  readonly etag: string;
  readonly modified: number;
  readonly headers: Record<string, string>;
}

export const refusal = (status: number, code: string): Reply => ({
  status,
  body: `<Error><Code>${code}</Code><Message>of the test</Message></Error>`,
});

export class ObjectStore {
  readonly objects = new Map<string, Held>();
  /** `METHOD key`, of each request. */
  readonly asked: string[] = [];
  url = '';
  /** The most keys of one part of a listing. */
  part = 1000;
  /** Milliseconds that its clock is ahead. */
  ahead = 0;
  /** What is answered in place of the store; null for what the store says. */
  instead: (asked: Asked) => Reply | null | Promise<Reply | null> = () => null;
  /** What becomes of the store's answer. */
  change: (asked: Asked, reply: Reply) => Reply = (_, reply) => reply;

  static async start(): Promise<ObjectStore> {
    const store = new ObjectStore();
    const server = createServer((request, response) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        const url = new URL(request.url ?? '/', 'http://store');
        const key = decodeURIComponent(url.pathname).replace(/^\/[^/]+\/?/, '');
        const { method = '', headers } = request;
        const asked = { method, key, headers, body: Buffer.concat(chunks) };
        store.asked.push(`${method} ${key}`);
        const reply = store.change(asked, (await store.instead(asked)) ?? store.answer(asked, url.searchParams));
        const date = new Date(store.now).toUTCString();
        const isBare = reply.status === 204 || method === 'HEAD';
        const body = Buffer.from(reply.body ?? '');
        const length =
          reply.headers?.['transfer-encoding'] === undefined ? { 'content-length': String(body.length) } : {};
        response.writeHead(reply.status, { date, ...length, ...reply.headers });
        response.end(isBare ? undefined : body);
      })();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    store.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return store;
  }

  get now(): number {
    return Date.now() + this.ahead;
  }

  /** What an honest store does. */
  answer({ method, key, headers, body }: Asked, query = new URLSearchParams()): Reply {
    const there = this.objects.get(key);
    if (method === 'DELETE') return { status: this.objects.delete(key) ? 204 : 204 };
    if (key === '') return this.#list(query.get('prefix') ?? '', query.get('continuation-token') ?? '');
    if (method === 'PUT') {
      const { 'if-match': match, 'if-none-match': none } = headers;
      if (none !== undefined && there !== undefined) return refusal(412, 'PreconditionFailed');
      if (match !== undefined && there === undefined) return refusal(404, 'NoSuchKey');
      if (match !== undefined && match !== there?.etag) return refusal(412, 'PreconditionFailed');
      this.put(key, body, { 'cache-control': String(headers['cache-control']) });
      return { status: 200, headers: { etag: this.objects.get(key)?.etag ?? '' } };
    }
    if (there === undefined) return refusal(404, 'NoSuchKey');
    const { etag, modified } = there;
    return {
      status: 200,
      headers: { etag, 'last-modified': new Date(modified).toUTCString(), ...there.headers },
      body: there.body,
    };
  }

  put(key: string, body: Buffer, headers: Record<string, string> = {}): void {
    const etag = `"${createHash('md5').update(body).digest('hex')}"`;
    this.objects.set(key, { body, etag, modified: this.now, headers });
  }

  #list(prefix: string, after: string): Reply {
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix) && ` +&${key}` > after).sort();
    const shown = keys.slice(0, this.part);
    const contents = shown.map((key) => {
      const time = new Date(this.objects.get(key)?.modified ?? 0).toISOString();
      return `<Contents><Key>${key}</Key><LastModified>${time}</LastModified></Contents>`;
    });
    const isCut = keys.length > shown.length;
    const next = isCut ? `<NextContinuationToken> +&amp;${shown.at(-1)}</NextContinuationToken>` : '';
    const body = `<IsTruncated>${isCut}</IsTruncated>${next}${contents.join('')}`;
    return { status: 200, body: `<ListBucketResult>${body}</ListBucketResult>` };
  }

  manifest(): ManifestJson {
    return manifestIn(this.objects.get('x/manifest.json')?.body ?? Buffer.alloc(0));
  }

  /** The rows of the published table. */
  rows(): string[] {
    const { sha256 } = this.manifest().tables.recipients;
    const text = gunzipSync(this.objects.get(`x/recipients/${sha256}.gz`)?.body ?? Buffer.alloc(0)).toString();
    return text.split('\n').slice(0, -1);
  }

  /** A publisher into this store. Several with one key are told apart by what they remember. */
  desk(more = ''): Desk {
    const desk = new Desk({}, 's3://lists/x');
    const file = desk.at('credentials');
    writeFileSync(file, '[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = a-secret\n', {
      mode: 0o600,
    });
    desk.toml.rest = `[s3]\nendpoint = "${this.url}"\ncredentials_file = "${file}"\n${more}`;
    return desk;
  }
}

export function manifestIn(envelope: Buffer): ManifestJson {
  const { payload } = JSON.parse(envelope.toString()) as { payload: string };
  return JSON.parse(Buffer.from(payload, 'base64').toString()) as ManifestJson;
}
