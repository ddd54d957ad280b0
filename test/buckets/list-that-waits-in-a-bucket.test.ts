// What goes another way than a plain publish goes into a bucket too: next hops, a list that is signed elsewhere, one
// that a second host cosigns, and one that is published on change.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makeKey } from '../../src/publisher/keys/signing-key.ts';
import { HOUR, later, people, START } from '../publisher/desk.ts';
import { BIN_FOLDER } from '../support/bin-folder.ts';
import { authority } from '../support/endpoint.ts';
import { whenFinished, type Finished } from '../support/finished.ts';
import { nginx } from '../support/web-server.ts';
import { credentialsFile, openToAll, s3Tables } from './support/bucket.ts';
import { BucketDesk } from './support/bucket-desk.ts';

const COMMAND = path.join(BIN_FOLDER, 'relaymap-publish.js');

const run = (...args: string[]): Promise<Finished> =>
  whenFinished(spawn(process.execPath, [COMMAND, ...args], { stdio: ['ignore', 'pipe', 'pipe'] }));

async function runs(...args: string[]): Promise<string> {
  const done = await run(...args);
  expect(done.status, done.stdout + done.stderr).toBe(0);
  return done.stdout;
}

test('next hops lie beside the recipients, with deltas of their own', async () => {
  const desk = await BucketDesk.open();
  const hops = (count: number) =>
    writeFileSync(
      desk.at('hops'),
      Array.from(
        { length: count },
        (_, i) => `d${i}-${(i * 7919) % 9973}.example.org [mx${i % 7}.example.net]:2525\n`,
      ).join(''),
    );
  hops(300);
  desk.toml.rest = `[[source]]\ntype = "file"\nname = "hops"\ntable = "transport"\npath = "${desk.at('hops')}"`;
  await desk.publishes(people(5), START);
  expect(await desk.keys('transport')).toHaveLength(1);
  hops(301);
  expect(await desk.publish(later(HOUR))).toMatchObject({ outcome: 'published', version: 2 });
  expect(await desk.keys('transport')).toHaveLength(3);
  expect(await desk.publish(later(HOUR))).toMatchObject({ outcome: 'unchanged', version: 2 });
});

test('a candidate that is signed elsewhere is released into the bucket', async () => {
  const desk = await BucketDesk.open();
  desk.list(people(30));
  desk.toml.top = `keys = [{ public = "${desk.at('keys', 'site.pub')}" }]`;
  const config = desk.configFile();
  expect(await runs('publish', '--unsigned', desk.at('candidate'), '--config', config)).toMatch(/waits to be signed/);
  expect(await desk.keys('manifest')).toEqual([]);
  const early = await run('release', desk.at('candidate'), '--config', config);
  expect([early.status, early.stderr]).toEqual([1, expect.stringMatching(/UNSIGNED/)]);
  expect(await desk.keys('manifest')).toEqual([]);
  const manifest = JSON.parse(readFileSync(desk.at('candidate', 'manifest.json'), 'utf8')) as { payload: string };
  const digest = createHash('sha256').update(Buffer.from(manifest.payload, 'base64')).digest('hex');
  await runs('sign', desk.at('candidate'), '--key', desk.at('keys', 'site.key'), '--yes', digest);
  expect(await runs('release', desk.at('candidate'), '--config', config)).toMatch(/published version 1/);
  expect(await desk.rows()).toHaveLength(30);
  desk.list(people(32));
  await runs('publish', '--unsigned', desk.at('next'), '--config', config);
  const base = ['--base', desk.output, '--endpoint', desk.endpoint];
  const credentials = ['--credentials-file', credentialsFile(desk.dir, desk.bucket.store)];
  const key = ['--key', desk.at('keys', 'site.key'), '--yes', '0'.repeat(64)];
  const compared = await run('sign', desk.at('next'), ...base, ...credentials, ...key);
  expect([compared.status, compared.stdout]).toEqual([
    1,
    expect.stringMatching(/against version 1: 2 rows come, 0 rows go/),
  ]);
});

test('a second host pulls the candidate from the web server before the bucket, and it goes out', async () => {
  const desk = await BucketDesk.open();
  await openToAll(desk.bucket);
  const server = await nginx(`server {
  listen 127.0.0.1:@port ssl;
  ssl_certificate @cert;
  ssl_certificate_key @key;
  location / { proxy_pass ${desk.bucket.store.url}/${desk.bucket.name}/; }
}`);
  writeFileSync(desk.at('ca.pem'), authority().cert);
  makeKey(desk.at('second'), 'second', Buffer.alloc(32, 8));
  const output = `s3://${desk.bucket.name}/second`;
  const url = `${server.url}second/`;
  const ca = `ca_file = "${desk.at('ca.pem')}"`;
  desk.toml.top = `threshold = 2\ncosigners = [{ url = "${url}", public = "${desk.at('second', 'second.pub')}", ${ca} }]`;
  desk.list(people(30));
  const config = desk.configFile();
  const second = desk.at('second', 'cosign.toml');
  writeFileSync(
    second,
    `name = "example-org"
output = "${output}"
state_dir = "${desk.at('second', 'state')}"
keys = ["${desk.at('second', 'second.key')}"]
candidate = { url = "${server.url}lists/example-org/candidate/", ${ca} }
${s3Tables(credentialsFile(desk.dir, desk.bucket.store), desk.endpoint)}
[[source]]
type = "file"
path = "${desk.at('list')}"
[policy]
postmaster = false
`,
  );
  const waits = await run('publish', '--config', config);
  expect([waits.status, waits.stderr]).toEqual([1, expect.stringMatching(/UNSIGNED: version 1 has 1 of 2 signatures/)]);
  expect(await desk.keys('candidate')).toEqual(['candidate/manifest.json']);
  expect(await desk.keys('manifest')).toEqual([]);
  writeFileSync(desk.at('its-list'), people(29));
  const its = readFileSync(second, 'utf8');
  writeFileSync(second, its.replace(desk.at('list'), desk.at('its-list')));
  expect(await run('cosign', '--once', '--config', second)).toMatchObject({ status: 1 });
  const told = await run('publish', '--config', config);
  expect(told.stderr).toMatch(/UNSIGNED: version 1 has 1 of 2 signatures: .* refuses it: .*1 row/);
  writeFileSync(second, its);
  expect((await run('cosign', '--once', '--config', second)).stderr).toMatch(/signed version 1/);
  expect(await runs('publish', '--config', config)).toMatch(/published version 1/);
  expect(await desk.keys('candidate')).toEqual([]);
  expect(await desk.rows()).toHaveLength(30);
  const signed = await desk.bucket.client.keys(desk.bucket.name, 'second/');
  expect(signed.filter((name) => /^second\/[0-9a-f]{64}\.json$/.test(name))).toHaveLength(1);
});

test('watch publishes on change', async () => {
  const desk = await BucketDesk.open();
  desk.list(people(10));
  const child = spawn(process.execPath, [COMMAND, 'watch', '--config', desk.configFile()], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = whenFinished(child);
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  const version = async () => ((await desk.object('manifest.json')) === null ? 0 : (await desk.manifest()).version);
  await expect.poll(version, { timeout: 60_000 }).toBe(1);
  desk.list(people(11));
  await expect.poll(version, { timeout: 60_000 }).toBe(2);
  expect(await desk.rows()).toHaveLength(11);
  child.kill('SIGTERM');
  expect(await ended).toMatchObject({ status: 0 });
});
