/**
 * `fleet_page` of `serve`: the file that `relaymap-publish fleet --html` wrote, for whoever has its own token
 * (docs/commands.md section 3.2). A request reads that file and makes nothing.
 */
import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { HostError } from '../../errors.ts';
import type { ServeConfig, Site } from './sites.ts';
import { digest, readToken } from './token.ts';

/** No site has this path: theirs end in a slash. */
export const FLEET_PATH = '/fleet';

export interface FleetPage {
  readonly file: string;
  /** Digest of the token. */
  readonly token: Buffer;
}

/** @throws HostError CONFIG */
export function readFleetPage({ fleet_page: file, fleet_token_file: of }: ServeConfig, sites: readonly Site[]) {
  if (file === undefined && of === undefined) return null;
  if (file === undefined || of === undefined)
    throw new HostError(
      'CONFIG',
      `serve.${file === undefined ? 'fleet_page' : 'fleet_token_file'} is missing: the page and its token go together`,
    );
  const token = readToken('serve.fleet_token_file', of);
  const isGateways = (site: Site) =>
    site.token?.equals(token) === true || (site.tokens?.nameOf(token.toString('hex')) ?? null) !== null;
  if (sites.some(isGateways))
    throw new HostError('CONFIG', `serve.fleet_token_file ${of} holds a token of the gateways; make another`);
  return { file, token };
}

/** The page's own policy lets its style count; nothing else ever runs, whatever the file holds. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox",
  'cache-control': 'private, no-cache',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  vary: 'authorization',
};

/** Compares hashes, so the time taken reveals neither length nor content. */
export const mayRead = (request: IncomingMessage, { token }: FleetPage): boolean =>
  timingSafeEqual(digest(given(request)), token);

/** The token as a script gives it, or as a browser does: the password of any user. */
function given({ headers: { authorization = '' } }: IncomingMessage): string {
  const bearer = /^Bearer +(.+)$/i.exec(authorization)?.[1];
  if (bearer !== undefined) return bearer;
  const basic = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(authorization)?.[1] ?? '';
  return /^[^:]*:([^]*)$/.exec(Buffer.from(basic, 'base64').toString('utf8'))?.[1] ?? '';
}
