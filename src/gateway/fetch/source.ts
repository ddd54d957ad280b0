/**
 * Where offers and blobs come from: the base URLs of a bundle. Paths are derived from checked hashes, never read from a
 * document (format section 1). Counts every body byte it receives.
 */
import { MAX_ENVELOPE } from '../../bundle/trust/envelope.ts';
import { SourceError, TableError } from '../../errors.ts';
import { HttpClient, type Access, type Answer, type Limits } from '../../io/http.ts';

export type Manifest =
  | {
      readonly is: 'offered';
      readonly bytes: Uint8Array;
      readonly etag: string | null;
      /** What the answer has that no manifest has, for a message where it is none; null for nothing. */
      readonly oddity?: string | null;
    }
  | { readonly is: 'not modified' };

/** One place that may hold the bundle. */
export interface Origin {
  /** For messages and as the key of its ETag. */
  readonly label: string;
  /** @param etag of the payload that is live, to ask conditionally. @throws SourceError */
  manifest(etag: string | null): Promise<Manifest>;
  /** The envelope of a key ring step; null where there is none. @throws SourceError */
  step(number: number): Promise<Uint8Array | null>;
  /**
   * A blob's body. @throws SourceError, now or while it is read; TableError LENGTH_MISMATCH if it is declared of
   * another length.
   */
  blob(path: string, wireBytes: number): Promise<AsyncIterable<Uint8Array>>;
}

export interface Source {
  /** A directory: no URL was asked. */
  readonly offline: boolean;
  readonly origins: readonly Origin[];
  /** Body bytes received so far. */
  readonly received: () => number;
  close(): Promise<void>;
}

/** What may take so long, in milliseconds: no byte, and all requests of a cycle together. */
export interface Patience {
  readonly idle: number;
  readonly total: number;
}

/** @param signal ends what is under way. */
export const urlClient = (
  access: Access,
  { idle, total }: Patience,
  env: Readonly<Record<string, string | undefined>>,
  signal?: AbortSignal,
): HttpClient => new HttpClient(access, Math.min(idle, Math.ceil(total / 3)), env, signal);

/**
 * The URLs of a bundle for one cycle.
 * @param clientOf the client of a URL: credentials belong to one origin.
 * @param clock monotonic milliseconds. @param close what becomes of the client afterwards.
 * @param userAgent for the origin of the first URL and no other (docs/commands.md section 3.2); null for nothing.
 */
export function urlSource(
  urls: readonly string[],
  clientOf: (url: string) => HttpClient,
  limits: Patience,
  clock: () => number,
  close: () => Promise<void>,
  userAgent: string | null,
): Source {
  // The time runs from the first request: a bundle may have to wait for its turn.
  let end: number | null = null;
  let received = 0;
  // One URL gets at most a third of what is left (docs/commands.md section 2.1), so that a slow mirror cannot eat
  // the cycle.
  const timing = (): Limits => {
    end ??= clock() + limits.total;
    return { idle: limits.idle, total: Math.max(1, Math.floor((end - clock()) / 3)) };
  };
  const counted = async function* (body: AsyncIterable<Uint8Array>) {
    for await (const chunk of body) {
      received += chunk.length;
      yield chunk;
    }
  };
  const first = urls[0] === undefined ? null : new URL(urls[0]).origin;
  const own = (base: string): Record<string, string> =>
    userAgent !== null && new URL(base).origin === first ? { 'user-agent': userAgent } : {};
  return {
    offline: false,
    received: () => received,
    close,
    origins: urls.map((base) => ({
      label: base,
      manifest: async (known) => {
        const client = clientOf(base);
        const etag = sendable(known);
        const url = new URL('manifest.json', base);
        const answer = await client.get(
          url,
          { ...own(base), ...(etag === null ? {} : { 'if-none-match': etag }) },
          timing(),
        );
        if (answer.status === 304 && etag !== null) {
          answer.discard();
          return { is: 'not modified' };
        }
        requireOk(answer, url);
        const bytes = await envelope(counted(answer.body), url);
        return { is: 'offered', bytes, etag: sendable(answer.header('etag')), oddity: oddity(answer, bytes) };
      },
      step: async (number) => {
        const url = new URL(`keyring/${number}.json`, base);
        const answer = await clientOf(base).get(url, own(base), timing());
        if (ABSENT.has(answer.status)) {
          answer.discard();
          return null;
        }
        requireOk(answer, url);
        return await envelope(counted(answer.body), url);
      },
      blob: async (path, wireBytes) => {
        const url = new URL(path, base);
        const answer = await clientOf(base).get(url, own(base), timing());
        requireOk(answer, url);
        const length = answer.header('content-length');
        if (length !== undefined && Number(length) !== wireBytes) {
          answer.discard();
          throw new TableError('LENGTH_MISMATCH', `${path}: Content-Length ${length}, the manifest says ${wireBytes}`);
        }
        return counted(answer.body);
      },
    })),
  };
}

/** How servers and object stores say that a file is not there. */
const ABSENT: ReadonlySet<number> = new Set([404, 403, 410]);

/**
 * An ETag that can go back in a request; null for any other. A server can name its answer in characters that no
 * request may carry, or at a length that no server takes: sent back all the same, each request after it would fail.
 */
const sendable = (etag: string | null | undefined): string | null =>
  typeof etag === 'string' && /^[ -~]{1,1024}$/.test(etag) ? etag : null;

function requireOk(answer: Answer, url: URL): void {
  if (answer.status === 200) return;
  answer.discard();
  const location = answer.header('location');
  if (answer.status >= 300 && answer.status < 400 && location !== undefined) {
    throw new SourceError('REDIRECT', `${url.host}${url.pathname}: ${answer.status} to ${shown(location)}`);
  }
  throw new SourceError('HTTP_STATUS', `${url.host}${url.pathname}: status ${answer.status}, expected 200`);
}

/** Where a redirect leads, without user and query: what is signed for a bucket carries its secret there. */
const shown = (location: string): string =>
  location
    .replace(/^([a-z]+:)?\/\/[^/?#]*@/i, '$1//')
    .replace(/[?#].*$/s, '?...')
    .slice(0, 200);

/** A page in the manifest's place, or a body that was packed although none was asked for. */
function oddity(answer: Answer, bytes: Uint8Array): string | null {
  const encoding = answer.header('content-encoding') ?? 'identity';
  if (encoding !== 'identity') return `it came with Content-Encoding ${encoding.slice(0, 40)}, which was not asked for`;
  const isPage = /^\s*<(!doctype|html|\?xml)/i.test(Buffer.from(bytes.subarray(0, 100)).toString('latin1'));
  return isPage ? 'it is a page for a browser, as a login or an error has' : null;
}

async function envelope(body: AsyncIterable<Uint8Array>, url: URL): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > MAX_ENVELOPE)
      throw new SourceError('TOO_LARGE', `${url.host}: an envelope over ${MAX_ENVELOPE} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
