// What a line of an access log says, in each format that servers write: also where a client has written into it what
// looks like something else.
// Covers src/publisher/fleet/log
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { Block, blockOf, hashOf, isSame, quoteEnd } from '../../src/publisher/fleet/log/block.ts';
import { FORMATS, readerOf, type Format } from '../../src/publisher/fleet/log/format.ts';
import { MOST_LINE } from '../../src/publisher/fleet/log/log-input.ts';
import type { LogCounts } from '../../src/publisher/fleet/log/lines.ts';
import { LogLine } from '../../src/publisher/fleet/log/log-line.ts';
import { anyTime } from '../../src/publisher/fleet/log/log-time.ts';
import { MANIFEST, OTHER, PART, PublishedPath, TABLE } from '../../src/publisher/fleet/log/published-path.ts';
import { readLog } from '../../src/publisher/fleet/log/read-log.ts';
import { commonName } from '../../src/publisher/fleet/who.ts';

const AGENT = 'relaymap/0.1.0 (example-org=42; last=OK; id=mx1)';
const AT = Date.UTC(2026, 10, 26, 22, 12, 2) / 1000;
const HASH = 'ab'.repeat(32);

interface Said {
  readonly time: number;
  readonly status: number;
  readonly isGet: boolean;
  readonly path: string;
  readonly agent: string;
  readonly address: string;
  readonly certificate: string;
  readonly token: string;
}

/** What a line says; null if it is none of the format. */
function said(format: Format, text: string | Buffer, read = readerOf(format)): Said | null {
  const bytes = Buffer.concat([Buffer.from('before\n'), Buffer.from(text), Buffer.from('\n')]);
  const line = new LogLine();
  if (!read(line, blockOf(bytes), 7, bytes.length - 1)) return null;
  const certificate = line.text(line.certificateStart, line.certificateEnd);
  return {
    time: line.time,
    status: line.status,
    isGet: line.isGet,
    path: line.text(line.pathStart, line.pathEnd),
    agent: line.text(line.agentStart, line.agentEnd),
    address: line.text(line.addressStart, line.addressEnd),
    certificate: line.isSubject ? (commonName(certificate) ?? '') : certificate,
    token: line.text(line.tokenStart, line.tokenEnd),
  };
}

const POLL: Said = {
  time: AT,
  status: 304,
  isGet: true,
  path: '/r/manifest.json',
  agent: AGENT,
  address: '192.0.2.7',
  certificate: '',
  token: '',
};
const COMBINED = `192.0.2.7 - - [26/Nov/2026:22:12:02 +0000] "GET /r/manifest.json HTTP/1.1" 304 0 "-" "${AGENT}"`;
const CADDY = {
  level: 'info',
  ts: AT + 0.1234,
  logger: 'http.log.access',
  msg: 'handled request',
  request: {
    remote_ip: '192.0.2.7',
    remote_port: '1234',
    proto: 'HTTP/1.1',
    method: 'GET',
    host: 'localhost',
    uri: '/r/manifest.json',
    headers: { 'User-Agent': [AGENT], Authorization: [] },
    tls: { resumed: false, client_common_name: 'mx1', server_name: 'localhost' },
  },
  duration: 0.0001,
  status: 304,
  resp_headers: { Server: ['Caddy'] },
};

