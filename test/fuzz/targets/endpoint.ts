// What comes to `relaymap-publish serve` inside of TLS: bytes that Node's own parser reads, and the answers of the
// handler, byte for byte.
import { createServer, type IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import { answering } from '../../../src/publisher/serve/answer.ts';
import { digest } from '../../../src/publisher/serve/token.ts';
import { folder, laid } from '../room.ts';
import { must, pieces, same, type Target } from '../target.ts';

const TOKEN = 'a-token-of-more-than-16-characters';
const HASH = '0123456789abcdef'.repeat(4);
const TABLE = `/recipients/${HASH}.gz`;
const DELTA = `/recipients/${HASH}-${'f'.repeat(64)}.delta.gz`;

/** What is published, by path. */
const PUBLISHED: ReadonlyMap<string, string> = new Map([
  ['/manifest.json', '{"payload":"the manifest of the list"}'],
  ['/keyring/2.json', '{"payload":"the second key ring"}'],
  [TABLE, 'the table, which is long enough for parts of it'],
  [DELTA, ''],
]);
/** Beside it: what nobody may have, and folders of names that may be asked for. */
const SECRET = 'NOT FOR THE WORLD';
const HIDDEN = [
  '/.manifest.json.new',
  '/secret.json',
  '/recipients/.x.gz.new',
  '/recipients/secret.gz',
  '/keyring/0.json',
  '/../state.json',
  '/../0.key',
];

let root: string | undefined;
function published(): string {
  if (root !== undefined) return root;
  root = folder('site/output');
  for (const [path, content] of PUBLISHED) laid(`site/output${path}`, Buffer.from(content));
  for (const path of HIDDEN) laid(`site/output${path}`, Buffer.from(SECRET));
  laid('site/output/keyring/7.json/inside', Buffer.from(SECRET));
  return root;
}

/** What Node refuses by itself, as no HTTP, and then ends the connection. */
const OWN = [400, 408, 413, 431];

/** A connection in memory. */
class Connection extends Duplex {
  readonly answered: Buffer[] = [];
  override _read(): void {
    // all is pushed at once
  }
  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.answered.push(chunk);
    done();
  }
}

interface Talk {
  /** Null: answered by Node, which does not show it to the handler. */
  readonly asked: readonly (IncomingMessage | null)[];
  readonly bytes: Buffer;
  /** Whether Node ended it in the middle, over what is no HTTP. */
  readonly cut: boolean;
}

/** One connection, from its first byte to its last. */
async function talk(input: Uint8Array, token: string | null): Promise<Talk> {
  const asked: (IncomingMessage | null)[] = [];
  let cut = false;
  const server = createServer();
  server.on('request', (request) => asked.push(request));
  server.on('checkContinue', (request) => asked.push(request));
  const site = {
    path: '/',
    root: published(),
    token: token === null ? null : digest(token),
    tokens: null,
    authorities: null,
  };
  answering(server, () => ({ sites: [site], page: null }));
  server.on('checkExpectation', (_, response) => {
    asked.push(null);
    response.writeHead(417).end();
  });
  server.on('connect', (_, socket) => {
    cut = true;
    socket.destroy();
  });
  // So that what was asked is answered before it ends.
  Object.assign(server, { httpAllowHalfOpen: true });
  const connection = new Connection();
  connection.on('error', () => (cut = true));
  const ended = new Promise<void>((resolve) => connection.on('close', resolve).on('finish', resolve));
  server.emit('connection', connection);
  for (const piece of pieces(input)) connection.push(piece);
  connection.push(null);
  await ended;
  return { asked, bytes: Buffer.concat(connection.answered), cut };
}

interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** A client's reader of answers, which knows the methods that were asked with. */
function answersIn(text: string, { asked, cut }: Talk): Answer[] {
  const found: Answer[] = [];
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\r\n\r\n', at);
    must(end >= 0, 'headers without an end');
    const [first = '', ...lines] = text.slice(at, end).split('\r\n');
    const status = Number(/^HTTP\/1\.1 ([0-9]{3}) [A-Za-z -]+$/.exec(first)?.[1]);
    const headers = new Map(
      lines.map((line) => [line.split(': ')[0]?.toLowerCase() ?? '', line.split(': ').slice(1).join(': ')]),
    );
    same(headers.size, lines.length, 'headers that come twice');
    at = end + 4;
    const isBare = status === 304 || asked[found.length]?.method === 'HEAD';
    const length = isBare ? 0 : Number(headers.get('content-length') ?? '0');
    const body = text.slice(at, at + length);
    must(body.length === length || cut, 'a body that is cut');
    at += length;
    // Node's own answers end so.
    if (headers.has('transfer-encoding') && text.startsWith('0\r\n\r\n', at)) at += 5;
    found.push({ status, headers, body });
  }
  return found;
}

/** The only file that may answer; undefined where none may. */
function fileFor({ method, url = '', headers }: IncomingMessage, token: string | null): string | undefined {
  const given = headers.authorization ?? '';
  const isAllowed = given.slice(0, 7).toLowerCase() === 'bearer ' && given.slice(7).replace(/^ +/, '') === token;
  const query = url.indexOf('?');
  return (token === null || isAllowed) && (method === 'GET' || method === 'HEAD')
    ? PUBLISHED.get(query < 0 ? url : url.slice(0, query))
    : undefined;
}

