// What a store, or whoever answers in its place, says beside the truth: another clock, another region, another place,
// an answer without an end. Nothing is followed, nothing hangs, and the message says what a person has to mend.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { publishedSteps } from '../../src/publisher/keys/key-folder.ts';
import { openStore } from '../../src/publisher/repository/open-store.ts';
import { NO_S3 } from '../../src/publisher/repository/s3/location.ts';
import type { Store } from '../../src/publisher/repository/store.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

async function server(handler: Handler): Promise<string> {
  const made = createServer((request, response) => {
    if (handler(request, response) instanceof Promise) return;
    request.resume();
  });
  await once(made.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    made.closeAllConnections();
    made.close();
  });
  return `http://127.0.0.1:${(made.address() as AddressInfo).port}`;
}

const KEYS = { AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret/of+odd=characters' };

async function store(handler: Handler, env: Record<string, string | undefined> = KEYS): Promise<Store> {
  const s3 = { ...NO_S3, endpoint: await server(handler), region: 'us-east-1' };
  const opened = openStore('s3://lists/example-org', s3, {
    env,
    timing: { idle: 60_000, total: 60_000, pauses: [1, 1, 1] },
  });
  onTestFinished(() => opened.close());
  return opened;
}

const xml = (code: string, message: string, more = ''): string =>
  `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message>${more}</Error>`;

const message = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: unknown) => (error as Error).message,
  );

