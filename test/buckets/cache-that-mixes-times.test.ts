// A real gateway behind caches that mix times: an old manifest beside new blobs, a new manifest beside blobs that the
// cache does not have yet, or has as something else. Nothing wrong is installed, the last good list stays, and the next
// cycle after that takes the new one.
import { beforeAll, afterAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { certificate } from '../support/endpoint.ts';
import { Gateway } from '../support/gateway.ts';
import { nginx } from '../support/web-server.ts';
import { credentialsFile, newBucket, openToAll, s3Tables, type Bucket } from './support/bucket.ts';
import { FaultProxy, type Fault } from './support/fault-proxy.ts';
import { reverseProxy } from './support/gateway-poll.ts';
import { outOf } from './support/line.ts';
import { PublisherHost } from './support/publisher-host.ts';

let made: Bucket;
let cache: FaultProxy;
let host: PublisherHost;
let other: PublisherHost;
let gateway: Gateway;

beforeAll(() => {
  [host, other] = [new PublisherHost('a'), new PublisherHost('b')];
});
afterAll(async () => {
  for (const each of [host, other]) await each.remove();
});

beforeEach(async () => {
  made = await newBucket();
  await openToAll(made);
  cache = await FaultProxy.start({ store: made.store, identity: certificate('good') });
  onTestFinished(() => cache.stop());
  const plain = await FaultProxy.start({ store: made.store, earlier: cache.earlier });
  onTestFinished(() => plain.stop());
  const tables = s3Tables(credentialsFile(host.dir, made.store), plain.url);
  const state = host.at(`state-${made.name}`);
  host.configure({ top: `output = "s3://${made.name}/list"`, tables, clock: '+0s', state }, other);
  gateway = new Gateway();
  onTestFinished(() => gateway.remove());
  gateway.configure([{ name: 'example-org', urls: [`${cache.url}/${made.name}/list/`], keys: [host.key, other.key] }]);
  await publish(100);
  expect((await gateway.fetch()).bundle).toMatchObject({ outcome: 'installed', version: 1 });
});

async function publish(rows: number): Promise<void> {
  host.list(Array.from({ length: rows }, (_, i) => `user${i}@example.org`));
  await host.publish();
}

const isManifest = (key: string) => key.endsWith('manifest.json');
const isBlob = (key: string) => key.includes('/recipients/');

/** Fetches with this fault, and without it: what is kept, and that it recovers. */
async function meets(fault: Fault, hits: (key: string) => boolean) {
  const before = gateway.maps();
  cache.plan = ({ key }) => (hits(key) ? fault : null);
  const { bundle } = await gateway.fetch();
  expect(cache.injected.get(fault.kind) ?? 0).toBeGreaterThan(0);
  expect(gateway.maps()).toEqual(before);
  expect(gateway.strays()).toEqual([]);
  cache.plan = () => null;
  return bundle;
}

test('an old manifest beside new blobs, at a gateway that has the new one: kept, and not taken back', async () => {
  await publish(101);
  expect((await gateway.fetch()).bundle).toMatchObject({ outcome: 'installed', version: 2 });
  expect(await meets({ kind: 'stale' }, isManifest)).toMatchObject({ outcome: 'kept', code: 'ROLLBACK', version: 2 });
  await publish(102);
  expect((await gateway.fetch()).bundle).toMatchObject({ outcome: 'installed', version: 3, rows: 102 });
});

test('an old manifest beside new blobs, at a gateway that has the old one: unchanged, then the new one', async () => {
  await publish(101);
  expect(await meets({ kind: 'stale' }, isManifest)).toMatchObject({ outcome: 'unchanged', version: 1 });
  expect((await gateway.fetch()).bundle).toMatchObject({ outcome: 'installed', version: 2, rows: 101 });
});

test('a new manifest, and a cache that says 404 of its blobs: kept, then the new one', async () => {
  await publish(101);
  expect(await meets({ kind: 'forget' }, isBlob)).toMatchObject({ outcome: 'kept', code: 'HTTP_STATUS', version: 1 });
  expect((await gateway.fetch()).bundle).toMatchObject({ outcome: 'installed', version: 2, rows: 101 });
});

test('a new manifest, and a cache that has something else as its blobs: kept, then the new one', async () => {
  await publish(101);
  for (const key of (await made.client.keys(made.name, 'list/recipients/')).filter(isBlob)) {
    const right = await made.client.get(made.name, key);
    cache.remember(`/${made.name}/${key}`, Buffer.from('something else'));
    cache.remember(`/${made.name}/${key}`, right ?? Buffer.alloc(0));
  }
  expect(await meets({ kind: 'stale' }, isBlob)).toMatchObject({ outcome: 'kept', version: 1 });
  expect((await gateway.fetch()).bundle).toMatchObject({ outcome: 'installed', version: 2, rows: 101 });
});

test('a new manifest whose blobs are cut short on the way: kept, then the new one', async () => {
  await publish(101);
  expect(await meets({ kind: 'cut' }, isBlob)).toMatchObject({ outcome: 'kept', version: 1 });
  expect((await gateway.fetch()).bundle).toMatchObject({ outcome: 'installed', version: 2, rows: 101 });
});

test('nginx keeps the manifest for as long as Cache-Control says, and blobs for longer', async () => {
  const zone = 'proxy_cache_path @dir/cache keys_zone=lists:1m;\n';
  const cached = reverseProxy(
    made.store.url,
    `${made.name}/list/`,
    'proxy_cache lists;\nadd_header X-Cache $upstream_cache_status;',
  );
  const web = await nginx(zone + cached);
  gateway.configure([{ name: 'example-org', urls: [web.url], keys: [host.key, other.key] }]);
  expect((await gateway.fetch()).bundle).toMatchObject({ code: null, version: 1 });
  await publish(101);
  let { bundle } = await gateway.fetch();
  expect([1, 2]).toContain(bundle.version); // of the cache, for ten seconds
  const manifest = await made.client.get(made.name, 'list/manifest.json');
  expect(outOf(manifest ?? Buffer.alloc(0)).version).toBe(2);
  while (bundle.version !== 2) {
    expect(bundle.code).toBeNull();
    ({ bundle } = await gateway.fetch());
  }
  expect(bundle.rows).toBe(101);
});
