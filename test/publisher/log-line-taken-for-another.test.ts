// A line that was read before is not read again: its bytes are compared, and its time is read. Whatever stands in a
// log, what comes of it is the same as if each line had been read alone.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { isDeepStrictEqual } from 'node:util';
import { gzipSync } from 'node:zlib';
import { array, assert, asyncProperty, constantFrom, integer, oneof, record, tuple, type Arbitrary } from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { blockOf, lineFeed } from '../../src/publisher/fleet/log/block.ts';
import type { Format } from '../../src/publisher/fleet/log/format.ts';
import { KnownLines, type Repeated } from '../../src/publisher/fleet/log/known-lines.ts';
import { BLOCK, MOST_LINE } from '../../src/publisher/fleet/log/log-input.ts';
import { readLog } from '../../src/publisher/fleet/log/read-log.ts';
import { Tally, type Said } from '../../src/publisher/fleet/tally.ts';

const NOW = Date.UTC(2026, 10, 26, 22, 12, 2) / 1000;
const HASH = 'ab'.repeat(32);

interface Poll {
  readonly time: number;
  readonly name: string;
  readonly version: number;
  readonly path: string;
  readonly status: number;
  /** A number that says nothing: how long it took, how much was sent. */
  readonly number: number;
}

const iso = (time: number) => new Date(time * 1000).toISOString();
const common = (time: number) => {
  const text = iso(time);
  return `${text.slice(8, 10)}/${text.slice(5, 7) === '11' ? 'Nov' : 'Dec'}/${text.slice(0, 4)}:${text.slice(11, 19)} +0000`;
};
const agent = ({ name, version }: Poll) =>
  name === '-' ? 'curl/8.0' : `relaymap/0.1.0 (example-org=${version}; last=OK; id=${name})`;
const combined = (poll: Poll) =>
  `10.0.0.${poll.name.length} - - [${common(poll.time)}] "GET ${poll.path} HTTP/1.1" ${poll.status} 0 "-" "${agent(poll)}"`;

/** A line of each kind of log. */
const WRITE: Readonly<Record<string, { readonly format: Format; readonly line: (poll: Poll) => string }>> = {
  combined: { format: 'combined', line: (poll) => `${combined(poll)} ${poll.number} x` },
  nginx: {
    format: 'nginx',
    line: (poll) =>
      `${combined(poll)} tls=SUCCESS dn="CN=${poll.name},O=x" rt=0.00${poll.number} up="0.${poll.number}" token="7"`,
  },
  serve: {
    format: 'json',
    line: (poll) =>
      JSON.stringify({
        time: iso(poll.time + poll.number / 1000),
        site: '/r/',
        method: 'GET',
        path: poll.path,
        status: poll.status,
        bytes: poll.number * 7,
        ms: poll.number,
        complete: true,
        userAgent: agent(poll),
        cn: null,
        token: poll.name,
      }),
  },
  caddy: {
    format: 'caddy',
    line: (poll) =>
      JSON.stringify({
        level: 'info',
        ts: poll.time + poll.number / 1024,
        request: {
          remote_ip: '192.0.2.7',
          remote_port: String(poll.number),
          method: 'GET',
          uri: poll.path,
          headers: { 'User-Agent': [agent(poll)] },
          tls: { client_common_name: poll.name },
        },
        duration: poll.number / 1024,
        status: poll.status,
      }),
  },
  nginxJson: {
    format: 'json',
    line: (poll) =>
      `{"time_local":"${common(poll.time)}","n":["x",${poll.number}],"remote_addr":"192.0.2.7","request":"GET ${poll.path} HTTP/1.1","status":"${poll.status}","rt":"0.00${poll.number}","http_user_agent":"${agent(poll)}"}`,
  },
  s3: {
    format: 's3',
    line: (poll) =>
      `79a59df900b949e5 bucket [${common(poll.time)}] 192.0.2.7 - ID${poll.number} REST.GET.OBJECT ${poll.path.slice(1)} "GET ${poll.path} HTTP/1.1" ${poll.status} - - 113 ${poll.number} 6 "-" "${agent(poll)}" - h${poll.number}= SigV4 -`,
  },
};

const newTally = () => new Tally('example-org', 50, NOW + 7200, 7);