function judged(request: IncomingMessage, { status, headers, body }: Answer, token: string | null): void {
  const file = fileFor(request, token);
  if (file === undefined) {
    const wanted = token !== null && status === 401 ? 401 : status === 405 ? 405 : 404;
    same([status, body, headers.get('cache-control')], [wanted, '', 'no-store'], `${request.method} ${request.url}`);
    must(!headers.has('etag') && !headers.has('last-modified'), 'tells of a file');
    return;
  }
  must([200, 206, 304, 412, 416].includes(status), `${status} for ${request.url}`);
  const bare = request.method === 'HEAD';
  if (status === 200) {
    same(headers.get('content-length'), String(file.length), 'the length');
    same(body, bare ? '' : file, 'the file');
  } else if (status === 206) {
    const [, from, to, whole] = /^bytes ([0-9]+)-([0-9]+)\/([0-9]+)$/.exec(headers.get('content-range') ?? '') ?? [];
    same(Number(whole), file.length, 'the length of the whole');
    const part = file.slice(Number(from), Number(to) + 1);
    must(part.length === Number(to) - Number(from) + 1, 'a part beyond the end');
    same([body, headers.get('content-length')], [bare ? '' : part, String(part.length)], 'the part');
  } else same(body, '', 'no body');
  if (status === 304) must(/^(if-none-match|if-modified-since)$/m.test(Object.keys(request.headers).join('\n')), '304');
  if (status === 206 || status === 416) must(request.headers.range !== undefined, 'a part that nobody asked for');
  must(headers.get('etag') !== undefined, 'no ETag');
}

const request = (path: string, ...headers: readonly string[]): string =>
  [`GET ${path} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${TOKEN}`, ...headers, '', ''].join('\r\n');

export const endpoint: Target = {
  name: 'endpoint',
  form: 'text',
  longest: 2048,
  words: [
    'GET ', 'HEAD ', 'POST ', 'OPTIONS ', 'CONNECT ', ' HTTP/1.1\r\n', ' HTTP/1.0\r\n', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '\r\n', '\r\n\r\n', '\n', 'Host: x\r\n',
    TOKEN, `Authorization: Bearer ${TOKEN}\r\n`, 'Authorization: ', 'bearer  ', 'Basic ', 'Range: bytes=', 'bytes=0-9', 'bytes=-5', 'bytes=5-', 'bytes=0-1,3-4', 'bytes=99-',
    'If-None-Match: *\r\n', 'If-None-Match: W/"26-', 'If-Match: "x"\r\n', 'If-Match: *\r\n', 'If-Range: "x"\r\n', 'If-Range: Fri, 01 Jan 2100 00:00:00 GMT\r\n',
    'If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n', 'If-Unmodified-Since: Fri, 01 Jan 2010 00:00:00 GMT\r\n', 'Cache-Control: no-cache\r\n',
    'Content-Length: 5\r\n', 'Transfer-Encoding: chunked\r\n', 'Connection: close\r\n', 'Connection: keep-alive\r\n', 'Expect: 100-continue\r\n', 'Expect: x\r\n', 'Upgrade: websocket\r\nConnection: upgrade\r\n',
    '5\r\nhello\r\n0\r\n\r\n', '/manifest.json', '/keyring/2.json', '/keyring/7.json', '/keyring/', TABLE, DELTA, ...HIDDEN, '..', '/../', '%2e', '%2f', '%00', '%', '//', '\\', '?', '#', '.', 'http://x',
  ], // prettier-ignore
  seeds: () => [
    ...[...PUBLISHED.keys(), ...HIDDEN, '/keyring/7.json', '/', '*', '/manifest.json?x', '//manifest.json', '/%6danifest.json', '/..%2f0.key'].map((path) => request(path)),
    request('/manifest.json').replace(TOKEN, 'another'),
    request('/manifest.json').replace('GET', 'HEAD') + request(TABLE, 'Connection: close'),
    request('/manifest.json', 'Content-Length: 5').replace('GET', 'POST') + 'hello' + request(TABLE),
    request(TABLE, 'Range: bytes=4-8') + request(TABLE, 'Range: bytes=99-') + request(TABLE, 'Range: bytes=0-1,5-6') + request(DELTA, 'Range: bytes=0-'),
    request(TABLE, 'If-None-Match: *') + request(TABLE, 'If-Match: "x"') + request(TABLE, 'If-Range: "x"', 'Range: bytes=-3'),
    request(TABLE, 'If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT') + request(TABLE, 'If-Unmodified-Since: Fri, 01 Jan 2010 00:00:00 GMT'),
    request(TABLE, 'Expect: 100-continue') + request(TABLE, 'Expect: x') + request(TABLE, 'Upgrade: websocket', 'Connection: upgrade'),
    request(TABLE) + request(TABLE, 'Expect: 100-continue') + request(TABLE),
    request(TABLE, 'Transfer-Encoding: chunked') + '5\r\nhello\r\n0\r\n\r\n',
    'GET /manifest.json HTTP/1.0\r\n\r\n', 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n', 'GET /manifest.json\r\n', '\u0016\u0003\u0001', 'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx',
  ], // prettier-ignore
  run: async (input) => {
    const ends: string[] = [];
    for (const token of [TOKEN, null]) {
      const said = await talk(input, token);
      const text = said.bytes.toString('latin1');
      must(!text.includes(SECRET), 'what is not published is served');
      const all = answersIn(text, said);
      for (const [i, each] of all.entries()) {
        const asked = said.asked[i];
        if (OWN.includes(each.status)) {
          must(
            i === all.length - 1 && each.body === '' && !each.headers.has('cache-control'),
            `${each.status} in between`,
          );
        } else if (asked === null) same([each.status, each.body], [417, ''], 'an expectation');
        else {
          must(asked !== undefined, `${each.status} for no request`);
          judged(asked, each, token);
        }
      }
      const closed = said.cut || all.at(-1)?.headers.get('connection') === 'close';
      must(closed || all.length === said.asked.length, 'a request without an answer');
      ends.push(
        all
          .map(({ status }) => status)
          .slice(0, 3)
          .join(' ') + (said.cut ? ' cut' : ''),
      );
    }
    return ends.join(', ');
  },
};
