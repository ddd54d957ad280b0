// Covers src/publisher/repository/s3, src/publisher/repository/open-store.ts, src/publisher/repository/deletion.ts
// A list in a bucket: what works in a folder works there, and what the store refuses, has already, or answers too
// late never makes two lists of one version.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { later, HOUR, DAY, people, START } from '../publisher/desk.ts';
import { BucketDesk } from './support/bucket-desk.ts';
import { FaultProxy, type Fault, type StoreRequest } from './support/fault-proxy.ts';
import { startS3rver } from './support/s3rver.ts';
import { S3Client } from './support/s3-client.ts';

test('a list, a delta, a renewal, and nothing where nothing is due', async () => {
  const desk = await BucketDesk.open();
  expect(await desk.publishes(people(300), START)).toMatchObject({ outcome: 'published', version: 1 });
  const first = (await desk.manifest()).tables.recipients.sha256;
  expect(await desk.publish(later(HOUR))).toMatchObject({ outcome: 'unchanged', version: 1 });
  expect(await desk.publishes(people(310), later(2 * HOUR))).toMatchObject({ version: 2, deltas: 1 });
  const { sha256 } = (await desk.manifest()).tables.recipients;
  const blobs = [`recipients/${first}-${sha256}.delta.gz`, `recipients/${first}.gz`, `recipients/${sha256}.gz`];
  expect(await desk.keys()).toEqual(['manifest.json', ...blobs].sort());
  expect(await desk.rows()).toHaveLength(310);
  expect(await desk.publish(later(4 * DAY))).toMatchObject({ outcome: 'renewed', version: 3 });
  const dry = await desk.publish(later(4 * DAY), { dryRun: true });
  expect(dry).toMatchObject({ outcome: 'dry-run', difference: { added: 0, removed: 0 } });
});

test('caches are told how long each file holds', async () => {
  const desk = await BucketDesk.open();
  await desk.publishes(people(3), START);
  const [manifest = '', table = ''] = await desk.keys();
  const headers = async (name: string) => {
    const { headers } = await desk.bucket.client.send('GET', `${desk.bucket.name}/${desk.key(name)}`);
    return [headers.get('cache-control'), headers.get('content-type'), headers.get('content-encoding')];
  };
  expect(await headers(manifest)).toEqual(['max-age=10', 'application/json', null]);
  expect(await headers(table)).toEqual(['max-age=31536000, immutable', 'application/gzip', null]);
});

/** A desk behind a proxy that does this to requests that fit, so often. */
async function faulty(fits: (request: StoreRequest) => boolean, faults: Fault[]) {
  const desk = await BucketDesk.open();
  const proxy = await FaultProxy.start({ store: desk.bucket.store });
  onTestFinished(() => proxy.stop());
  await desk.publishes(people(20), START);
  desk.endpoint = proxy.url;
  proxy.plan = (request) => (fits(request) ? (faults.shift() ?? null) : null);
  return { desk, proxy };
}

const ofManifest = ({ method, key }: StoreRequest) => method === 'PUT' && key.endsWith('manifest.json');
const ofBlobs = ({ method, key }: StoreRequest) => method === 'PUT' && key.includes('/recipients/');

test.each<[string, Fault]>([
  ['the answer is lost', { kind: 'reset-after' }],
  ['the request is lost', { kind: 'reset-before' }],
  ['the store says that it failed, and did it', { kind: 'status', status: 500, done: true }],
  ['the store is busy', { kind: 'status', status: 503, done: false }],
  ['two conditional writes met', { kind: 'status', status: 409, done: false }],
  ['the store says that it refused, and did it', { kind: 'lie-refused' }],
  ['the store says that it did, and did not', { kind: 'lie-accepted' }],
  ['the answer is cut short', { kind: 'cut' }],
])('a manifest goes out once where %s', async (_, fault) => {
  const { desk, proxy } = await faulty(ofManifest, [fault]);
  expect(await desk.publishes(people(30), later(HOUR))).toMatchObject({ outcome: 'published', version: 2 });
  expect(proxy.injected.size).toBe(1);
  expect(await desk.manifest()).toMatchObject({ version: 2 });
  expect(await desk.rows()).toHaveLength(30);
  expect(await desk.publish(later(HOUR))).toMatchObject({ outcome: 'unchanged', version: 2 });
});

