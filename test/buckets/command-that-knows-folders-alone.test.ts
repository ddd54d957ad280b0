// Covers src/bin/publisher/inspect/inspect-bucket.ts, src/bin/publisher/s3/open-bucket.ts
// Covers src/bin/publisher/s3/options.ts
// Every command of the central side that works with a folder of published files works with a bucket, or says why not.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { makeKey } from '../../src/publisher/keys/signing-key.ts';
import { people } from '../publisher/desk.ts';
import { BIN_FOLDER } from '../support/bin-folder.ts';
import { authority, certificate } from '../support/endpoint.ts';
import { whenFinished, type Finished } from '../support/finished.ts';
import { fleetLog } from '../support/fleet-log.ts';
import { Gateway } from '../support/gateway.ts';
import { Proxy } from '../support/proxy.ts';
import { nginx } from '../support/web-server.ts';
import { credentialsFile, openToAll } from './support/bucket.ts';
import { BucketDesk } from './support/bucket-desk.ts';
import { FaultProxy } from './support/fault-proxy.ts';
import { S3Client } from './support/s3-client.ts';

type Environment = Record<string, string>;

/** Runs the built command without the AWS variables of whoever runs the tests. */
async function run(args: readonly string[], env: Environment = {}, program = 'relaymap-publish.js'): Promise<Finished> {
  const command = path.join(BIN_FOLDER, program);
  const child = spawn(process.execPath, [command, ...args], {
    env: { PATH: process.env['PATH'] ?? '', NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return await whenFinished(child);
}

async function runs(args: readonly string[], env: Environment = {}): Promise<string> {
  const done = await run(args, env);
  expect(done.status, done.stdout + done.stderr).toBe(0);
  return done.stdout;
}

async function published(): Promise<{ desk: BucketDesk; config: string }> {
  const desk = await BucketDesk.open();
  desk.list(people(60));
  const config = desk.configFile();
  expect(await runs(['publish', '--config', config])).toMatch(/published version 1/);
  return { desk, config };
}

test('publish, explain and health', async () => {
  const { desk, config } = await published();
  expect(await runs(['publish', '--config', config])).toMatch(/unchanged, version 1/);
  desk.list(people(61));
  expect(await runs(['publish', '--dry-run', '--config', config])).toMatch(/1 would come, 0 would go/);
  expect(await runs(['explain', 'user60@example.org', '--config', config])).toMatch(/version 1 does not have it yet/);
  expect(await runs(['health', '--config', config])).toMatch(/OK/);
  const proxy = await FaultProxy.start({ store: desk.bucket.store });
  onTestFinished(() => proxy.stop());
  const { endpoint } = desk;
  desk.endpoint = proxy.url;
  proxy.cut();
  const away = await run(['health', '--config', desk.configFile()]);
  expect([away.status, away.stdout]).toEqual([
    1,
    expect.stringMatching(/WARNING - .* cannot be looked at: OUTPUT: bucket/),
  ]);
  desk.endpoint = endpoint;
  desk.configFile();
  await desk.put('manifest.json', Buffer.from('{}'));
  const bad = await run(['health', '--config', config]);
  expect([bad.status, bad.stdout]).toEqual([2, expect.stringMatching(/manifest\.json is damaged/)]);
});

test('fleet asks the bucket what is out; where it does not answer, the logs tell', async () => {
  const { desk, config } = await published();
  writeFileSync(desk.at('access.log'), fleetLog(Math.floor(Date.now() / 1000)));
  const fleet = () => run(['fleet', '--log', desk.at('access.log'), '--config', config]);
  const there = await fleet();
  expect([there.status, there.stderr]).toEqual([0, '']);
  const proxy = await FaultProxy.start({ store: desk.bucket.store });
  onTestFinished(() => proxy.stop());
  desk.endpoint = proxy.url;
  desk.configFile();
  proxy.cut();
  const away = await fleet();
  expect([away.status, away.stdout.split('\n')[0]]).toEqual([0, there.stdout.split('\n')[0]]);
  expect(away.stderr).toMatch(/^warning: what is published is not known, and taken from the logs: bucket/);
});

test('serve says that it hands out folders', async () => {
  const { desk } = await published();
  const { key, cert } = certificate('good');
  writeFileSync(desk.at('tls.pem'), cert);
  writeFileSync(desk.at('tls.key'), key, { mode: 0o600 });
  desk.toml.rest = `[serve]\nlisten = "127.0.0.1:0"\ncert = "${desk.at('tls.pem')}"\nkey = "${desk.at('tls.key')}"\npublic = true`;
  const done = await run(['serve', '--config', desk.configFile()]);
  expect([done.status, done.stderr]).toEqual([
    2,
    expect.stringMatching(/CONFIG: serve hands out folders, and output is s3:/),
  ]);
});

test('inspect reads a bucket as its owner, and says whether strangers can', async () => {
  const { desk } = await published();
  const proxy = await FaultProxy.start({ store: desk.bucket.store, identity: certificate('good') });
  onTestFinished(() => proxy.stop());
  writeFileSync(desk.at('ca.pem'), authority().cert);
  const file = credentialsFile(desk.dir, desk.bucket.store);
  const where = ['--endpoint', proxy.url, '--region', 'us-east-1', '--ca-file', desk.at('ca.pem')];
  const asked = ['inspect', desk.output, '--keys', desk.at('keys'), ...where, '--credentials-file', file];
  const closed = await run(asked);
  expect([closed.status, closed.stdout], closed.stderr).toEqual([0, expect.stringMatching(/"version": 1/)]);
  expect(closed.stderr).toMatch(/an anonymous request gets nothing/);
  await openToAll(desk.bucket);
  expect((await run(asked)).stderr).toMatch(/an anonymous request may read it/);
  const [table = ''] = await desk.keys('recipients');
  await desk.put(table, Buffer.from('x'));
  const bad = await run(asked);
  expect([bad.status, bad.stderr]).toEqual([1, expect.stringMatching(/LENGTH_MISMATCH/)]);
});

const VERSIONS = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
const LOCK =
  '<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>' +
  '<Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>';

test.each([
  ['that keeps versions', 'versioning', VERSIONS, {}],
  ['whose objects are locked', 'object-lock', LOCK, { 'x-amz-bucket-object-lock-enabled': 'true' }],
] as [string, string, string, Environment][])(
  'a bucket %s is for one publisher alone at radosgw',
  async (_, what, setting, headers) => {
    const store = inject('store');
    const client = new S3Client(store);
    const name = `relaymap-${what}`;
    expect((await client.send('PUT', name, { headers })).status).toBe(200);
    const set = await client.send('PUT', `${name}?${what}=`, { body: Buffer.from(setting) });
    expect(set.status, set.body.toString()).toBe(200);
    const desk = await BucketDesk.open({ name, store, client });
    desk.list(people(60));
    const refused = await run(['publish', '--config', desk.configFile()]);
    expect([refused.status, refused.stderr]).toEqual([
      2,
      expect.stringMatching(/CONFIG: .*ignores If-Match.* It keeps versions of its objects.*single_publisher = true/),
    ]);
    expect(await desk.keys()).toEqual([]);
    desk.toml.s3 = 'single_publisher = true';
    const config = desk.configFile();
    for (const version of [1, 2, 3]) {
      desk.list(people(60 + version));
      expect(await runs(['publish', '--config', config])).toMatch(`published version ${version}`);
      expect(await desk.rows()).toHaveLength(60 + version);
    }
    expect(await desk.keys('probe')).toEqual([]);
    expect(await runs(['publish', '--config', config])).toMatch(/unchanged, version 3/);
  },
);

test('the bucket stands before the host name where that is asked for', async () => {
  const store = inject('store');
  const bucket = { name: 'elsewhere', store, client: new S3Client(store) };
  await bucket.client.makeBucket(bucket.name);
  const proxy = await FaultProxy.start({ store, identity: certificate('for another name') }); // elsewhere.localhost
  const onward = await Proxy.start((host) => host.endsWith('localhost'));
  onTestFinished(async () => {
    await onward.stop();
    await proxy.stop();
  });
  const desk = await BucketDesk.open(bucket);
  writeFileSync(desk.at('ca.pem'), authority().cert);
  desk.endpoint = `https://localhost:${new URL(proxy.url).port}`;
  desk.toml.s3 = `addressing_style = "virtual"\nca_file = "${desk.at('ca.pem')}"`;
  desk.list(people(60));
  const env = { https_proxy: `http://127.0.0.1:${onward.port}` };
  expect(await runs(['publish', '--config', desk.configFile()], env)).toMatch(/published version 1/);
  expect(await desk.rows()).toHaveLength(60);
  const asked = ['inspect', desk.output, '--endpoint', desk.endpoint, '--ca-file', desk.at('ca.pem')];
  const credentials = ['--credentials-file', credentialsFile(desk.dir, store)];
  const done = await run([...asked, ...credentials, '--addressing-style', 'virtual'], env);
  expect([done.status, done.stdout]).toEqual([0, expect.stringMatching(/"version": 1/)]);
  expect(done.stderr).toMatch(/an anonymous request gets nothing/);
  expect(new Set(onward.asked.map(({ target }) => target.split(':')[0]))).toEqual(new Set(['elsewhere.localhost']));
});

test('credentials come from the environment, and from the instance only where that is asked for', async () => {
  const { desk } = await published();
  const { accessKey, secretKey } = desk.bucket.store;
  const asked = ['inspect', desk.output, '--endpoint', desk.endpoint];
  const env = { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey };
  expect(await runs(asked, env)).toMatch(/"version": 1/);
  const metadata: string[] = [];
  const server = createServer((request, response) => {
    metadata.push(`${request.method} ${request.url} ${String(request.headers['x-aws-ec2-metadata-token'])}`);
    const given: Record<string, string> = {
      '/latest/api/token': 'the-token',
      '/latest/meta-data/iam/security-credentials/': 'publisher\n',
      '/latest/meta-data/iam/security-credentials/publisher': JSON.stringify({
        Code: 'Success',
        AccessKeyId: accessKey,
        SecretAccessKey: secretKey,
      }),
    };
    const found = given[request.url ?? ''];
    response.writeHead(found === undefined ? 404 : 200).end(found);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  const at = { AWS_EC2_METADATA_SERVICE_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  const unasked = await run(asked, at);
  expect([unasked.status, unasked.stderr]).toEqual([
    2,
    expect.stringMatching(/CONFIG: no credentials for the object store/),
  ]);
  expect(metadata).toEqual([]);
  expect(await runs([...asked, '--instance-metadata'], at)).toMatch(/"version": 1/);
  expect(metadata).toEqual([
    'PUT /latest/api/token undefined',
    'GET /latest/meta-data/iam/security-credentials/ the-token',
    'GET /latest/meta-data/iam/security-credentials/publisher the-token',
  ]);
});

test('new keys are put out in a bucket, and a step is never replaced', async () => {
  const { desk } = await published();
  const gateway = desk.at('gateway');
  mkdirSync(path.join(gateway, 'root'), { recursive: true });
  makeKey(desk.at('keys'), 'next', Buffer.alloc(32, 9));
  copyFileSync(desk.at('keys', 'site.pub'), path.join(gateway, 'site.pub'));
  await runs(['keyring', 'init', '--out', desk.at('roots')]);
  for (const i of [1, 2, 3])
    copyFileSync(desk.at('roots', `root-${i}.pub`), path.join(gateway, 'root', `root-${i}.pub`));
  const step = desk.at('step.json');
  const change = ['--add', desk.at('keys', 'next.pub'), '--remove', desk.at('keys', 'site.pub')];
  const file = credentialsFile(desk.dir, desk.bucket.store);
  const place = ['--published', desk.output, '--endpoint', desk.endpoint, '--credentials-file', file];
  const propose = ['keyring', 'propose', '--keys', gateway, '--out', step, ...change];
  const alone = await run([...propose, '--published', desk.output], {}, 'relaymap-sign.cjs');
  expect([alone.status, alone.stderr]).toEqual([2, expect.stringMatching(/CONFIG: .* this program has no network/)]);
  expect(existsSync(step)).toBe(false);
  expect(await runs([...propose, ...place])).toMatch(/step 1 of the key ring of "example-org"/);
  const { payload } = JSON.parse(readFileSync(step, 'utf8')) as { payload: string };
  const digest = createHash('sha256').update(Buffer.from(payload, 'base64')).digest('hex');
  for (const i of [1, 2]) await runs(['sign', step, '--key', desk.at('roots', `root-${i}.key`), '--yes', digest]);
  expect(await runs(['keyring', 'rehearse', step, ...place])).toMatch(/reaches step 1/);
  desk.toml.top = `keys = ["${desk.at('keys', 'site.key')}", "${desk.at('keys', 'next.key')}"]\nthreshold = 1`;
  expect(await runs(['keyring', 'publish', step, '--config', desk.configFile()])).toMatch(
    /step 1 is out[\s\S]*names it/,
  );
  expect(await desk.keys('keyring')).toEqual(['keyring/1.json']);
  expect(await desk.manifest()).toMatchObject({ keyring: 1 });
  const before = await desk.object('keyring/1.json');
  const late = await run(['keyring', 'rehearse', step, ...place]);
  expect([late.status, late.stderr]).toEqual([2, expect.stringMatching(/it is step 1, the next one is step 2/)]);
  const again = await run(['keyring', 'publish', step, '--config', desk.configFile()]);
  expect([again.status, again.stderr]).toEqual([2, expect.stringMatching(/KEY: it is step 1, the next one is step 2/)]);
  expect((await desk.object('keyring/1.json'))?.equals(before ?? Buffer.alloc(0))).toBe(true);
});

test('a gateway takes the list from nginx in front of the bucket, and its deltas', async () => {
  const { desk, config } = await published();
  const { name, store } = desk.bucket;
  await openToAll(desk.bucket);
  const server = await nginx(`proxy_cache_path @dir/cache keys_zone=lists:1m;
server {
  listen 127.0.0.1:@port ssl;
  ssl_certificate @cert;
  ssl_certificate_key @key;
  location / {
    proxy_pass ${store.url}/${name}/lists/example-org/;
    proxy_cache lists;
    proxy_cache_revalidate on;
    add_header X-Cache $upstream_cache_status;
  }
}`);
  const gateway = new Gateway();
  onTestFinished(() => gateway.remove());
  const key = { publicPem: readFileSync(desk.at('keys', 'site.pub'), 'utf8') } as never;
  gateway.configure([{ name: 'example-org', urls: [server.url], keys: [key] }]);
  const first = await gateway.fetch();
  expect(first.bundle, first.stderr).toMatchObject({ outcome: 'installed', version: 1, rows: 60 });
  expect((await gateway.fetch()).bundle).toMatchObject({ outcome: 'unchanged', version: 1 });
  desk.list(people(4000));
  await runs(['publish', '--config', config]);
  desk.list(people(4001));
  await runs(['publish', '--config', config]);
  // The cache may still have the manifest of before, for ten seconds.
  await expect.poll(async () => (await gateway.fetch()).bundle.version, { timeout: 60_000, interval: 1000 }).toBe(3);
  expect(gateway.text().trim().split('\n')).toHaveLength(4001);
});
