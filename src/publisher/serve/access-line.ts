/** One line of the access log of `serve` (docs/commands.md section 3.2). Pure. */

/** A request and its answer, once that has ended. */
export interface Access {
  readonly time: Date;
  /** The path of the site; null where the request belongs to none. */
  readonly site: string | null;
  readonly method: string;
  /** The path of the request as it came, without its query; null where it names none. */
  readonly path: string | null;
  readonly status: number;
  /** Of the body, as handed to the connection. */
  readonly bytes: number;
  /** Milliseconds. */
  readonly ms: number;
  /** All of the answer was handed to the connection. */
  readonly complete: boolean;
  readonly userAgent: string | null;
  /** The common name of a client certificate that was verified for this site. */
  readonly cn: string | null;
  /** The name of the token that was given, never the token. */
  readonly token: string | null;
}

/** Characters of what comes from outside. An escaped character has six bytes: the line stays below 8192. */
const MOST = 512;
const MOST_NAME = 128;

/** One line of ASCII with its line feed: no text from outside begins another one, or moves a terminal's cursor. */
export function accessLine({ time, site, method, path, status, bytes, ms, complete, ...who }: Access): string {
  const line = {
    time: time.toISOString(),
    site: cut(site, MOST),
    method: cut(method, 32),
    path: cut(path, MOST),
    status,
    bytes,
    ms: Math.round(ms),
    complete,
    userAgent: cut(who.userAgent, MOST),
    cn: cut(who.cn, MOST_NAME),
    token: cut(who.token, MOST_NAME),
  };
  const escaped = (c: string) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return `${JSON.stringify(line).replace(/[^ -~]/g, escaped)}\n`;
}

const cut = (text: string | null, most: number): string | null => (text === null ? null : text.slice(0, most));