test('the clock of this host is wrong: the message has both times', async () => {
  const later = new Date(Date.now() + 40 * 60_000);
  const handler: Handler = (request, response) =>
    response
      .writeHead(403, { date: later.toUTCString() })
      .end(request.method === 'HEAD' ? undefined : xml('RequestTimeTooSkewed', 'The difference is too large.'));
  const said = await message((await store(handler)).get('manifest.json'));
  expect(said).toMatch(/^bucket lists, key example-org\/manifest\.json at 127.*GET: status 403, RequestTimeTooSkewed/);
  expect(said).toMatch(/the clock of this host is (39|40) min behind that of the store \(20/);
  expect(said).not.toMatch(/ListBucket/);
  expect(await message((await store(handler)).look('manifest.json'))).toMatch(/(39|40) min behind/);
});

test('the bucket is in another region', async () => {
  const moved = await store((_, response) =>
    response
      .writeHead(301, { 'x-amz-bucket-region': 'eu-west-1' })
      .end(xml('PermanentRedirect', 'use the specified endpoint')),
  );
  expect(await message(moved.get('manifest.json'))).toMatch(/the bucket's region is eu-west-1, \[s3\] says us-east-1/);
  const malformed = await store((_, response) =>
    response.writeHead(400).end(xml('AuthorizationHeaderMalformed', 'wrong region', '<Region>eu-west-1</Region>')),
  );
  expect(await message(malformed.get('manifest.json'))).toMatch(/the bucket's region is eu-west-1/);
});

test('a redirect is not followed, with the credentials or without', async () => {
  let asked = 0;
  const elsewhere = await server((_, response) => {
    asked++;
    response.end('{}');
  });
  const sent = await store((_, response) => response.writeHead(307, { location: `${elsewhere}/x` }).end());
  expect(await message(sent.get('manifest.json'))).toMatch(/status 307, redirected to http:.*name that endpoint/);
  expect(asked).toBe(0);
});

test('AccessDenied of what may not be there says which right is missing', async () => {
  const denied = await store((request, response) =>
    response.writeHead(403).end(request.method === 'HEAD' ? undefined : xml('AccessDenied', 'Access Denied')),
  );
  for (const work of [denied.get('manifest.json'), denied.look('manifest.json')])
    expect(await message(work)).toMatch(/without s3:ListBucket a store says so also of what is not there/);
  const wrong = await store((_, response) => response.writeHead(403).end(xml('SignatureDoesNotMatch', 'no')));
  expect(await message(wrong.get('manifest.json'))).not.toMatch(/ListBucket/);
});

test('a store that asks to come later is asked again, and named at the end', async () => {
  let asked = 0;
  const busy = await store((_, response) => {
    if (++asked < 4) response.writeHead(503).end(xml('SlowDown', 'Please reduce your request rate.'));
    else response.writeHead(200, { etag: '"1"' }).end('x');
  });
  expect((await busy.get('manifest.json'))?.bytes).toHaveLength(1);
  asked = -100;
  expect(await message(busy.get('manifest.json'))).toMatch(/status 503, SlowDown: Please reduce/);
});

test('a document without an end is not read to its end', async () => {
  const endless = await store((_, response) => {
    const more = () => void (response.destroyed || response.write(Buffer.alloc(65_536), () => setImmediate(more)));
    response.writeHead(200, { etag: '"1"' });
    more();
  });
  expect(await message(endless.get('manifest.json'))).toMatch(/TOO_LARGE: .* more than 1048576 bytes/);
});

test('a document that drips is given up', async () => {
  const s3 = {
    ...NO_S3,
    endpoint: await server((_, response) => {
      response.writeHead(200, { etag: '"1"' });
      const drip = setInterval(() => response.write('x'), 20);
      response.once('close', () => clearInterval(drip));
    }),
  };
  const dripping = openStore('s3://lists', s3, { env: KEYS, timing: { idle: 60_000, total: 500, pauses: [] } });
  onTestFinished(() => dripping.close());
  expect(await message(dripping.get('manifest.json'))).toMatch(/TIMEOUT: .*not done within 0\.5 s/);
});

test('a blob is sent with its MD5, which a bucket with Object Lock demands', async () => {
  const sent: Record<string, unknown>[] = [];
  const there = new Map<string, Buffer>();
  const locked = await store(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const { method = '', url = '', headers } = request;
    if (method === 'PUT') sent.push(headers);
    const old = there.get(url);
    const etag = (bytes: Buffer) => `"${createHash('md5').update(bytes).digest('hex')}"`;
    const match = headers['if-match'];
    const isRefused = match === undefined ? old !== undefined : old === undefined || etag(old) !== match;
    if (method === 'DELETE') there.delete(url);
    else if (method === 'PUT' && headers['content-md5'] === undefined)
      return response.writeHead(400).end(xml('InvalidRequest', 'Content-MD5 HTTP header is required'));
    else if (method === 'PUT' && isRefused) return response.writeHead(412).end(xml('PreconditionFailed', ''));
    else if (method === 'PUT') there.set(url, body);
    const now = there.get(url);
    return response.writeHead(method === 'DELETE' ? 204 : 200, now === undefined ? {} : { etag: etag(now) }).end();
  });
  expect(await locked.create('recipients/a.gz', Buffer.from('a'))).toBe(true);
  expect(sent.at(-1)).toMatchObject({ 'content-md5': createHash('md5').update('a').digest('base64') });
});

test('a listing of beginnings alone takes no time', async () => {
  const body = `<ListBucketResult>${'<Contents>'.repeat(400_000)}</ListBucketResult>`;
  const listed = await store((_, response) => response.end(body));
  expect(await message(listed.list('recipients'))).toMatch(/list of recipients\/ cannot be read/);
});

describe('a store that does not know conditions says so in place of ignoring them', () => {
  const there = new Map<string, Buffer>();
  const handler: Handler = async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url = '', headers } = request;
    if (headers['if-none-match'] !== undefined || headers['if-match'] !== undefined)
      return response.writeHead(501).end(xml('NotImplemented', 'A header you provided is not implemented.'));
    if (method === 'PUT') there.set(url, Buffer.concat(chunks));
    if (method === 'DELETE') there.delete(url);
    const now = there.get(url);
    if (now === undefined) return response.writeHead(method === 'DELETE' ? 204 : 404).end();
    if (method === 'PUT') return response.writeHead(200, { etag: '"1"' }).end();
    return response.writeHead(200, { etag: '"1"', 'content-length': now.length }).end(method === 'GET' ? now : '');
  };

  test('it is refused, and nothing is written', async () => {
    there.clear();
    expect(await message((await store(handler)).create('manifest.json', Buffer.from('{}')))).toMatch(
      /s3:\/\/lists\/example-org ignores If-Match or If-None-Match, or does not know them.*single_publisher = true/,
    );
    expect([...there]).toEqual([]);
  });

  test('one publisher alone may use it', async () => {
    there.clear();
    const s3 = { ...NO_S3, endpoint: await server(handler), single_publisher: true };
    const single = openStore('s3://lists', s3, { env: KEYS });
    onTestFinished(() => single.close());
    expect(await single.create('manifest.json', Buffer.from('{}'))).toBe(true);
    expect([...there.keys()]).toEqual(['/lists/manifest.json']);
  });
});

