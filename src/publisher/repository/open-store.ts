/** The store that a configuration's `output` names: a folder, or a bucket. */
import { hostname } from 'node:os';
import { readAuthority } from '../sources/secret.ts';
import { FolderStore } from './folder-store.ts';
import { S3Client, type Timing } from './s3/client.ts';
import { readCredentials } from './s3/credentials.ts';
import { accessOf, isS3, locationOf, NO_S3, type S3Config } from './s3/location.ts';
import { S3Store } from './s3/s3-store.ts';
import type { Store } from './store.ts';

type Environment = Readonly<Record<string, string | undefined>>;

interface Opening {
  readonly env?: Environment;
  /** Names this publisher among others of the bucket. */
  readonly owner?: string;
  /** How long a bucket is waited for. */
  readonly timing?: Timing | undefined;
}

/**
 * Makes no request yet.
 * @throws HostError CONFIG
 */
export function openStore(
  output: string,
  s3: S3Config = NO_S3,
  { env = process.env, owner = hostname(), timing }: Opening = {},
): Store {
  if (!isS3(output)) return new FolderStore(output);
  const location = locationOf(output);
  const ca = s3.ca_file === undefined ? undefined : readAuthority(s3.ca_file, 's3.ca_file');
  const access = accessOf(s3, env);
  const client = new S3Client(location, access, () => readCredentials(s3, env), { ca, env }, timing);
  return new S3Store(location, client, { isSingle: s3.single_publisher, owner: `${owner} ${access.endpoint.href}` });
}