const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-log-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** What came of logs, and how many of their lines were known. */
async function tallied(
  format: Format | null,
  logs: readonly Buffer[],
  isAlone = false,
  tally = newTally(),
  further: KnownLines<Said> | null = null,
  isFile = false,
): Promise<{ readonly all: unknown; readonly repeated: number }> {
  let repeated = 0;
  const tell: Repeated<Said> = (said, lines, first, last) => {
    repeated += lines;
    tally.repeated(said, lines, first, last);
  };
  const known = isAlone ? null : (further ?? new KnownLines(7, tally.latest, tell));
  const counts: unknown[] = [];
  for (const [i, log] of logs.entries()) {
    // Pieces of many lengths.
    const pieces = Array.from({ length: Math.ceil(log.length / 997) }, (_, at) =>
      log.subarray(at * 997, at * 997 + 997),
    );
    const file = path.join(dir, `${i}.log`);
    if (isFile) writeFileSync(file, log);
    const stdin = isFile ? null : Readable.from(pieces);
    const read = readLog(isFile ? file : `log ${i}`, stdin, format, (line) => tally.add(line), known);
    counts.push(await read.catch((error: Error) => error.message));
  }
  const of = (['certificate', 'token', 'claim', 'address'] as const).map((by) => tally.of(by));
  return { all: [counts, tally.counts, tally.versions.words, tally.refusals.names, tally.prefixes, of], repeated };
}

/** @returns how many lines were known. */
async function expectSame(format: Format | null, logs: readonly Buffer[], isFile = false): Promise<number> {
  const read = await tallied(format, logs, true, newTally(), null, isFile);
  const known = await tallied(format, logs, false, newTally(), null, isFile);
  if (!isDeepStrictEqual(known.all, read.all)) expect(known.all).toEqual(read.all);
  expect(read.repeated).toBe(0);
  return known.repeated;
}

const poll: Arbitrary<Poll> = record({
  time: integer({ min: 0, max: 200 }).map((seconds) => NOW + seconds),
  name: constantFrom('mx1.example.net', 'mx2.example.net', 'mx13', '-'),
  version: constantFrom(41, 42),
  path: constantFrom('/r/manifest.json', '/r/manifest.json', '/r/manifest.json', `/r/recipients/${HASH}.gz`, '/x'),
  status: constantFrom(304, 304, 304, 200, 401, 404),
  number: constantFrom(0, 1, 1, 9, 12, 345),
});

/** What may stand in the place of a byte, or before it. */
const ODD = [
  ...'"\\[]{}(),:;=/ .-+TZ019xe\t\r\0\u00e9'.split(''),
  '\n',
  '\r\n',
  '""',
  '\\"',
  '\\x22',
  '" "',
  '] "',
  ' token="9"',
  ' tls=SUCCESS ',
  '99999999999',
  '/../',
  '%2e',
  'e9',
];
type Change = readonly [kind: 'put' | 'replace' | 'cut' | 'move', at: number, piece: string];
const change: Arbitrary<Change> = tuple(
  constantFrom('put' as const, 'replace' as const, 'cut' as const, 'move' as const),
  integer({ min: 0, max: 400 }),
  constantFrom(...ODD),
);

function changed(line: string, [kind, where, piece]: Change): string {
  const at = where % line.length;
  if (kind === 'cut') return line.slice(0, at);
  if (kind === 'move') return line.slice(at) + line.slice(0, at);
  return line.slice(0, at) + piece + line.slice(kind === 'put' ? at : at + 1);
}

test('whatever stands in a log, a line that was read before says what it says alone', async () => {
  let lines = 0;
  let repeated = 0;
  await assert(
    asyncProperty(
      constantFrom(...Object.values(WRITE)),
      array(oneof({ weight: 5, arbitrary: tuple(poll) }, { weight: 2, arbitrary: tuple(poll, change) }), {
        minLength: 1,
        maxLength: 60,
      }),
      // A change that many lines have in common.
      oneof({ weight: 1, arbitrary: change }, { weight: 1, arbitrary: constantFrom(null) }),
      constantFrom('\n', '\n', '\r\n'),
      constantFrom('plain', 'gzip', 'twice'),
      constantFrom(true, false),
      async ({ format, line }, entries, shared, ending, how, isGiven) => {
        const texts = entries.map(([each, own]) => {
          let text = line(each);
          if (shared !== null && each.number !== 1) text = changed(text, shared);
          return own === undefined ? text : changed(text, own);
        });
        const log = Buffer.from(`${texts.join(ending)}${ending}`, 'latin1');
        const logs = how === 'plain' ? [log] : how === 'gzip' ? [gzipSync(log)] : [log, log];
        repeated += await expectSame(isGiven ? format : null, logs);
        lines += texts.length * logs.length;
      },
    ),
    { numRuns: 80 },
  );
  expect(repeated).toBeGreaterThan(lines / 50);
});

const usual = { time: NOW, name: 'mx1.example.net', version: 42, path: '/r/manifest.json', status: 304, number: 1 };

test.each(Object.entries(WRITE))('a line of %s that differs in time and numbers alone is known', async (_, one) => {
  const lines = [usual, { ...usual, time: NOW + 61, number: 345 }, { ...usual, time: NOW + 3600, number: 9 }];
  const log = Buffer.from(lines.map((each) => `${one.line(each)}\n`).join(''));
  expect(await expectSame(one.format, [log, log])).toBe(5);
});

