/**
 * Finds the URL of the next page of a list: in an answer's header, in its document, or from what is known of the
 * interface. Pure.
 */
import { PublishError } from '../errors.ts';
import { missing } from './further-pages.ts';
import type { Page } from './text/page.ts';

/** Keycloak's lists: an answer does not say that there are more users. */
const KEYCLOAK = /\/admin\/realms\/[^/]+\/(?:users|groups\/[^/]+\/members|roles\/[^/]+\/users)\/?$/;
const KEYCLOAK_PAGE = 100;
/** If a list has exactly this many entries, it may be the interface's silent page limit. */
const ROUND = new Set([10, 20, 25, 30, 50, 100, 200, 250, 500, 999, 1000, 2000, 2500, 5000, 10_000]);

export interface Answered {
  readonly url: URL;
  readonly header: (name: string) => string | undefined;
  readonly pages: readonly Page[];
  /** How many entries this answer has, and all answers so far. */
  readonly records: number;
  readonly all: number;
}

/** The first request. Keycloak is asked for pages of a known size. */
export function firstPage(url: URL): URL {
  if (!KEYCLOAK.test(url.pathname)) return url;
  const first = new URL(url);
  if (!first.searchParams.has('first')) first.searchParams.set('first', '0');
  if (!first.searchParams.has('max')) first.searchParams.set('max', String(KEYCLOAK_PAGE));
  return first;
}

/**
 * The next page's URL; null after the last.
 * @throws PublishError SOURCE if there is more that cannot be requested there or with these credentials.
 */
export function nextPage(name: string, { url, header, pages, records, all }: Answered): URL | null {
  const failed = (why: string) => new PublishError('SOURCE', `${name} is a part of a list, not the whole: ${why}`);
  const [page] = pages;
  const next = linkNext(header('link') ?? '') ?? page?.next ?? null;
  if (next !== null) return sameOrigin(url, next, failed);
  if (page !== undefined && page.more !== null) throw failed(page.more);
  if (page !== undefined && page.query !== null) return withQuery(url, page.query);
  const further = header('x-next-page') ?? '';
  if (/^[1-9]\d*$/.test(further)) return withQuery(url, ['page', further]);
  if (KEYCLOAK.test(url.pathname)) {
    const max = Number(url.searchParams.get('max'));
    const first = Number(url.searchParams.get('first'));
    if (records > 0 && records >= max) return withQuery(url, ['first', String(first + records)]);
  }
  const range = /^[a-z]+ (\d+)-(\d+)\/(\d+)$/i.exec(header('content-range') ?? '');
  if (range !== null && Number(range[2]) + 1 < Number(range[3])) throw failed(`content-range ${range[0]}`);
  const total = header('x-total-count') ?? header('x-total');
  const lost =
    missing(page?.total ?? null, Math.max(all, (page?.before ?? 0) + records)) ??
    (/^\d{1,9}$/.test(total ?? '') ? missing(Number(total), all) : null);
  if (lost !== null) throw failed(lost);
  return null;
}

/** Whether a complete answer looks like the first page of an interface that does not say so. */
export const isRound = (records: number): boolean => ROUND.has(records);

/** The target of `rel="next"` in a Link header (RFC 8288). */
function linkNext(header: string): string | null {
  for (const [, target, parameters = ''] of header.matchAll(
    /<([^<>]*)>((?:\s*;\s*[^\s=;,]+(?:\s*=\s*(?:"[^"]*"|[^\s;,"]*))?)*)/g,
  )) {
    const rel = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,]*))/i.exec(parameters);
    if ((rel?.[1] ?? rel?.[2] ?? '').toLowerCase().split(/\s+/).includes('next')) return target ?? null;
  }
  return null;
}

/** Credentials belong to one origin, so a page at another origin is not requested. */
function sameOrigin(url: URL, next: string, failed: (why: string) => PublishError): URL {
  if (!URL.canParse(next, url.href)) throw failed('the next page has no URL that can be read');
  const found = new URL(next, url);
  found.hash = '';
  if (found.origin !== url.origin || found.username !== '' || found.password !== '')
    throw failed(`the next page is at another origin (${found.origin.slice(0, 100)})`);
  return found;
}

function withQuery(url: URL, [name, value]: readonly [string, string]): URL {
  const next = new URL(url);
  next.searchParams.set(name, value);
  return next;
}
