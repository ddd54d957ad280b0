// The http source, against a real HTTPS server on loopback: what is not the whole list from the URL itself ends the
// publish.
import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { httpSource } from '../../src/publisher/sources/http.ts';
import type { HttpSource } from '../../src/publisher/source-config.ts';
import { authority, Endpoint, type Misbehaviour } from '../support/endpoint.ts';
import { folder, refusalFrom, rowsFrom } from './sourced.ts';

const files = new Map<string, Buffer>();
let endpoint: Endpoint;
let stranger: Endpoint;
beforeAll(async () => {
  [endpoint, stranger] = await Promise.all([Endpoint.start(files), Endpoint.start(files, 'of another authority')]);
});
afterAll(async () => {
  await Promise.all([endpoint?.stop(), stranger?.stop()]);
});
beforeEach(() => {
  files.clear();
  endpoint.misbehaviour = null;
  endpoint.asked.length = 0;
});

/** The keys of a source at the endpoint that gives this body. */
function http(body: string | Buffer, keys: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  files.set('users', Buffer.from(body));
  return { type: 'http', url: `${endpoint.url}users`, ca_file: caFile(), ...keys };
}

function caFile(): string {
  const file = path.join(folder(), 'ca.pem');
  writeFileSync(file, authority().cert);
  return file;
}

function answers(misbehaviour: Misbehaviour): void {
  endpoint.misbehaviour = misbehaviour;
}

test('a text is read like a file, and the query of the URL is asked for', async () => {
  expect(await rowsFrom(http('# users\nemail\nA@example.org OK\n"a b"@example.org\nc@example.org'))).toEqual([
    'a b@example.org',
    'a@example.org',
    'c@example.org',
  ]);
  files.set('export?active=1&x=%20', Buffer.from('q@example.org\n'));
  const url = `${endpoint.url}export?active=1&x=%20`;
  expect(await rowsFrom({ type: 'http', url, ca_file: caFile() })).toEqual(['q@example.org']);
});