const NGINX = WRITE.nginx?.line(usual) ?? '';
const SERVE = WRITE.serve?.line(usual) ?? '';
const CADDY = WRITE.caddy?.line(usual) ?? '';
const TIME = common(NOW);

test.each<[string, Format, string, string]>([
  ['another certificate', 'nginx', NGINX, NGINX.replace('CN=mx1', 'CN=mx2')],
  ['another token', 'nginx', NGINX, NGINX.replace('token="7"', 'token="8"')],
  ['another status', 'nginx', NGINX, NGINX.replace(' 304 ', ' 206 ')],
  ['another method', 'json', SERVE, SERVE.replace('"GET"', '"PUT"')],
  ['another version', 'json', SERVE, SERVE.replace('=42', '=43')],
  ['a time that is none', 'nginx', NGINX, NGINX.replace(':12:', ':72:')],
  ['a time of another form', 'nginx', NGINX, NGINX.replace(TIME, '2026-11-26T22:12:02.000000')],
  ['a time with a quote', 'json', SERVE, SERVE.replace('.001Z', '."1Z')],
  ['a time that is another field', 'json', SERVE, SERVE.replace('.001Z', '.001,')],
  [
    'a time without quotes',
    'json',
    SERVE.replace(/"2026[^"]*"/, '2026-11-26T22:12:02'),
    SERVE.replace(/"2026[^"]*"/, '2026-11-26 22:12:02'),
  ],
  ['two times', 'json', SERVE.replace('}', `,"ts":${NOW}}`), SERVE.replace('}', `,"ts":${NOW + 60}}`)],
  ['a time that is a part of the address', 'nginx', NGINX.replace(/^.*\[/, 'x['), NGINX.replace(/^.*\[(..)/, 'x[25')],
  ['a number that is none', 'caddy', CADDY, CADDY.replace('"remote_port":"1"', '"remote_port":""1"')],
  ['a number that is gone', 'caddy', CADDY, CADDY.replace(/"duration":[0-9.]+/, '"duration":')],
  ['a number that is text', 'json', SERVE, SERVE.replace('"ms":1', '"ms":"1"')],
  ['seconds that are none', 'caddy', CADDY, CADDY.replace(/"ts":[0-9.]+/, '"ts":12')],
  ['an ending that is torn', 'json', SERVE, SERVE.slice(0, -1)],
  ['more behind the end', 'json', SERVE, `${SERVE}}`],
])('a line with %s is not taken for the one before it', async (_, format, one, other) => {
  expect(other).not.toBe(one);
  const log = (lines: string[]) => Buffer.from(lines.map((each) => `${each}\n`).join(''));
  await expectSame(format, [log([one, one, other, one, other])]);
  const alone = await tallied(format, [log([one])], true);
  const both = await tallied(format, [log([one, other])], true);
  expect(isDeepStrictEqual(alone.all, both.all)).toBe(false);
});

test('what was known of a log of another format is forgotten', async () => {
  // The plain format knows of no certificate.
  const log = Buffer.from(`${NGINX}\n${NGINX}\n${NGINX}\n`);
  const tally = newTally();
  const known = new KnownLines<Said>(7, tally.latest, (...repeated) => tally.repeated(...repeated));
  for (const format of ['nginx', 'combined', 'nginx'] as const) await tallied(format, [log], false, tally, known);
  const seen = (['certificate', 'token', 'claim'] as const).map((by) => [...tally.of(by).values()]);
  expect(seen.map((each) => each.map(({ requests }) => requests))).toEqual([[6], [], [3]]);
});

test('each line counts for whom it names, whichever of certificate, token, address and agent were seen before', async () => {
  const gateway = (version: number, id: string) => `relaymap/0.1.0 (example-org=${version}; last=OK; id=${id})`;
  // They are told apart by more than their ends.
  const [one, two] = ['mx1.mail.example.net', 'mx2.mail.example.net'];
  const agents = [gateway(41, one), gateway(42, one), gateway(42, two), `curl/8.0 ${one})`, `curl/8.1 ${one})`, 'x'];
  const lines = agents.flatMap((agent) =>
    ['', 'CN=mx1', 'CN=mx2.mail.example.net,O=x'].flatMap((dn) =>
      ['', 'mx1'].flatMap((token) =>
        ['10.0.0.1', '::ffff:10.0.0.1'].map(
          (address) => `"${agent}" tls=SUCCESS dn="${dn || '-'}" token="${token || '-'}"#${address}`,
        ),
      ),
    ),
  );
  // In an order in which each comes after many others: 5 and the number of lines have no divisor in common.
  const log = lines.map((_, i) => {
    const [rest, address] = (lines[(i * 5) % lines.length] ?? '').split('#');
    return `${address} - - [${common(NOW + i)}] "GET /r/manifest.json HTTP/1.1" 304 0 "-" ${rest}\n`;
  });
  const seenIn = async (text: string) => {
    const tally = newTally();
    await tallied('nginx', [Buffer.from(text)], true, tally);
    return (['certificate', 'token', 'claim', 'address'] as const).flatMap((by) => [...tally.of(by).values()]);
  };
  const told = new Map<string, unknown>();
  for (const text of log)
    for (const { by, name, address, software, last } of await seenIn(text))
      told.set(`${by} ${name}`, { address, software, last });
  const all = await seenIn(log.join(''));
  expect(new Map(all.map((seen) => [`${seen.by} ${seen.name}`, seen]))).toMatchObject(told);
  expect(all.length).toBe(told.size);
});

test('a line of the future is not counted with those before it', async () => {
  const { line } = WRITE.serve ?? {};
  const later = [usual, usual, { ...usual, time: NOW + 7200 + 700 }, usual].map((each) => `${line?.(each)}\n`);
  const { all, repeated } = await tallied('json', [Buffer.from(later.join(''))]);
  expect(repeated).toBe(2);
  expect(all).toMatchObject({ 1: { future: 1, requests: 3, last: NOW } });
  await expectSame('json', [Buffer.from(later.join(''))]);
});

test.each([0, 1])('of two lines in one second the higher version counts, in whatever order: %s', async (turn) => {
  const other = { ...usual, version: 43 };
  const two = (turn === 0 ? [usual, other] : [other, usual]).map((each) => `${WRITE.serve?.line(each)}\n`);
  const tally = newTally();
  await tallied('json', [Buffer.from(two.join(''))], false, tally);
  expect(tally.of('token').get('mx1.example.net')).toMatchObject({ version: 43, top: 43, requests: 2 });
});

test('a log in which no line is like another, and then one that is', async () => {
  const odd = Array.from({ length: 70_000 }, (_, i) => SERVE.replace('/r/manifest.json', `/r/${i}/manifest.json`));
  const log = Buffer.from([...odd, ...odd.slice(0, 10).flatMap((each) => [each, each])].join('\n') + '\n');
  await expectSame('json', [log]);
});

// Bytes are compared by sixteens.
test.each(Object.entries(WRITE))('any byte of a line of %s is another, wherever the line begins', async (_, one) => {
  const line = Buffer.from(one.line(usual));
  const feed = Buffer.from('\n');
  const lines = Array.from(line).flatMap((byte, at) =>
    [byte ^ 0x80, byte ^ 1].map((other) => {
      const changed = Buffer.from(line);
      changed[at] = other === 10 ? 0 : other;
      return changed;
    }),
  );
  // Empty lines move all that follows.
  const log = lines.flatMap((changed) => [line, feed, changed, feed, feed]);
  await expectSame(one.format, [Buffer.concat(log)]);
  const cuts = Array.from(line, (_, at) => [line, feed, line.subarray(0, at), feed, line, line.subarray(at), feed]);
  await expectSame(one.format, [Buffer.concat(cuts.flat())]);
});

test('lines that end at the end of what is read at once, before it and behind it', async () => {
  const line = `${WRITE.combined?.line(usual)} `;
  for (const size of [BLOCK, 2 * BLOCK])
    for (const by of [-16, -1, 0, 1]) {
      const lines: string[] = [];
      let left = size + by;
      for (let i = 0; left > 600; i++) {
        const next = `${line}${'x'.repeat(i % 33)}\n`;
        lines.push(next);
        left -= next.length;
      }
      lines.push(`${line.padEnd(left - 1, 'x')}\n`, `${line}\n`, `${line}without an end`);
      const log = Buffer.from(lines.join(''));
      expect(await expectSame('combined', [log, log], true)).toBeGreaterThan(lines.length);
    }
});

test('a line that is too long is passed over, although one like it was read before', async () => {
  const line = WRITE.combined?.line(usual) ?? '';
  const long = [MOST_LINE - 1, MOST_LINE, MOST_LINE + 1, MOST_LINE + 2, 70_000].map((length) =>
    line.padEnd(length, 'x'),
  );
  const log = Buffer.from([line, line, ...long, line, ''].join('\n'));
  expect(await expectSame('combined', [log, log], true)).toBeGreaterThan(6);
  expect((await tallied('combined', [log], false, newTally(), null, true)).all).toMatchObject({ 0: [{ tooLong: 3 }] });
});

test('the first line feed is found wherever it stands', () => {
  for (let at = 0; at < 9; at++)
    for (const fill of [0, 9, 11, 0x0b, 0x8a, 0xff]) {
      const block = blockOf(Buffer.alloc(20, fill));
      block.bytes[at] = 10;
      block.bytes[12] = 10;
      for (let from = 0; from <= at; from++) expect(lineFeed(block, from)).toBe(at);
    }
});
