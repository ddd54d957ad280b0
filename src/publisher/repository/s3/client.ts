/**
 * Signed requests to one bucket. aws4fetch signs, io/http sends: no redirect is followed, each body is
 * bounded, and each request has an idle and a total time limit. What fails on the way is sent again a few times; the
 * answer says whether an earlier one may have arrived.
 */
import { createHash, getFips } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { AwsV4Signer } from 'aws4fetch';
import { HostError, SourceError } from '../../../errors.ts';
import { HttpClient, type Answer as HttpAnswer } from '../../../io/http.ts';
import { PublishError } from '../../errors.ts';
import { errorCode, errorRegion, errorWords } from './answers.ts';
import type { Credentials } from './credentials-text.ts';
import { urlOf, type Access, type Location } from './location.ts';

export interface Request {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE';
  /** Below the bucket; empty for the bucket itself. */
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** The most bytes of an answer. */
  readonly most?: number;
}

export interface Answer {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
  readonly body: Uint8Array;
  /** The store's code for an error, such as `NoSuchKey`; null if it gives none. */
  readonly code: string | null;
  /** An earlier try was sent and not answered: the store may have done what was asked. */
  readonly repeated: boolean;
  /** By how much the store's clock is ahead of the time that the request named, in milliseconds; null if unknown. */
  readonly ahead: number | null;
}

const IDLE = 20_000;
const TOTAL = 60_000;
/** Bytes a millisecond of a slow line: a body gets this much more time. */
const SLOW = 50;
/** Milliseconds before each further try. */
const PAUSES = [200, 1000, 3000];
const MOST_ANSWER = 4 * 1024 * 1024;
/** Milliseconds after which a long run reads its credentials anew: those of an instance hold for a while only. */
const FRESH = 60_000;
/** Milliseconds between the clocks that are told; and at which stores refuse a request. */
const [SKEWED, REFUSED] = [300_000, 900_000];
/** The least length of what is kept out of messages. */
const SECRET = 8;
const PAGE = 'a page (HTML), which is no answer of an object store: is the endpoint right?';

/** OUTPUT; CLOCK where the store refuses the time of this host; NO_SPACE. */
type Refusal = PublishError | HostError;

export interface Timing {
  readonly idle: number;
  readonly total: number;
  readonly pauses: readonly number[];
}

export class S3Client {
  readonly #access: Access;
  readonly #location: Location;
  readonly #credentials: () => Promise<Credentials>;
  readonly #http: HttpClient;
  readonly #timing: Timing;
  /** The credentials, and when they were read, by the store's time in milliseconds; null before its first answer. */
  #own: { readonly credentials: Promise<Credentials>; at: number | null } | null = null;
  #storeTime: Date | null = null;
  #secrets: readonly string[] = [];
  /** The store has said so of the credentials of the request that is being sent. */
  #isExpired = false;

  /** @param credentials are read at the first request, each minute that a run takes, and when they have expired. */
  constructor(
    location: Location,
    access: Access,
    credentials: () => Promise<Credentials>,
    { ca, env }: { readonly ca: string | undefined; readonly env: Readonly<Record<string, string | undefined>> },
    timing: Timing = { idle: IDLE, total: TOTAL, pauses: PAUSES },
  ) {
    this.#location = location;
    this.#access = access;
    this.#credentials = credentials;
    this.#timing = timing;
    const plain = access.endpoint.protocol === 'http:';
    this.#http = new HttpClient({ plain, ...(ca === undefined ? {} : { ca }) }, timing.idle, env);
  }

  /** The store's own time, by its newest answer; null before the first. */
  get storeTime(): Date | null {
    return this.#storeTime;
  }

  close(): Promise<void> {
    return this.#http.close();
  }