test.each<[string, Fault]>([
  ['the answer is lost', { kind: 'reset-after' }],
  ['the store says that it failed, and did it', { kind: 'status', status: 500, done: true }],
])('a blob is whole where %s', async (_, fault) => {
  const { desk } = await faulty(ofBlobs, [fault]);
  await desk.publishes(people(30), later(HOUR));
  expect(await desk.rows()).toHaveLength(30);
});

test('a version whose fate is not known is never used again', async () => {
  const lost = Array.from({ length: 4 }, (): Fault => ({ kind: 'status', status: 503, done: false }));
  const { desk } = await faulty(ofManifest, lost);
  desk.list(people(30));
  expect(await desk.refusal(later(HOUR))).toMatchObject({
    code: 'OUTPUT',
    message: expect.stringMatching(
      /^bucket relaymap-\w+, key lists\/example-org\/manifest\.json at .*: PUT: status 503/,
    ) as string,
  });
  expect(await desk.manifest()).toMatchObject({ version: 1 });
  expect(await desk.publish(later(HOUR))).toMatchObject({ outcome: 'published', version: 3 });
  expect(await desk.manifest()).toMatchObject({ version: 3 });
});

test('another publisher that was faster: all is read again, and the same list is not put out twice', async () => {
  const desk = await BucketDesk.open();
  const other = await BucketDesk.open(desk.bucket);
  const proxy = await FaultProxy.start({ store: desk.bucket.store });
  onTestFinished(() => proxy.stop());
  await desk.publishes(people(20), START);
  await other.publishes(people(20), START, { nextVersion: 2 });
  await desk.publish(START);
  desk.list(people(25));
  other.list(people(25));
  desk.endpoint = proxy.url;
  let raced = null as Promise<unknown> | null;
  // While its manifest is on the way the other one puts out the same list.
  proxy.plan = (request) => {
    if (!ofManifest(request) || raced !== null) return null;
    raced = other.publish(later(HOUR + 1000));
    return { kind: 'wait', until: raced };
  };
  expect(await desk.publish(later(HOUR))).toMatchObject({ outcome: 'unchanged', version: 3 });
  expect(await raced).toMatchObject({ outcome: 'published', version: 3 });
  expect(await desk.rows()).toHaveLength(25);
});

test('a blob that is there already stays if it is sound, and is replaced if it is not', async () => {
  const desk = await BucketDesk.open();
  const scratch = await BucketDesk.open();
  await scratch.publishes(people(40), START);
  const name = (await scratch.keys('recipients')).at(0) ?? '';
  const other = gzipSync(gunzipSync((await scratch.object(name)) ?? ''), { level: 1 });
  await desk.put(name, other);
  await desk.publishes(people(40), START);
  expect((await desk.object(name))?.equals(other)).toBe(true);
  expect((await desk.manifest()).tables.recipients.wireBytes).toBe(other.length);

  const bad = await BucketDesk.open();
  await bad.put(name, randomBytes(500));
  await bad.publishes(people(40), START);
  expect(await bad.rows()).toHaveLength(40);
});

test('a store that ignores conditions is refused before anything is written, unless there is one publisher', async () => {
  const desk = await BucketDesk.open();
  const store = await startS3rver(desk.bucket.name);
  onTestFinished(() => store.stop());
  Object.assign(desk.bucket, { store, client: new S3Client(store) });
  desk.endpoint = store.url;
  desk.list(people(20));
  expect(await desk.refusal(START)).toMatchObject({
    code: 'CONFIG',
    message: expect.stringMatching(/ignores If-Match or If-None-Match.*single_publisher = true/) as string,
  });
  expect(await desk.keys()).toEqual([]);
  desk.toml.s3 = 'single_publisher = true';
  expect(await desk.publish(START)).toMatchObject({ outcome: 'published', version: 1 });
  expect(await desk.publishes(people(30), later(HOUR))).toMatchObject({ outcome: 'published', version: 2 });
  expect(await desk.rows()).toHaveLength(30);
});

test('a bucket that keeps versions from now on, where radosgw ignores conditions, gets no further list', async () => {
  const desk = await BucketDesk.open();
  await desk.publishes(people(20), START);
  const setting = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
  const place = `${desk.bucket.name}?versioning=`;
  expect((await desk.bucket.client.send('PUT', place, { body: Buffer.from(setting) })).status).toBe(200);
  desk.list(people(21));
  expect(await desk.refusal(later(HOUR))).toMatchObject({
    code: 'CONFIG',
    message: expect.stringMatching(/ignores If-Match.*keeps versions of its objects/) as string,
  });
  expect(await desk.manifest()).toMatchObject({ version: 1 });
});

