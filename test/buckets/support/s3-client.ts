// A client of an object store for tests, beside the publisher's own: it makes buckets, looks at what lies in them,
// and signs requests anew for the proxy that lies about conditions (AWS Signature Version 4, path style).
import { createHash, createHmac } from 'node:crypto';

export interface StoreAccess {
  /** Without a slash at its end. */
  readonly url: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

export interface StoreAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

const REGION = 'us-east-1';
const hex = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const hmac = (key: string | Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const escaped = (text: string): string =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** The headers that sign a request. @param host as the store is to see it */
export function signature(
  access: StoreAccess,
  { method, url, host, body }: { method: string; url: URL; host: string; body: Uint8Array },
): Record<string, string> {
  const time = new Date().toISOString().replaceAll(/[-:]|\.[0-9]{3}/g, '');
  const day = time.slice(0, 8);
  const headers = { host, 'x-amz-content-sha256': hex(body), 'x-amz-date': time };
  const names = Object.keys(headers).join(';');
  const query = [...url.searchParams]
    .map(([name, value]) => `${escaped(name)}=${escaped(value)}`)
    .sort()
    .join('&');
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
  const request = [method, url.pathname, query, lines.join(''), names, hex(body)].join('\n');
  const scope = `${day}/${REGION}/s3/aws4_request`;
  const key = [day, REGION, 's3', 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${access.secretKey}`);
  const text = ['AWS4-HMAC-SHA256', time, scope, hex(Buffer.from(request))].join('\n');
  const made = createHmac('sha256', key).update(text).digest('hex');
  const credential = `AWS4-HMAC-SHA256 Credential=${access.accessKey}/${scope}, SignedHeaders=${names}, Signature=${made}`;
  return { ...headers, authorization: credential };
}

export class S3Client {
  readonly #access: StoreAccess;

  constructor(access: StoreAccess) {
    this.#access = access;
  }

  async send(
    method: string,
    place: string,
    { body = new Uint8Array(), headers = {} }: { body?: Uint8Array; headers?: Record<string, string> } = {},
  ): Promise<StoreAnswer> {
    const url = new URL(`${this.#access.url}/${place}`);
    const { host: _, ...signed } = signature(this.#access, { method, url, host: url.host, body });
    const sent = method === 'PUT' || method === 'POST' ? { body: Buffer.from(body) } : {};
    const answer = await fetch(url, { method, headers: { ...headers, ...signed }, ...sent });
    return { status: answer.status, headers: answer.headers, body: Buffer.from(await answer.arrayBuffer()) };
  }

  async makeBucket(bucket: string): Promise<void> {
    const { status, body } = await this.send('PUT', bucket);
    if (status !== 200) throw new Error(`no bucket ${bucket}: ${status} ${body.toString()}`);
  }

  /** The object, or null if there is none. */
  async get(bucket: string, key: string): Promise<Buffer | null> {
    const { status, body } = await this.send('GET', `${bucket}/${key}`);
    if (status === 404) return null;
    if (status !== 200) throw new Error(`GET ${bucket}/${key}: ${status} ${body.toString()}`);
    return body;
  }

  async put(bucket: string, key: string, body: Uint8Array): Promise<void> {
    const { status, body: said } = await this.send('PUT', `${bucket}/${key}`, { body });
    if (status !== 200) throw new Error(`PUT ${bucket}/${key}: ${status} ${said.toString()}`);
  }

  async remove(bucket: string, key: string): Promise<void> {
    await this.send('DELETE', `${bucket}/${key}`);
  }

  /** All keys below a prefix, in order. */
  async keys(bucket: string, prefix = ''): Promise<string[]> {
    const found: string[] = [];
    for (let after = ''; ;) {
      const query = new URLSearchParams({ 'list-type': '2', prefix, 'start-after': after });
      const text = (await this.send('GET', `${bucket}?${query.toString()}`)).body.toString();
      const keys = [...text.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key = '']) => key);
      found.push(...keys);
      if (!text.includes('<IsTruncated>true<') || keys.length === 0) return found;
      after = keys.at(-1) ?? '';
    }
  }
}