test('a store that has a key ring step of every number has none', async () => {
  const endless = await store((_, response) => response.writeHead(200, { etag: '"1"' }).end('{}'));
  expect(await message(publishedSteps(endless))).toMatch(/gives more than 1000 key ring steps/);
});

test('a listing that never ends is given up', async () => {
  let part = 0;
  const listed = await store((_, response) =>
    response.end(
      `<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>${part++}</NextContinuationToken></ListBucketResult>`,
    ),
  );
  expect(await message(listed.list('recipients'))).toMatch(/does not end after 1000 parts/);
});

describe('credentials of a container', () => {
  const given = JSON.stringify({ AccessKeyId: 'AKIACONTAINER', SecretAccessKey: 'x', Token: 'its-token' });
  const asking = async (env: Record<string, string>, asks: boolean) => {
    const seen: string[] = [];
    const s3 = {
      ...NO_S3,
      endpoint: await server((request, response) => {
        seen.push(`${request.headers.authorization?.slice(0, 60)} ${String(request.headers['x-amz-security-token'])}`);
        response.writeHead(404).end();
      }),
      instance_metadata: asks,
    };
    const opened = openStore('s3://lists', s3, { env });
    onTestFinished(() => opened.close());
    return { said: await message(opened.get('manifest.json')), seen };
  };

  test('are asked for where the configuration says so, with their token', async () => {
    const tokens: unknown[] = [];
    const at = await server((request, response) => {
      tokens.push(request.headers.authorization);
      response.end(given);
    });
    const env = { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${at}/v1`, AWS_CONTAINER_AUTHORIZATION_TOKEN: 'who I am' };
    expect((await asking(env, false)).said).toMatch(/no credentials for the object store/);
    expect(tokens).toEqual([]);
    const { said, seen } = await asking(env, true);
    expect(said).toBe('no error');
    expect(tokens).toEqual(['who I am']);
    expect(seen).toEqual([expect.stringMatching(/Credential=AKIACONTAINER.* its-token$/)]);
  });

  test.each<[Record<string, string>, RegExp]>([
    [{ AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://192.0.2.1/v1' }, /FULL_URI is neither https: nor of this host/],
    [{ AWS_CONTAINER_CREDENTIALS_FULL_URI: 'file:///etc/passwd' }, /FULL_URI is neither https: nor of this host/],
    [{ AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '//192.0.2.1/v1' }, /RELATIVE_URI is no path/],
    [{ AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: 'v1' }, /RELATIVE_URI is no path/],
    [
      { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v1', AWS_CONTAINER_AUTHORIZATION_TOKEN: 'a\r\nb: c' },
      /TOKEN holds what no header can have/,
    ],
  ])('are not asked of another host, nor with more than a token: %o', async (env, words) => {
    expect((await asking(env, true)).said).toMatch(words);
  });

  test('are not there: the message says who gave none', async () => {
    const at = await server((_, response) => response.writeHead(500).end());
    const env = { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${at}/v1` };
    expect((await asking(env, true)).said).toMatch(/what gives this container its credentials, at 127.*status 500/);
  });
});

test('credentials that hold for some hours send their token, and are read anew in a long run', async () => {
  const seen: string[] = [];
  const env: Record<string, string | undefined> = { ...KEYS, AWS_SESSION_TOKEN: 'first' };
  let time = Date.now();
  const asked = await store((request, response) => {
    const { authorization = '' } = request.headers;
    expect(authorization).toMatch(/SignedHeaders=[^,]*x-amz-security-token/);
    seen.push(String(request.headers['x-amz-security-token']));
    response.writeHead(404, { date: new Date(time).toUTCString() }).end(xml('NoSuchKey', ''));
  }, env);
  for (const next of ['first', 'second', 'second', 'third']) {
    env['AWS_SESSION_TOKEN'] = next;
    expect(await asked.get('manifest.json')).toBeNull();
    time += 40_000;
  }
  delete env['AWS_SECRET_ACCESS_KEY']; // as if the file were being replaced: those of before go on
  time += 120_000;
  for (let i = 0; i < 2; i++) expect(await asked.get('manifest.json')).toBeNull();
  expect(seen).toEqual(['first', 'first', 'first', 'third', 'third', 'third']);
});