test('a lost state, and an emptied bucket, say how to go on', async () => {
  const desk = await BucketDesk.open();
  await desk.publishes(people(20), START);
  for (const key of await desk.keys()) await desk.remove(key);
  expect(await desk.refusal(later(HOUR))).toMatchObject({
    code: 'STATE',
    message: expect.stringContaining('no manifest.json') as string,
  });
  expect(await desk.publish(later(HOUR), { nextVersion: 7 })).toMatchObject({ outcome: 'published', version: 7 });
  const fresh = await BucketDesk.open(desk.bucket);
  fresh.list(people(20));
  expect(await fresh.refusal(later(HOUR))).toMatchObject({
    code: 'STATE',
    message: expect.stringContaining('is empty') as string,
  });
  expect(await fresh.publish(later(HOUR), { nextVersion: 9 })).toMatchObject({ version: 9 });
  await fresh.put('manifest.json', Buffer.from('{}'));
  expect(await fresh.refusal(later(HOUR))).toMatchObject({
    code: 'STATE',
    message: expect.stringContaining('is damaged') as string,
  });
});

test('what the store says is named, with bucket and key, and no secret', async () => {
  const desk = await BucketDesk.open();
  desk.list(people(5));
  Object.assign(desk.bucket, { store: { ...desk.bucket.store, secretKey: 'another-secret' } });
  const wrong = await desk.refusal(START);
  expect(wrong).toMatchObject({ code: 'OUTPUT', message: expect.stringContaining('SignatureDoesNotMatch') as string });
  expect(String(wrong)).toContain(`bucket ${desk.bucket.name}, key lists/example-org/manifest.json`);
  expect(String(wrong)).not.toContain('another-secret');

  const gone = await BucketDesk.open();
  Object.assign(gone.bucket, { name: 'relaymap-that-is-not-there' });
  gone.list(people(5));
  expect(await gone.refusal(START)).toMatchObject({ message: expect.stringContaining('NoSuchBucket') as string });
});

/** A proxy in which it is so many hours later, by the store's Date. */
async function storeClock(url: string, hours: () => number): Promise<string> {
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const forwarded = httpRequest(new URL(request.url ?? '/', url), {
        method: request.method,
        headers: request.headers,
      });
      forwarded.end(Buffer.concat(chunks));
      const [answer] = (await once(forwarded, 'response')) as [IncomingMessage];
      const date = new Date(Date.parse(answer.headers.date ?? '') + hours() * HOUR).toUTCString();
      response.writeHead(answer.statusCode ?? 500, { ...answer.headers, date });
      answer.pipe(response);
    })();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('deleted is what is 48 hours old by the clock of the store, and what another publisher names is not', async () => {
  const desk = await BucketDesk.open();
  let hours = 0;
  desk.endpoint = await storeClock(desk.bucket.store.url, () => hours);
  await desk.publishes(people(200), START);
  const first = `recipients/${(await desk.manifest()).tables.recipients.sha256}.gz`;
  hours = 1;
  await desk.publishes(people(210), later(HOUR));
  hours = 30; // unnamed for 29 hours, and not old enough
  await desk.publishes(people(220), later(30 * HOUR));
  expect(await desk.keys('recipients')).toContain(first);
  hours = 49;
  await desk.publishes(people(230), later(49 * HOUR));
  expect(await desk.keys('recipients')).not.toContain(first);
  const { sha256, deltas } = (await desk.manifest()).tables.recipients;
  expect(deltas.length).toBeGreaterThan(0);
  for (const { from } of deltas)
    expect(await desk.keys('recipients')).toContain(`recipients/${from}-${sha256}.delta.gz`);
});

test('a blob that another publisher deletes meanwhile is put back', async () => {
  const desk = await BucketDesk.open();
  const proxy = await FaultProxy.start({ store: desk.bucket.store });
  onTestFinished(() => proxy.stop());
  desk.endpoint = proxy.url;
  proxy.plan = (request) => {
    if (!ofManifest(request)) return null;
    const gone = desk.keys('recipients').then((keys) => Promise.all(keys.map((key) => desk.remove(key))));
    return { kind: 'wait', until: gone };
  };
  await desk.publishes(people(50), START);
  expect(await desk.rows()).toHaveLength(50);
});
