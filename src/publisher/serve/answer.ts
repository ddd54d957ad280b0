/** The answer to one request: the four kinds of published files and nothing else, by the maintained `send` library. Reads only those. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import send from 'send';

/** The only paths that exist (format section 1); temp files do not. */
const MANIFEST = /^\/(?:manifest\.json|keyring\/[1-9][0-9]{0,9}\.json)$/;
const BLOB = /^\/recipients\/[0-9a-f]{64}(?:-[0-9a-f]{64}\.delta)?\.gz$/;

/**
 * Has a server answer: with 200, 206, 304, 401, 404, 405, 412 or 416.
 * @param root the folder of the published files. @param token its digest; null where none is asked for.
 */
export function answering(server: Server, root: string, token: Buffer | null): void {
  const listener = (request: IncomingMessage, response: ServerResponse) => answer(request, response, root, token);
  server.on('request', listener);
  // Nobody is told to go on with a body that is not wanted; and Node puts that word behind the head of an answer that waits its turn.
  server.on('checkContinue', listener);
}

function answer(request: IncomingMessage, response: ServerResponse, root: string, token: Buffer | null): void {
  const path = (request.url ?? '').split('?', 1)[0] ?? '';
  const blob = BLOB.test(path);
  const refuse = (status: number, headers: Record<string, string> = {}) => {
    // The disk has failed in the middle of a file: a second head cannot be sent, and thrown from here it would end the process.
    if (response.headersSent) response.destroy();
    else response.writeHead(status, { 'content-length': '0', 'cache-control': 'no-store', ...headers }).end();
  };
  if (token !== null && !isAllowed(request, token)) refuse(401, { 'www-authenticate': 'Bearer' });
  else if (request.method !== 'GET' && request.method !== 'HEAD') refuse(405, { allow: 'GET, HEAD' });
  else if (!blob && !MANIFEST.test(path)) refuse(404);
  else {
    response.setHeader('cache-control', blob ? 'private, max-age=86400, immutable' : 'private, no-cache');
    send(request, path, { root, cacheControl: false, index: false, dotfiles: 'deny' })
      .on('directory', () => refuse(404))
      .on('error', (error: { status?: number }) =>
        refuse(error.status === 412 || error.status === 416 ? error.status : 404),
      )
      .pipe(response);
  }
}

/** Compared by hash, so that neither length nor content shows in the time it takes. */
function isAllowed(request: IncomingMessage, token: Buffer): boolean {
  const given = /^Bearer +(.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
  return timingSafeEqual(digest(given), token);
}

export const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
