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

/** Lets everybody read it, so that a web server before it needs no key. In a test alone: the list is confidential. */
export async function openToAll({ name, client }: Bucket): Promise<void> {
  const policy = {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: '*', Action: ['s3:GetObject'], Resource: [`arn:aws:s3:::${name}/*`] }],
  };
  const { status, body } = await client.send('PUT', `${name}?policy=`, { body: Buffer.from(JSON.stringify(policy)) });
  if (status >= 300) throw new Error(`no policy for ${name}: ${status} ${body.toString()}`);
}

/** The lines of a configuration that name it. @param endpoint of a proxy before the store */
export const s3Tables = (credentials: string, endpoint: string): string =>
  `[s3]\nendpoint = "${endpoint}"\nregion = "us-east-1"\ncredentials_file = "${credentials}"\n`;

/** Writes the file that `credentials_file` names, as AWS' own tools write it. @returns its path */
export function credentialsFile(dir: string, { accessKey, secretKey }: StoreAccess): string {
  const file = path.join(dir, 's3-credentials');
  const text = `[default]\naws_access_key_id = ${accessKey}\naws_secret_access_key = ${secretKey}\n`;
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}