test.each<[string, Format, string, Partial<Said>]>([
  ['combined', 'combined', COMBINED, {}],
  ['of another zone', 'combined', COMBINED.replace('22:12:02 +0000', '23:42:02 +0130'), {}],
  ['nginx, with a certificate', 'nginx', `${COMBINED} tls=SUCCESS dn="CN=mx1,O=Example"`, { certificate: 'mx1' }],
  ['nginx, without one', 'nginx', `${COMBINED} tls=NONE dn="-"`, {}],
  ['nginx, by a token', 'nginx', `${COMBINED} tls=NONE dn="-" token="mx1"`, { token: 'mx1' }],
  ['serve', 'json', line({ userAgent: AGENT, cn: null, token: 'mx1', ms: 4 }), { token: 'mx1', address: '' }],
  ['caddy', 'caddy', JSON.stringify(CADDY), { certificate: 'mx1' }],
  [
    'nginx in JSON',
    'json',
    `{"time_iso8601":"2026-11-26T23:12:02+01:00","remote_addr":"192.0.2.7","request":"GET /r/manifest.json HTTP/1.1","status":"304","http_user_agent":"${AGENT}","ssl_client_verify":"SUCCESS","ssl_client_s_dn":"CN=mx1,O=Example"}`,
    { certificate: 'mx1' },
  ],
  ['Apache, with the name of the site before all', 'combined', `mx.example.org:443 ${COMBINED}`, {}],
  ['nginx, with the host before all', 'nginx', `2001.example.org ${COMBINED}`, {}],
  ['nginx by way of syslog', 'nginx', `Nov 26 22:12:02 web nginx: ${COMBINED}`, {}],
  ['IPv6', 'nginx', `a ${COMBINED.replace('192.0.2.7', '2001:db8::7')}`, { address: '2001:db8::7' }],
  ['a host where others have a dash', 'nginx', COMBINED.replace('- - [', 'ab.de - ['), {}],
  ['no address at all', 'nginx', COMBINED.replace('192.0.2.7', 'mx1.example.org'), { address: 'mx1.example.org' }],
  ['the User-Agent before the referer', 'nginx', COMBINED.replace(/"-" (.*)/, '$1 "https://example.org/"'), {}],
  ['the User-Agent alone', 'nginx', COMBINED.replace('"-" ', ''), {}],
  [
    'nginx in JSON, with the path beside the request',
    'json',
    `{"ts":${AT},"uri":"/r/manifest.json","request":"GET /r//manifest.json HTTP/1.1","status":304,"agent":"${AGENT}"}`,
    { address: '' },
  ],
  ['no method', 'json', `{"ts":${AT},"uri":"/r/manifest.json","status":304,"agent":"${AGENT}"}`, { address: '' }],
  [
    'HEAD, by the request alone',
    'json',
    `{"ts":${AT},"uri":"/r/manifest.json","request":"HEAD / HTTP/1.1","status":304,"agent":"${AGENT}"}`,
    { address: '', isGet: false },
  ],
  ['a request without a path', 'json', line({ path: null, userAgent: AGENT }), { address: '', path: '' }],
  [
    'Caddy by way of journalctl',
    'caddy',
    `Nov 26 22:12:02 web caddy[7]: ${JSON.stringify(CADDY)}`,
    { certificate: 'mx1' },
  ],
  [
    'Caddy behind a proxy that it trusts',
    'caddy',
    JSON.stringify({
      ...CADDY,
      request: { ...CADDY.request, remote_ip: '10.0.0.1', client_ip: '192.0.2.7' },
    }),
    { certificate: 'mx1' },
  ],
  [
    'a certificate with other letters than ASCII',
    'nginx',
    `${COMBINED} tls=SUCCESS dn="CN=M\\x5CC3\\x5CBCnchen\\x5C, O,O=Example"`,
    { certificate: 'München, O' },
  ],
  [
    'S3',
    's3',
    `79a59df9 bucket [26/Nov/2026:22:12:02 +0000] 192.0.2.7 - 3E57427F3 REST.GET.OBJECT r/manifest.json "GET /r/manifest.json HTTP/1.1" 304 - - 113 7 6 "-" "${AGENT}" - aaa= SigV4 -`,
    { path: 'r/manifest.json' },
  ],
])('%s', (_, format, text, differs) => {
  expect(said(format, text)).toEqual({ ...POLL, ...differs });
});

function line(further: object): string {
  const usual = { time: '2026-11-26T22:12:02.123Z', site: '/', method: 'GET', path: '/r/manifest.json', status: 304 };
  return JSON.stringify({ ...usual, bytes: 0, ...further });
}