  /** @throws PublishError OUTPUT, HostError NO_SPACE if no try is answered, or the answers are only "later" */
  async send(request: Request): Promise<Answer> {
    let repeated = false;
    let last: Refusal | null = null;
    this.#isExpired = false;
    for (const wait of [0, ...this.#timing.pauses]) {
      if (wait > 0) await pause(wait);
      try {
        const answer = await this.#once(request, repeated);
        const isNews: boolean = EXPIRED.has(answer.code ?? '') && !this.#isExpired;
        if (!isNews && !isLater(answer)) return answer;
        this.#isExpired ||= isNews;
        if (!isNews && answer.status !== 409) repeated = true;
        last = this.refusal(request, answer);
      } catch (error) {
        if (!(error instanceof SourceError)) throw error;
        repeated = true;
        last = this.#failed(request, `${error.code}: ${error.message}`, error);
        if (error.code === 'TLS' || error.code === 'TOO_LARGE') throw last;
      }
    }
    throw last ?? this.#failed(request, 'no answer');
  }

  /** The error that an answer stands for. */
  refusal({ method, key }: Pick<Request, 'method' | 'key'>, answer: Answer): Refusal {
    const { status, body, header, ahead, code } = answer;
    const text = this.#withoutSecrets(Buffer.from(body).toString());
    const said = errorWords(text);
    const to =
      status >= 300 && status < 400
        ? this.#withoutSecrets(header('location') ?? '').slice(0, 200) || undefined
        : undefined;
    const isSkewed =
      code === 'RequestTimeTooSkewed' || (status === 403 && code === null && Math.abs(ahead ?? 0) >= REFUSED);
    const region = header('x-amz-bucket-region') ?? errorRegion(text);
    const isRead = method === 'GET' || method === 'HEAD';
    const words = [
      `status ${status}`,
      ...(said === null ? [] : [said]),
      ...(isPage(text) ? [PAGE] : []),
      ...(to === undefined ? [] : [`redirected to ${to}; name that endpoint`]),
      ...(region === null || region === this.#access.region
        ? []
        : [`the bucket's region is ${region.slice(0, 40)}, [s3] says ${this.#access.region}`]),
      ...(status === 403 && ahead !== null && Math.abs(ahead) > SKEWED ? [skewWords(ahead, this.#storeTime)] : []),
      ...(status === 403 && isRead && key !== '' && (code ?? 'AccessDenied') === 'AccessDenied'
        ? ['without s3:ListBucket a store says so also of what is not there']
        : []),
    ];
    const failed = this.#failed({ method, key }, words.join(', '), undefined, isSkewed ? 'CLOCK' : 'OUTPUT');
    return isFull(answer) ? new HostError('NO_SPACE', failed.message, failed) : failed;
  }

  /** A page that something before the store answers, such as one to sign in, is no file. @throws PublishError OUTPUT */
  requireNoPage(request: Pick<Request, 'method' | 'key'>, { status, body }: Answer): void {
    if (isPage(Buffer.from(body.subarray(0, 1000)).toString()))
      throw this.#failed(request, `status ${status}, ${PAGE}`);
  }

  /** A store may send back what it was sent. */
  #withoutSecrets(text: string): string {
    return this.#secrets.reduce((left, secret) => left.replaceAll(secret, '[secret]'), text);
  }

  #failed(
    { method, key }: Pick<Request, 'method' | 'key'>,
    why: string,
    cause?: unknown,
    code: 'OUTPUT' | 'CLOCK' = 'OUTPUT',
  ): PublishError {
    const { bucket } = this.#location;
    const where = key === '' ? `bucket ${bucket}` : `bucket ${bucket}, key ${key}`;
    return new PublishError(code, `${where} at ${this.#access.endpoint.host}: ${method}: ${why}`, cause);
  }

  async #once(request: Request, repeated: boolean): Promise<Answer> {
    const { method, key, query, headers = {}, body, most = MOST_ANSWER } = request;
    const url = urlOf(this.#access, this.#location, key);
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
    const hash = createHash('sha256')
      .update(body ?? new Uint8Array())
      .digest('hex');
    const credentials = await this.#freshCredentials();
    const { secretAccessKey, sessionToken = '' } = credentials;
    this.#secrets = [secretAccessKey, sessionToken].filter(({ length }) => length >= SECRET);
    const signer = new AwsV4Signer({
      ...credentials,
      method,
      url: url.href,
      headers: { ...headers, ...(body === undefined ? {} : md5Of(body)), 'x-amz-content-sha256': hash },
      service: 's3',
      region: this.#access.region,
    });
    const signed = await signer.sign();
    const { idle, total } = this.#timing;
    const time = total + (body?.length ?? 0) / SLOW;
    const reading = most > MOST_ANSWER ? total * 10 : total;
    // While a body is sent no byte comes back.
    const limits = { idle: body === undefined ? idle : time, total: body === undefined ? reading : time };
    const sending = { method, headers: Object.fromEntries(signed.headers), ...(body === undefined ? {} : { body }) };
    const answer = await this.#http.send(signed.url, sending, limits);
    const bytes = await whole(answer, most);
    this.#storeTime = timeOf(answer.header('date')) ?? this.#storeTime;
    const { status } = answer;
    const code = status < 300 ? null : errorCode(Buffer.from(bytes).toString());
    const ahead = aheadOf(signed.headers.get('x-amz-date'), answer.header('date'));
    return { status, header: (name) => answer.header(name), body: bytes, code, repeated, ahead };
  }

  async #freshCredentials(): Promise<Credentials> {
    const now = this.#storeTime?.getTime() ?? null;
    const old = this.#own;
    if (old !== null && !this.#isExpired) {
      old.at ??= now;
      if (now === null || old.at === null || now - old.at < FRESH) return await old.credentials;
    }
    const next = { credentials: this.#credentials(), at: now };
    this.#own = next;
    try {
      return await next.credentials;
    } catch (error) {
      if (old === null) throw error;
      this.#own = { ...old, at: now }; // they may be good yet: the store says so
      return await old.credentials;
    }
  }
}

/** @param asked `20261127T020000Z`, as the request was signed. @param date of the answer. */
function aheadOf(asked: string | null, date: string | undefined): number | null {
  const [own, store] = [asked?.replace(/^(....)(..)(..T..)(..)/, '$1-$2-$3:$4:') ?? '', timeOf(date)];
  const ahead = (store?.getTime() ?? Number.NaN) - Date.parse(own);
  return Number.isNaN(ahead) ? null : ahead;
}

function skewWords(ahead: number, store: Date | null): string {
  const minutes = Math.round(Math.abs(ahead) / 60_000);
  const says = store === null ? '' : ` (${store.toISOString()})`;
  return `the clock of this host is ${minutes} min ${ahead > 0 ? 'behind' : 'ahead of'} that of the store${says}: set it right`;
}

/** A bucket with Object Lock takes no object without it. Where a host forbids MD5 (FIPS), none is sent. */
const md5Of = (body: Uint8Array): Record<string, string> =>
  getFips() === 0 ? { 'content-md5': createHash('md5').update(body).digest('base64') } : {};

const isPage = (text: string): boolean => /^\s*<(?:!doctype\s+html|html)[\s>]/i.test(text);

/** The codes of Ceph, MinIO and others for a quota or a disk that is full. */
const isFull = ({ status, code }: Answer): boolean =>
  status === 507 || /^(?:QuotaExceeded|XMinioStorageFull|InsufficientStorage|StorageFull)$/.test(code ?? '');

/** Codes of credentials that have had their time, or were taken away: others may be there already. */
const EXPIRED = new Set(['ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired', 'InvalidAccessKeyId']);

/** Codes of a request that did not arrive as it was sent. */
const SPOILT = new Set(['RequestTimeout', 'IncompleteBody', 'BadDigest', 'XAmzContentSHA256Mismatch']);

/** Whether the store asks to come again: it is busy, or two conditional writes met. 501 is what it never does. */
const isLater = ({ status, code }: Answer): boolean =>
  status === 408 ||
  status === 429 ||
  (status >= 500 && status !== 501) ||
  (status === 409 && code !== 'BucketAlreadyExists') ||
  (status === 400 && SPOILT.has(code ?? ''));

function timeOf(date: string | undefined): Date | null {
  const time = Date.parse(date ?? '');
  return Number.isNaN(time) ? null : new Date(time);
}

async function whole(answer: HttpAnswer, most: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer.body) {
    length += chunk.length;
    if (length > most) throw new SourceError('TOO_LARGE', `its answer has more than ${most} bytes`);
    chunks.push(Buffer.from(chunk));
  }
  return Buffer.concat(chunks);
}
