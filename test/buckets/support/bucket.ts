// A bucket of the suite's radosgw for one test, and a configuration's part that names it.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { inject } from 'vitest';
import { S3Client, type StoreAccess } from './s3-client.ts';

export interface Bucket {
  readonly name: string;
  readonly store: StoreAccess;
  readonly client: S3Client;
}

/** A new and empty bucket with a name of its own. */
export async function newBucket(): Promise<Bucket> {
  const store = inject('store');
  const client = new S3Client(store);
  const name = `relaymap-${randomBytes(6).toString('hex')}`;
  await client.makeBucket(name);
  return { name, store, client };
}

/** Writes the file that `credentials_file` names, as AWS' own tools write it. @returns its path */
export function credentialsFile(dir: string, { accessKey, secretKey }: StoreAccess): string {
  const file = path.join(dir, 's3-credentials');
  const text = `[default]\naws_access_key_id = ${accessKey}\naws_secret_access_key = ${secretKey}\n`;
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}