test('the line before decides nothing', () => {
  const read = readerOf('nginx');
  expect(said('nginx', `${COMBINED} tls=SUCCESS dn="CN=mx1" token="t"`, read)).toMatchObject({ certificate: 'mx1' });
  expect(said('nginx', COMBINED, read)).toEqual(POLL);
  expect(said('nginx', COMBINED.replace('304', '200').replace('GET', 'HEAD'), read)).toEqual({
    ...POLL,
    status: 200,
    isGet: false,
  });
  expect(said('nginx', COMBINED.replace(':02 +', ':03 +'), read)?.time).toBe(AT + 1);
  expect(said('nginx', COMBINED.replace('22:12', '22:13'), read)?.time).toBe(AT + 60);
  const json = readerOf('json');
  for (const time of ['2026-11-26T22:12:02Z', '2026-11-26T22:12:02.9Z', '2026-11-26T22:12:02.123456789Z'])
    expect(said('json', line({ time }), json)?.time).toBe(AT);
  expect(said('json', line({ time: '2026-11-26T22:13:02.123Z' }), json)?.time).toBe(AT + 60);
});

test.each<[string, Format, string, Partial<Said>]>([
  [
    'a user name with the fields of a line',
    'nginx',
    COMBINED.replace('- - [', '- x [26/Nov/2020:00:00:00 +0000] GET /r 200 ['),
    {},
  ],
  ['a certificate that nobody verified', 'nginx', `${COMBINED} tls=FAILED:unknown dn="CN=mx1"`, {}],
  ['a certificate of two names', 'nginx', `${COMBINED} tls=SUCCESS dn="CN=mx1,CN=mx2"`, {}],
  [
    'a name inside another field',
    'nginx',
    `${COMBINED} tls=SUCCESS dn="O=a\\x5C,CN=mx1,CN=mx2"`,
    { certificate: 'mx2' },
  ],
  [
    'fields that were sent in a quoted one',
    'nginx',
    `${COMBINED} "x tls=SUCCESS dn=\\x22CN=mx1\\x22 token=\\x22mx1"`,
    {},
  ],
  ['fields after a User-Agent, in the plain format', 'combined', `${COMBINED} tls=SUCCESS dn="CN=mx1"`, {}],
  ['a quote that Apache wrote', 'combined', COMBINED.replace('"-"', '"a \\" b"'), {}],
  ['a User-Agent of quotes', 'combined', COMBINED.replace(AGENT, '\\"\\\\'), { agent: '"\\' }],
  [
    'headers named like fields',
    'caddy',
    JSON.stringify({
      ...CADDY,
      request: {
        ...CADDY.request,
        headers: {
          Status: ['200'],
          Ts: ['1'],
          status: ['200'],
          Client_common_name: ['mx9'],
          'User-Agent': [AGENT, 'x'],
        },
        tls: {},
      },
    }),
    {},
  ],
  [
    'values with quotes and braces',
    'json',
    line({ userAgent: '"}{\\"status\\":200', x: { status: 200, cn: 'mx9' } }),
    {
      agent: '"}{\\"status\\":200',
      address: '',
    },
  ],
  [
    'S3, with a quote that a client sent',
    's3',
    `o b [26/Nov/2026:22:12:02 +0000] 192.0.2.7 - I REST.GET.OBJECT r/manifest.json "GET /r/manifest.json?" 9 HTTP/1.1" 304 - - 113 7 6 "-" "${AGENT}" -`,
    { path: 'r/manifest.json' },
  ],
])('what a client writes into a line is no field of it: %s', (_, format, text, differs) => {
  expect(said(format, text)).toEqual({ ...POLL, ...differs });
});

