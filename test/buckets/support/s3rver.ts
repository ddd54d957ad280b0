// s3rver from npm: an object store that ignores `If-Match` and `If-None-Match`, so that publishers have to refuse it.
// Installed once from the registry by test/buckets/setup, beside the trees of Debian; no part of the repository's
// dependencies.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, type Radosgw } from './radosgw.ts';

const cache = path.join(process.env['XDG_CACHE_HOME'] ?? os.tmpdir(), 'relaymap-trees');
const PROGRAM = path.join(cache, 's3rver-3.7.1/node_modules/s3rver/bin/s3rver.js');

/** @param bucket is there from the start */
export async function startS3rver(bucket: string): Promise<Radosgw> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-s3rver-'));
  const port = await freePort();
  const argv = [PROGRAM, '--directory', dir, '--address', '127.0.0.1', '--port', String(port), '--silent'];
  const child = spawn(process.execPath, [...argv, '--configure-bucket', bucket], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const closed = once(child, 'close');
  const stop = async () => {
    child.kill('SIGKILL');
    await closed;
    rmSync(dir, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  while (
    !(await fetch(url).then(
      () => true,
      () => false,
    ))
  ) {
    if (child.exitCode !== null) throw new Error(`s3rver ended: ${said}`);
    await sleep(50);
  }
  return { url, accessKey: 'S3RVER', secretKey: 'S3RVER', stop }; // the only keys that it knows
}
