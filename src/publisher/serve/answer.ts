/**
 * Answers requests for the published files, those of cosigning included, and nothing else, with the `send` library.
 * Reads only these files.
 */
import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { TLSSocket } from 'node:tls';
import send from 'send';
import { isIssuedFor } from './client-certificate.ts';
import { digest } from './digest.ts';
import { siteOf, type Site } from './sites.ts';

/**
 * The only paths that exist (docs/bundle-format.md section 1; for cosigning docs/commands.md section 3.3). Temp files
 * have none.
 */
const MANIFEST =
  /^\/(?:manifest\.json|keyring\/[1-9][0-9]{0,9}\.json|candidate\/manifest\.json|refused\.json|[0-9a-f]{64}\.json)$/;
const BLOB = /^\/(?:recipients|transport)\/[0-9a-f]{64}(?:-[0-9a-f]{64}\.delta)?\.gz$/;

/**
 * Makes a server answer with 200, 206, 304, 401, 403, 404, 405, 412 or 416.
 * @param sites what is served now.
 */
export function answering(server: Server, sites: () => readonly Site[]): void {
  const listener = (request: IncomingMessage, response: ServerResponse) => answer(request, response, sites());
  server.on('request', listener);
  // Never answer 100 Continue: no body is wanted, and Node would write it after the head of an answer that is still
  // queued.
  server.on('checkContinue', listener);
}

function answer(request: IncomingMessage, response: ServerResponse, sites: readonly Site[]): void {
  const found = siteOf(sites, (request.url ?? '').split('?', 1)[0] ?? '');
  const path = found?.path ?? '';
  const blob = BLOB.test(path);
  const refuse = (status: number, headers: Record<string, string> = {}) => {
    // The disk failed in the middle of a file. A second head cannot be sent, and an exception here would end the
    // process.
    if (response.headersSent) response.destroy();
    else response.writeHead(status, { 'content-length': '0', 'cache-control': 'no-store', ...headers }).end();
  };
  if (found === null) refuse(404);
  else if (!hasToken(request, found.site)) refuse(401, { 'www-authenticate': 'Bearer' });
  else if (!hasCertificate(request, found.site)) refuse(403);
  else if (request.method !== 'GET' && request.method !== 'HEAD') refuse(405, { allow: 'GET, HEAD' });
  else if (!blob && !MANIFEST.test(path)) refuse(404);
  else {
    response.setHeader('cache-control', blob ? 'private, max-age=86400, immutable' : 'private, no-cache');
    send(request, path, { root: found.site.root, cacheControl: false, index: false, dotfiles: 'deny' })
      .on('directory', () => refuse(404))
      .on('error', (error: { status?: number }) =>
        refuse(error.status === 412 || error.status === 416 ? error.status : 404),
      )
      .pipe(response);
  }
}

/** Compares hashes, so the time taken reveals neither length nor content. */
function hasToken(request: IncomingMessage, { token }: Site): boolean {
  if (token === null) return true;
  const given = /^Bearer +(.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
  return timingSafeEqual(digest(given), token);
}

const hasCertificate = ({ socket }: IncomingMessage, { authorities }: Site): boolean =>
  authorities === null || (socket instanceof TLSSocket && isIssuedFor(socket, authorities));