test('what is no line of a format is none', () => {
  const lines: [Format, string][] = [
    ['nginx', ''],
    ['nginx', '"'],
    ['nginx', COMBINED.slice(0, 60)],
    ['nginx', COMBINED.replace('Nov', 'Nox')],
    ['nginx', COMBINED.replace(' 304 ', ' 3x4 ')],
    ['nginx', COMBINED.replace('26/Nov', '32/Nov')],
    ['nginx', COMBINED.replace(`"${AGENT}"`, '')],
    ['nginx', COMBINED.slice(0, -1)],
    ['s3', COMBINED],
    ['s3', 'a b [26/Nov/2026:22:12:02 +0000] '],
    ['json', COMBINED],
    ['json', `"a: ${line({})}`],
    ['json', `a:${line({})}`],
    ['json', '{}'],
    ['json', line({ path: undefined, url: '/r/manifest.json' })],
    ['json', line({ status: null })],
    ['json', line({ time: 'yesterday' })],
    ['json', `${line({})}}`],
    ['json', `${line({})} {}`],
    ['json', line({}).slice(0, -1)],
    ['json', `{"a":`],
    ['json', '{"a":'.repeat(100)],
    ['json', '['.repeat(100)],
    ['json', `{"a":${'['.repeat(100)}${']'.repeat(100)},${line({}).slice(1)}`],
  ];
  for (const [format, text] of lines) expect(said(format, text), `${format} ${text}`).toBeNull();
  // Whatever the bytes are, nothing throws.
  for (const format of FORMATS)
    for (const whole of [COMBINED, line({ userAgent: AGENT }), JSON.stringify(CADDY)])
      for (let i = 0; i < whole.length; i += 3) {
        const bytes = Buffer.from(whole);
        bytes[i] = (i * 7) & 0xff;
        said(format, bytes);
        said(format, bytes.subarray(0, i));
      }
});

test.each<[string, number]>([
  ['2026-11-26T22:12:02Z', AT],
  ['2026-11-26T22:12:02.999Z', AT],
  ['2026-11-26 22:12:02', AT],
  ['2026/11/26 22:12:02.5', AT],
  ['2026-11-26T23:12:02+01:00', AT],
  ['2026-11-26T17:12:02-0500', AT],
  ['26/Nov/2026:22:12:02 +0000', AT],
  [String(AT), AT],
  [`${AT}.123`, AT],
  [`${AT}123`, AT],
  [`${AT}123456`, AT],
  [`${AT}123456789`, AT],
  ['1.795731122e9', AT],
  ['0', NaN],
  ['-1', NaN],
  ['1e99', NaN],
  ['2026-13-26T22:12:02Z', NaN],
  ['99:99', NaN],
  ['', NaN],
])('the time %s', (text, time) => {
  expect(anyTime(text)).toBe(time);
});

test.each<[string, number, string]>([
  ['/r/manifest.json', MANIFEST, '/r/'],
  ['/manifest.json?x=1', MANIFEST, '/'],
  [`/r/recipients/${HASH}.gz`, TABLE, '/r/'],
  [`/r/transport/${HASH}.gz`, TABLE, '/r/'],
  [`/r/recipients/${HASH}-${HASH}.delta.gz`, PART, '/r/'],
  ['/r/keyring/12.json', PART, '/r/'],
  [`r/recipients/${HASH}.gz`, TABLE, 'r/'],
  [`/r//recipients/./${HASH}%2Egz`, TABLE, '/r/'],
  [`/r/x/../%72ecipients/${HASH}.gz`, TABLE, '/r/'],
  [`r%252Frecipients%252F${HASH}.gz`, TABLE, '/r/'],
  [`/%zz/recipients/${HASH}%2egz`, TABLE, '/%zz/'],
  [`/r/others/${HASH}.gz`, OTHER, ''],
  [`/r/recipients/${HASH.toUpperCase()}.gz`, OTHER, ''],
  ['/', OTHER, ''],
  ['', OTHER, ''],
  ['/keyring/x.json', OTHER, ''],
])('the path %s', (text, kind, prefix) => {
  const read = new PublishedPath();
  for (const each of ['/r/manifest.json', text, text]) {
    const bytes = Buffer.from(`GET ${each} HTTP/1.1`);
    const line = new LogLine();
    line.clear(blockOf(bytes), 'none');
    line.pathStart = 4;
    line.pathEnd = 4 + Buffer.byteLength(each);
    read.read(line);
  }
  expect([read.kind, kind === OTHER ? '' : read.prefix]).toEqual([kind, prefix]);
});

