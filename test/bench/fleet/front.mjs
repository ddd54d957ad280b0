// A cache in front of a bucket: Ceph's radosgw holds the published files, nginx answers the gateways from its cache
// and asks the bucket for the rest. Counts what reaches the bucket. Of the store the harness of test/buckets is used.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { Nginx } from './nginx.mjs';

const SUPPORT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../buckets/support');
const BUCKET = 'lists';
/** As docs/commands.md section 3.1 has it. */
const CACHE = { manifest: 'max-age=10', blob: 'max-age=31536000, immutable' };

/** A bucket that is filled as the publisher fills it: blobs first, the manifest last. */
export class Bucket {
  #store;
  #client;
  #put = new Set();

  /** @param folder for the parts that are TypeScript. */
  static async open(folder) {
    const entryPoints = ['radosgw.ts', 's3-client.ts'].map((name) => path.join(SUPPORT, name));
    const options = { bundle: true, platform: 'node', format: 'esm', outExtension: { '.js': '.mjs' } };
    await build({ entryPoints, outdir: folder, logLevel: 'warning', ...options });
    const load = (name) => import(pathToFileURL(path.join(folder, name)).href);
    const [{ startRadosgw }, { S3Client }] = await Promise.all(['radosgw.mjs', 's3-client.mjs'].map(load));
    const bucket = new Bucket();
    bucket.#store = await startRadosgw();
    bucket.#client = new S3Client(bucket.#store);
    await bucket.#client.makeBucket(BUCKET);
    return bucket;
  }

  /** Where the cache finds it. */
  get url() {
    return `${this.#store.url}/${BUCKET}`;
  }

  async fill(folder) {
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.gz'));
    for (const name of names.filter((each) => !this.#put.has(each))) {
      await this.#upload(folder, name, CACHE.blob);
      this.#put.add(name);
    }
    await this.#upload(folder, 'manifest.json', CACHE.manifest);
  }

  /** Readable by the cache without a signature: on this loopback nobody else is there. */
  async #upload(folder, name, cache) {
    const body = readFileSync(path.join(folder, name));
    const headers = { 'cache-control': cache, 'x-amz-acl': 'public-read' };
    const { status, body: said } = await this.#client.send('PUT', `${BUCKET}/${name}`, { body, headers });
    if (status !== 200) throw new Error(`PUT ${name}: ${status} ${said.toString().slice(0, 200)}`);
  }

  stop = () => this.#store.stop();
}

/** nginx that caches what the bucket says may be cached, one question a file at a time, and writes down which. */
export async function cacheBefore(folder, bucket, tls) {
  mkdirSync(folder, { recursive: true });
  const http = `log_format cache '$upstream_cache_status $upstream_bytes_received $uri';
  access_log "${folder}/cache.log" cache buffer=64k flush=1s;
  proxy_cache_path "${folder}/cache" keys_zone=lists:10m max_size=1g inactive=2d use_temp_path=off;`;
  const server = `location / {
      proxy_pass ${bucket.url}/;
      proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_cache lists; proxy_cache_lock on; proxy_cache_revalidate on;
      proxy_cache_use_stale updating;
    }`;
  return await Nginx.open(folder, null, tls, { http, server });
}

/** What the log says, by kind of file: requests in all, and those that reached the bucket with their bytes. */
export function cacheFigures(folder) {
  const figures = {};
  for (const line of readFileSync(path.join(folder, 'cache.log'), 'utf8').split('\n')) {
    const [status, bytes, uri] = line.split(' ');
    if (uri === undefined) continue;
    const kind = uri === '/manifest.json' ? 'manifest' : 'blobs';
    const of = (figures[kind] ??= { asked: 0, atBucket: 0, bucketBytes: 0, by: {} });
    of.asked += 1;
    of.by[status] = (of.by[status] ?? 0) + 1;
    if (bytes === '-') continue;
    of.atBucket += 1;
    of.bucketBytes += Number(bytes);
  }
  return figures;
}
