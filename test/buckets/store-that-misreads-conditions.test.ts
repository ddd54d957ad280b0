// What the two stores of this suite do with conditions, since all else rests on it, and that the proxy before them
// does what its faults say.
import { expect, inject, onTestFinished, test } from 'vitest';
import { newBucket } from './support/bucket.ts';
import { FaultProxy, type Fault } from './support/fault-proxy.ts';
import { S3Client, type StoreAccess } from './support/s3-client.ts';
import { startS3rver } from './support/s3rver.ts';

const bytes = (text: string) => Buffer.from(text);

test('radosgw refuses a wrong condition, and takes an ETag without its quotes alone', async () => {
  const { name, client } = await newBucket();
  const put = async (text: string, headers: Record<string, string>) =>
    await client.send('PUT', `${name}/k`, { body: bytes(text), headers });
  const first = await put('1', { 'if-none-match': '*' });
  expect(first.status).toBe(200);
  const etag = first.headers.get('etag') ?? '';
  expect(etag).toMatch(/^"[0-9a-f]{32}"$/);
  expect((await put('2', { 'if-none-match': '*' })).status).toBe(412);
  expect((await put('2', { 'if-match': etag })).status).toBe(412);
  expect((await put('2', { 'if-match': etag.replaceAll('"', '') })).status).toBe(200);
  expect((await put('3', { 'if-match': etag.replaceAll('"', '') })).status).toBe(412);
  expect((await client.get(name, 'k'))?.toString()).toBe('2');
});

test('of eight writers at once radosgw takes one', async () => {
  const { name, client } = await newBucket();
  const put = (i: number) =>
    client.send('PUT', `${name}/k`, { body: bytes(String(i)), headers: { 'if-none-match': '*' } });
  const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => put(i)));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  expect(answers.filter(({ status }) => status === 412 || status === 409)).toHaveLength(7);
});

test('s3rver writes whatever the condition says', async () => {
  const store = await startS3rver('b');
  onTestFinished(() => store.stop());
  const client = new S3Client(store);
  for (const headers of [{ 'if-none-match': '*' }, { 'if-none-match': '*' }, { 'if-match': '"0"' }]) {
    const { status } = await client.send('PUT', 'b/k', { body: bytes('1'), headers });
    expect(status).toBe(200);
  }
});

/** One request through a proxy with one fault, and what the store then has. */
async function one(fault: Fault, headers: Record<string, string> = {}) {
  const { name, client, store } = await newBucket();
  const proxy = await FaultProxy.start({ store });
  onTestFinished(() => proxy.stop());
  const through = new S3Client({ ...store, url: proxy.url } satisfies StoreAccess);
  await through.put(name, 'k', bytes('1'));
  await through.put(name, 'k', bytes('2'));
  proxy.plan = () => fault;
  const put = await through.send('PUT', `${name}/k`, { body: bytes('3'), headers }).then(
    ({ status }) => status,
    () => 'reset',
  );
  const stored = (await client.get(name, 'k'))?.toString();
  const read = await through.send('GET', `${name}/k`).then(
    ({ status, body }) => (status === 200 ? body.toString() : status),
    () => 'reset',
  );
  return { put, stored, read, injected: [...proxy.injected.keys()] };
}

test.each<[Fault, Record<string, string>, Awaited<ReturnType<typeof one>>]>([
  [{ kind: 'delay', ms: 1 }, {}, { put: 200, stored: '3', read: '3', injected: ['delay'] }],
  [{ kind: 'reset-before' }, {}, { put: 'reset', stored: '2', read: 'reset', injected: ['reset-before'] }],
  [{ kind: 'reset-after' }, {}, { put: 'reset', stored: '3', read: 'reset', injected: ['reset-after'] }],
  [{ kind: 'cut' }, {}, { put: 'reset', stored: '3', read: 'reset', injected: ['cut'] }],
  [{ kind: 'status', status: 503, done: false }, {}, { put: 503, stored: '2', read: 503, injected: ['503'] }],
  [{ kind: 'status', status: 500, done: true }, {}, { put: 500, stored: '3', read: 500, injected: ['500'] }],
  [{ kind: 'stale' }, {}, { put: 200, stored: '3', read: '2', injected: ['stale'] }],
  [{ kind: 'forget' }, {}, { put: 200, stored: '3', read: 404, injected: ['forget'] }],
  [
    { kind: 'lie-unconditional' },
    { 'if-match': '0' },
    { put: 200, stored: '3', read: '3', injected: ['lie-unconditional'] },
  ],
  [{ kind: 'lie-refused' }, {}, { put: 412, stored: '3', read: '3', injected: ['lie-refused'] }],
  [{ kind: 'lie-accepted' }, {}, { put: 200, stored: '2', read: '2', injected: ['lie-accepted'] }],
])('the proxy: %o', async (fault, headers, expected) => {
  expect(await one(fault, headers)).toEqual(expected);
});

test('what the proxy holds back reaches the store after the reset', async () => {
  const { name, client, store } = await newBucket();
  const proxy = await FaultProxy.start({ store, plan: () => ({ kind: 'late', ms: 50 }) });
  const through = new S3Client({ ...store, url: proxy.url });
  await expect(through.put(name, 'k', bytes('1'))).rejects.toThrow();
  await proxy.stop(); // waits for what is late
  expect((await client.get(name, 'k'))?.toString()).toBe('1');
});

test('a proxy that is cut answers nothing until it is healed', async () => {
  const { name, store } = await newBucket();
  const proxy = await FaultProxy.start({ store });
  onTestFinished(() => proxy.stop());
  const through = new S3Client({ ...store, url: proxy.url });
  proxy.cut();
  await expect(through.put(name, 'k', bytes('1'))).rejects.toThrow();
  proxy.heal();
  await through.put(name, 'k', bytes('1'));
  expect(inject('store')).toEqual(store);
});