describe('a list that is cut short, whatever it looks like', () => {
  const half = 'a@example.org\nb@example.org\n';
  test.each<[string, Misbehaviour, RegExp]>([
    [
      'of Content-Length',
      ({ response, connection }) => {
        response.writeHead(200, { 'content-length': 5000 });
        response.write(half, () => setImmediate(() => connection.destroy()));
      },
      /^SOURCE list: NETWORK: /,
    ],
    [
      'of its last chunk',
      ({ response, connection }) => {
        response.writeHead(200);
        response.write(half, () => setImmediate(() => connection.destroy()));
      },
      /^SOURCE list: NETWORK: /,
    ],
    [
      'without a length or chunks, where nobody could tell',
      ({ request, response }) => {
        response.useChunkedEncodingByDefault = false;
        response.shouldKeepAlive = false;
        response.removeHeader('transfer-encoding');
        request.socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${half}`);
      },
      /^SOURCE list: neither content-length nor chunked/,
    ],
    [
      'by silence',
      ({ response }) => {
        response.writeHead(200, { 'content-length': 5000 });
        response.write(half);
      },
      /^list: TIMEOUT: .*no byte for 0\.3 s/,
    ],
    [
      'by an end that never comes',
      ({ response }) => {
        response.writeHead(200);
        const timer = setInterval(() => response.write(half), 20);
        response.on('close', () => clearInterval(timer));
      },
      /^list: TIMEOUT: .*not done within 1 s/,
    ],
  ])('%s', async (_, misbehaviour, words) => {
    answers(misbehaviour);
    const keys = http(half);
    if (words.source.startsWith('^SOURCE')) {
      expect(await refusalFrom(keys)).toMatch(words);
    } else {
      // The limit that is meant, and the other one far beyond it.
      const isIdle = words.source.includes('no byte');
      const limits = { idle: isIdle ? 300 : 1e6, total: isIdle ? 1e6 : 1000, bytes: 1e9 };
      const source = { name: 'list', format: 'text', ...keys } as unknown as HttpSource;
      await expect(drained(httpSource(source, limits).read(new Date()))).rejects.toThrow(words);
    }
  });

  test('JSON before its array ends', async () => {
    const json = { format: 'json' };
    expect(await refusalFrom(http('["a@example.org", "b@example.org"', json))).toContain('is it cut short?');
    expect(await refusalFrom(http('["a@example.org", "b@exa', json))).toContain('is it cut short?');
    expect(await refusalFrom(http('', json))).toContain('is it cut short?');
  });

  test('CSV within quotes', async () => {
    const found = await refusalFrom(http('name,email\n"A","a@example.org"\n"B","b@exam', { format: 'csv' }));
    expect(found).toBe('SOURCE list, row 3: ends within quotes; is it cut short?');
  });
});

async function drained(read: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of read) continue;
}

describe('an answer that is no list', () => {
  const status =
    (code: number, headers: Record<string, string> = {}, body = 'a@example.org\n'): Misbehaviour =>
    ({ response }) => {
      response.writeHead(code, { 'content-length': body.length, ...headers }).end(body);
    };
  test.each<[string, Misbehaviour, string]>([
    ['404', status(404), 'SOURCE list: status 404, expected 200'],
    ['206', status(206), 'SOURCE list: status 206, expected 200'],
    ['204', status(204, {}, ''), 'SOURCE list: status 204, expected 200'],
    ['500', status(500), 'SOURCE list: status 500, expected 200'],
    ['a page to log in at', status(200, { 'content-type': 'text/html; charset=utf-8' }), 'content-type text/html'],
    [
      'compressed, unasked',
      status(200, { 'content-encoding': 'gzip' }),
      'content-encoding gzip, which was not asked for',
    ],
    ['nothing', status(200, {}, ''), 'SOURCE list gave no address'],
  ])('%s', async (_, misbehaviour, words) => {
    answers(misbehaviour);
    expect(await refusalFrom(http('a@example.org\n'))).toContain(words);
  });

  test.each([301, 302, 307, 308])(
    'a redirection (%i) is not followed, and the token goes nowhere else',
    async (code) => {
      const token = path.join(folder(), 'token');
      writeFileSync(token, 'secret-token\n', { mode: 0o600 });
      answers(({ path: asked, response }) => {
        if (asked !== 'users') return false;
        response.writeHead(code, { location: `${endpoint.url}elsewhere`, 'content-length': 0 }).end();
        return true;
      });
      files.set('elsewhere', Buffer.from('evil@example.org\n'));
      const found = await refusalFrom(http('', { token_file: token }));
      expect(found).toMatch(/^SOURCE list: redirected \(30\d\) to https:.*elsewhere; name the URL itself$/);
      expect(endpoint.asked.map(({ path: asked, headers }) => [asked, headers.authorization])).toEqual([
        ['users', 'Bearer secret-token'],
      ]);
    },
  );

  test('one that is larger than any list', async () => {
    const source = { name: 'list', format: 'text', ...http('a@example.org\n'.repeat(1000)) } as unknown as HttpSource;
    const read = httpSource(source, { idle: 5000, total: 10_000, bytes: 5000 }).read(new Date());
    await expect(drained(read)).rejects.toThrow('list: more than 5000 bytes');
  });

  test('a server whose certificate is of another authority, and one that is gone', async () => {
    const found = await refusalFrom(http('', { url: `${stranger.url}users` }));
    expect(found).toMatch(/^SOURCE list: TLS: /);
    expect(stranger.asked).toEqual([]);
    expect(await refusalFrom(http('', { url: 'https://127.0.0.1:1/users' }))).toMatch(
      /^SOURCE list: NETWORK: .*ECONNREFUSED/,
    );
  });
});

describe('a configuration that would give something away', () => {
  test.each([
    'http://localhost/users',
    'https://u:secret@localhost/users',
    'https://localhost/users#x',
    'localhost',
    'file:///etc/x',
  ])('%s', async (url) => {
    const found = await refusalFrom({ type: 'http', url });
    expect(found).toMatch(/^CONFIG list: url must be an https URL/);
    expect(found).not.toContain('secret');
  });

  test('a token that others can read, that is empty, of two lines, or none', async () => {
    const token = path.join(folder(), 'token');
    writeFileSync(token, 'secret\n', { mode: 0o644 });
    const refused = async () => await refusalFrom(http('a@example.org\n', { token_file: token }));
    expect(await refused()).toMatch(/^CONFIG token_file .*can be read or written by others \(mode 644\): chmod 0600/);
    chmodSync(token, 0o600);
    for (const [content, words] of [
      ['', 'is empty'],
      ['\n', 'is empty'],
      ['a\nb\n', 'more than one line'],
      ['two words', 'does not hold one bearer token'],
    ] as const) {
      writeFileSync(token, content);
      expect(await refused()).toContain(words);
    }
    expect(endpoint.asked).toEqual([]);
  });

  test('a ca_file that holds no certificate', async () => {
    const file = path.join(folder(), 'ca.pem');
    writeFileSync(file, 'nothing\n');
    expect(await refusalFrom(http('', { ca_file: file }))).toMatch(/^CONFIG ca_file .*holds no certificate/);
  });
});
