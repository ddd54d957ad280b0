/**
 * The http source: a list at an HTTPS URL, in any format, possibly in pages (docs/commands.md section 3). Refuses
 * formats that could be cut short unnoticed, and a part of a list. Makes requests through io/http.
 */
import { HostError, SourceError } from '../../errors.ts';
import { logOnce } from '../../io/log.ts';
import { HttpClient, type Answer, type Limits } from '../../io/http.ts';
import { PublishError } from '../errors.ts';
import type { HttpSource } from '../source-config.ts';
import { credentialsOf, type Credentials } from './http-credentials.ts';
import { firstPage, isRound, nextPage } from './http-pages.ts';
import { readAuthority } from './secret.ts';
import type { Batch, Seen, SourceReader } from './source-reader.ts';
import type { Page } from './text/page.ts';
import { TextSource } from './text/read-text.ts';

export interface HttpLimits extends Limits {
  /** Bytes of all bodies together. */
  readonly bytes: number;
}
const LIMITS: HttpLimits = { idle: 20_000, total: 300_000, bytes: 2 ** 30 };
const MAX_PAGES = 10_000;
const ACCEPT: Readonly<Record<string, string>> = {
  csv: 'text/csv, text/plain;q=0.9, */*;q=0.1',
  json: 'application/json, application/scim+json;q=0.9',
  text: 'text/plain, */*;q=0.1',
};
const ANY = 'application/json, text/csv, text/plain, */*;q=0.1';

/** @throws HostError CONFIG if the URL is not https, or has a user, a password or a fragment. */
export function httpSource(source: HttpSource, limits = LIMITS): SourceReader {
  const { name, domain } = source;
  const url = URL.canParse(source.url) ? new URL(source.url) : null;
  if (url === null || url.protocol !== 'https:' || url.username !== '' || url.password !== '' || url.hash !== '') {
    throw new HostError(
      'CONFIG',
      `${name}: url must be an https URL without user or fragment; credentials go into token_file, basic_file or header_file`,
    );
  }
  return { unit: 'line', domain, read: (_, seen = { lines: 0 }) => pages(source, url, limits, seen) };
}

/** Makes one request after another while there is a further page. */
async function* pages(source: HttpSource, given: URL, limits: HttpLimits, seen: Seen): AsyncGenerator<Batch> {
  const { name, ca_file: ca } = source;
  const credentials = credentialsOf(source);
  const client = new HttpClient(ca === undefined ? {} : { ca: readAuthority(ca) }, limits.idle, process.env);
  const budget = { bytes: limits.bytes };
  const text = new TextSource(name, source);
  const asked = new Set<string>();
  let all = 0;
  try {
    for (let url: URL | null = firstPage(given); url !== null;) {
      if (asked.has(url.href))
        throw new PublishError(
          'SOURCE',
          `${name}: page ${asked.size + 1} was asked for before: its links to the next page go in a circle`,
        );
      if (asked.size === MAX_PAGES) throw new PublishError('SOURCE', `${name}: more than ${MAX_PAGES} pages`);
      asked.add(url.href);
      const found: Page[] = [];
      const body = new Body(source, credentials, client, url, limits, budget);
      const place = asked.size === 1 ? undefined : `page ${asked.size}`;
      let records = 0;
      for await (const batch of text.read(body.chunks(), seen, {
        pages: found,
        ...(place === undefined ? {} : { place }),
      })) {
        records = Math.max(records, lastNumber(batch));
        yield batch;
      }
      // A document also counts the records that gave no entry.
      records = Math.max(records, ...found.map((page) => page.records));
      all += records;
      const answer = { url, header: (header: string) => body.header(header), pages: found, records, all };
      url = nextPage(name, answer);
      if (url === null && asked.size === 1 && isRound(records))
        logOnce(
          'warning',
          `${name}: exactly ${records} entries; is it the first page of more? If the list has more, set min_rows for this source`,
        );
    }
    yield* text.end();
  } finally {
    await client.close();
  }
}

/** The number of the entry that ends a batch. */
const lastNumber = (batch: Batch): number =>
  Buffer.isBuffer(batch) || !('unit' in batch) ? 0 : (batch.entries.at(-1)?.number ?? 0);

/** One answer: its headers, once it has begun, and its body as it arrives. */
class Body {
  #answer: Answer | null = null;
  readonly #source: HttpSource;
  readonly #credentials: Credentials;
  readonly #client: HttpClient;
  readonly #url: URL;
  readonly #limits: HttpLimits;
  readonly #budget: { bytes: number };

  constructor(
    source: HttpSource,
    credentials: Credentials,
    client: HttpClient,
    url: URL,
    limits: HttpLimits,
    budget: { bytes: number },
  ) {
    this.#source = source;
    this.#credentials = credentials;
    this.#client = client;
    this.#url = url;
    this.#limits = limits;
    this.#budget = budget;
  }

  /** A server may send a secret back, for example in a Location header. It must not reach the log. */
  header(name: string): string | undefined {
    let value = this.#answer?.header(name);
    for (const secret of this.#credentials.secrets) value = value?.replaceAll(secret, '[secret]');
    return value;
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    const { name, format } = this.#source;
    const failed = (why: string, cause?: unknown) => new PublishError('SOURCE', `${name}: ${why}`, cause);
    try {
      const accept = format === undefined ? ANY : (ACCEPT[format] ?? ANY);
      const answer = await this.#client.get(this.#url, { ...this.#credentials.headers, accept }, this.#limits);
      this.#answer = answer;
      const refusal = this.#refusal(answer.status);
      if (refusal !== null) {
        answer.discard();
        throw failed(refusal);
      }
      for await (const chunk of answer.body) {
        this.#budget.bytes -= chunk.length;
        if (this.#budget.bytes < 0) throw failed(`more than ${this.#limits.bytes} bytes`);
        yield chunk;
      }
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      throw failed(`${error.code}: ${error.message}`, error);
    }
  }

  /** Why an answer is not accepted as the list; null if it is. */
  #refusal(status: number): string | null {
    const location = this.header('location');
    if (status >= 300 && status < 400 && location !== undefined) {
      return `redirected (${status}) to ${location.slice(0, 200)}; name the URL itself`;
    }
    if (status !== 200) return `status ${status}, expected 200`;
    const encoding = this.header('content-encoding') ?? 'identity';
    if (encoding !== 'identity') return `content-encoding ${encoding.slice(0, 40)}, which was not asked for`;
    // A login page or an error page often has status 200.
    const type = this.header('content-type') ?? '';
    if (/^\s*(text\/html|application\/xhtml)/i.test(type)) return `content-type ${type.slice(0, 40)}, no list`;
    const chunked = /chunked/i.test(this.header('transfer-encoding') ?? '');
    if (!chunked && this.header('content-length') === undefined) {
      return 'neither content-length nor chunked: a list cut short would look whole';
    }
    return null;
  }
}