test.each<[string, string | null]>([
  ['CN=mx1', 'mx1'],
  ['O=Example,CN=mx1,C=DE', 'mx1'],
  ['CN=mx1+UID=7,O=x', 'mx1'],
  ['CN=a\\,b\\2Cc', 'a,b,c'],
  ['O=x\\,CN=mx1', null],
  ['CN=mx1,CN=mx2', null],
  ['/O=Example/CN=mx1', null],
  ['CN=', null],
  ['', null],
])('the common name of %s', (subject, name) => {
  expect(commonName(subject)).toBe(name);
});

test('bytes are compared to the last, whatever they are', () => {
  for (const length of [0, 1, 7, 8, 9, 40]) {
    for (const fill of [0, 0x41, 0x80, 0xff]) {
      const one = blockOf(Buffer.alloc(length + 3, fill));
      const other = blockOf(Buffer.alloc(length + 3, fill));
      expect(isSame(one, 1, other, 2, length)).toBe(true);
      for (let i = 0; i < length; i++) {
        other.bytes[2 + i] = fill ^ 0x80;
        expect(isSame(one, 1, other, 2, length)).toBe(false);
        expect(hashOf(one, 1, 1 + length, 7)).not.toBe(hashOf(other, 2, 2 + length, 7));
        other.bytes[2 + i] = fill;
      }
    }
  }
  const block = blockOf(Buffer.from('a\\"b"c"'));
  expect([quoteEnd(block, 0, 7), quoteEnd(block, 5, 7), quoteEnd(block, 0, 3), block.quote(0, 7)]).toEqual([
    4, 6, 3, 2,
  ]);
  expect(new Block(3).quote(0, 3)).toBe(3);
});

function logOf(content: string | Uint8Array): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-log-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  writeFileSync(path.join(dir, 'access.log'), content);
  return path.join(dir, 'access.log');
}

async function agents(content: string | Uint8Array, format: Format | null = null): Promise<[LogCounts, string[]]> {
  const found: string[] = [];
  const counts = await readLog(logOf(content), null, format, (each) =>
    found.push(each.text(each.agentStart, each.agentEnd)),
  );
  const streamed: string[] = [];
  const bytes = Buffer.from(content as string);
  const pieces = Array.from({ length: Math.ceil(bytes.length / 999) }, (_, i) =>
    bytes.subarray(i * 999, i * 999 + 999),
  );
  const again = await readLog('stdin', Readable.from(pieces), format, (each) =>
    streamed.push(each.text(each.agentStart, each.agentEnd)),
  );
  expect([again, streamed]).toEqual([counts, found]);
  return [counts, found];
}

const numbered = (n: number): string => COMBINED.replace('id=mx1', `id=mx${n}`);
const WHOLE = { unread: 0, firstUnread: 0, tooLong: 0, unfinished: 0 };

test('no line is lost or read twice where blocks end', async () => {
  const lines = Array.from({ length: 20_000 }, (_, i) => numbered(i));
  const text = lines.join('\n') + '\n';
  const [counts, found] = await agents(text);
  expect(counts).toEqual({ ...WHOLE, lines: 20_000 });
  expect(found).toEqual(lines.map((each) => /"(relaymap[^"]*)"/.exec(each)?.[1]));
  const [zipped, same] = await agents(Buffer.concat([gzipSync(text.slice(0, 5000)), gzipSync(text.slice(5000))]));
  expect([zipped, same]).toEqual([counts, found]);
  expect(await agents(text.replaceAll('\n', '\r\n'))).toEqual([counts, found]);
});

