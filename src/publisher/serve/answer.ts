/**
 * Answers requests for the published files, those of cosigning included, and nothing else, with the `send` library.
 * Reads only these files.
 */
import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { basename, dirname } from 'node:path';
import type { Readable } from 'node:stream';
import send from 'send';
import type { Access } from './access-line.ts';
import { clientOf } from './client-certificate.ts';
import { FLEET_PATH, mayRead, PAGE_HEADERS, type FleetPage } from './fleet-page.ts';
import { siteOf, type Site } from './sites.ts';
import { digest } from './token.ts';

/**
 * The only paths that exist (docs/bundle-format.md section 1; for cosigning docs/commands.md section 3.3). Temp files
 * have none.
 */
const MANIFEST =
  /^\/(?:manifest\.json|keyring\/[1-9][0-9]{0,9}\.json|candidate\/manifest\.json|refused\.json|[0-9a-f]{64}\.json)$/;
const BLOB = /^\/(?:recipients|transport)\/[0-9a-f]{64}(?:-[0-9a-f]{64}\.delta)?\.gz$/;

/** What becomes of each request, and the clocks by which it is told. */
export interface Noting {
  readonly note: (access: Access) => void;
  readonly now: () => Date;
  /** Monotonic milliseconds. */
  readonly steady: () => number;
}

export interface Served {
  readonly sites: readonly Site[];
  readonly page: FleetPage | null;
}

/** What `answer` finds out beside the answer. */
interface Seen {
  site: string | null;
  cn: string | null;
  token: string | null;
  /** Of the body, so far. */
  bytes: number;
}

/**
 * Makes a server answer with 200, 206, 304, 401, 403, 404, 405, 412 or 416.
 * @param served what is served now. @param noting told of each request when its answer has ended; null for nobody.
 */
export function answering(server: Server, served: () => Served, noting: Noting | null = null): void {
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    const seen: Seen = { site: null, cn: null, token: null, bytes: 0 };
    if (noting !== null) noteAtEnd(request, response, seen, noting);
    answer(request, response, served(), seen);
  };
  server.on('request', listener);
  // Never answer 100 Continue: no body is wanted, and Node would write it after the head of an answer that is still
  // queued.
  server.on('checkContinue', listener);
}

/** What nginx says of a client that has left before there was an answer. */
const CLIENT_LEFT = 499;

function noteAtEnd(
  request: IncomingMessage,
  response: ServerResponse,
  seen: Seen,
  { note, now, steady }: Noting,
): void {
  const begun = steady();
  response.once('close', () => {
    const { headersSent, statusCode, writableFinished: complete } = response;
    const path = pathOf(request);
    note({
      ...seen,
      time: now(),
      method: request.method ?? '',
      path: path.startsWith('/') ? path : null,
      status: headersSent ? statusCode : CLIENT_LEFT,
      ms: steady() - begun,
      complete,
      userAgent: request.headers['user-agent'] ?? null,
    });
  });
}

const pathOf = ({ url = '' }: IncomingMessage): string => url.split('?', 1)[0] ?? '';

function answer(request: IncomingMessage, response: ServerResponse, { sites, page }: Served, seen: Seen): void {
  const found = siteOf(sites, pathOf(request));
  const path = found?.path ?? '';
  const blob = BLOB.test(path);
  const refuse = (status: number, headers: Record<string, string> = {}) => {
    // The disk failed in the middle of a file. A second head cannot be sent, and an exception here would end the
    // process.
    if (response.headersSent) response.destroy();
    else response.writeHead(status, { 'content-length': '0', 'cache-control': 'no-store', ...headers }).end();
  };
  if (page !== null && pathOf(request) === FLEET_PATH) {
    answerPage(request, response, page, refuse, seen);
    return;
  }
  const token = found === null ? null : tokenOf(request, found.site);
  const client = found === null ? null : clientOf(request.socket, found.site.authorities);
  seen.site = found?.site.path ?? null;
  seen.token = token?.name ?? null;
  seen.cn = client?.cn ?? null;
  if (found === null) refuse(404);
  else if (token === null) refuse(401, { 'www-authenticate': 'Bearer' });
  else if (client === null) refuse(403);
  else if (request.method !== 'GET' && request.method !== 'HEAD') refuse(405, { allow: 'GET, HEAD' });
  else if (!blob && !MANIFEST.test(path)) refuse(404);
  else {
    response.setHeader('cache-control', blob ? 'private, max-age=86400, immutable' : 'private, no-cache');
    sendFile(request, path, found.site.root, refuse, seen).pipe(response);
  }
}

type Refuse = (status: number, headers?: Record<string, string>) => void;

function answerPage(
  request: IncomingMessage,
  response: ServerResponse,
  page: FleetPage,
  refuse: Refuse,
  seen: Seen,
): void {
  if (!mayRead(request, page)) refuse(401, { 'www-authenticate': 'Basic realm="relaymap fleet"' });
  else if (request.method !== 'GET' && request.method !== 'HEAD') refuse(405, { allow: 'GET, HEAD' });
  else {
    for (const [name, value] of Object.entries(PAGE_HEADERS)) response.setHeader(name, value);
    const name = `/${encodeURIComponent(basename(page.file))}`;
    sendFile(request, name, dirname(page.file), refuse, seen).pipe(response);
  }
}

const sendFile = (request: IncomingMessage, path: string, root: string, refuse: Refuse, seen: Seen): send.SendStream =>
  send(request, path, { root, cacheControl: false, index: false, dotfiles: 'deny' })
    .on('stream', (body: Readable) => body.on('data', (part: Buffer) => (seen.bytes += part.length)))
    .on('directory', () => refuse(404))
    .on('error', (error: { status?: number }) =>
      refuse(error.status === 412 || error.status === 416 ? error.status : 404),
    );

/**
 * Whether a request gives a token of the site, and whose. Compares hashes, so the time taken reveals neither length nor
 * content.
 */
function tokenOf(request: IncomingMessage, { token, tokens }: Site): { readonly name: string | null } | null {
  if (token === null && tokens === null) return NOBODY;
  const given = digest(/^Bearer +(.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '');
  const name = tokens?.nameOf(given.toString('hex')) ?? null;
  if (name !== null) return { name };
  return token !== null && timingSafeEqual(given, token) ? NOBODY : null;
}

const NOBODY = { name: null };