test('a line that is too long, torn, empty or binary costs itself alone', async () => {
  const long = (size: number) => `${'x'.repeat(size)}\n`;
  const noise = Buffer.from([0, 255, 34, 92, 0x1f, 0x8b, 10]).toString('latin1');
  const text = `${numbered(1)}\n\n${long(MOST_LINE + 1)}${long(3_000_000)}${noise}${numbered(2)}\n${numbered(3)}\n${numbered(4).slice(0, -1)}`;
  const [counts, found] = await agents(text);
  expect(counts).toEqual({ lines: 7, unread: 1, firstUnread: 5, tooLong: 2, unfinished: 1 });
  expect(found).toEqual([1, 2, 3].map((n) => AGENT.replace('mx1', `mx${n}`)));
});

test('a last line without its line feed counts, unless it may be a part of one', async () => {
  const named = (n: number) => `${numbered(n)} tls=SUCCESS dn="CN=mx${n}"`;
  const json = (n: number) => line({ userAgent: AGENT.replace('mx1', `mx${n}`) });
  for (const [one, whole] of [
    [numbered, true],
    [json, true],
    [named, false],
  ] as const) {
    expect((await agents(`${one(1)}\n${one(2)}`))[0]).toMatchObject({
      lines: whole ? 2 : 1,
      unfinished: whole ? 0 : 1,
    });
    expect((await agents(`${one(1)}\n${one(2).slice(0, -1)}`))[0]).toMatchObject({ lines: 1, unfinished: 1 });
  }
  expect(await agents(numbered(1))).toEqual([{ ...WHOLE, lines: 1 }, [AGENT]]);
  expect((await agents('hello'))[0]).toEqual({ ...WHOLE, lines: 0, unfinished: 1 });
});

test('a log of another format is refused, by the number of the line', async () => {
  const refused = (content: string | Uint8Array, format: Format | null) =>
    readLog(logOf(content), null, format, () => undefined).then(
      () => 'read',
      (error: { code: string; message: string }) => `${error.code} ${error.message}`,
    );
  const many = `${COMBINED}\n`.repeat(200);
  expect(await refused(`\n\n${many}`, 'caddy')).toMatch(
    /^SOURCE the log .*access\.log, line 3: not of the format caddy; such a line is like \{"ts":/,
  );
  expect(await refused(many, 's3')).toMatch(/^SOURCE .*line 1: not of the format s3/);
  expect(await refused(many, 'json')).toMatch(/^SOURCE .*line 1: not of the format json/);
  expect(await refused('hello\n', null)).toMatch(/^SOURCE .*line 1: none of the formats that are known/);
  expect(await refused(`${COMBINED}\n${'hello\n'.repeat(2)}`, null)).toMatch(
    /line 2: not of the format nginx, which other lines have/,
  );
  expect(await refused('', null)).toBe('read');
  expect(await refused(gzipSync(many).subarray(0, -20), null)).toMatch(/^SOURCE .* is damaged after line/);
  const broken = gzipSync(many);
  broken.fill(0, 30, 60);
  expect(await refused(broken, null)).toMatch(/^SOURCE .* is damaged after line 0/);
  await expect(readLog('/nowhere/access.log', null, null, () => undefined)).rejects.toMatchObject({
    code: 'SOURCE',
    message: expect.stringMatching(/\/nowhere\/access\.log cannot be read/) as string,
  });
});

test('lines without a quote are not searched again and again', async () => {
  const text = `${numbered(1)}\n${'x\n'.repeat(400_000)}${`${numbered(2)}\n`.repeat(400_000)}`;
  const start = performance.now();
  const counts = await readLog(logOf(text), null, null, () => undefined);
  expect(counts).toMatchObject({ lines: 800_001, unread: 400_000 });
  expect(performance.now() - start).toBeLessThan(60_000);
});
