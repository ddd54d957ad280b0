/**
 * The options that say how a bucket is asked, of the commands that read no configuration, and the place of published
 * files that such a command names. relaymap-sign knows folders alone: it has no network.
 */
import type { Command } from 'commander';
import { HostError } from '../../../errors.ts';
import { FolderStore } from '../../../publisher/repository/folder-store.ts';
import type { Store } from '../../../publisher/repository/store.ts';

export interface S3Options {
  readonly endpoint?: string;
  readonly region?: string;
  readonly addressingStyle?: string;
  readonly credentialsFile?: string;
  readonly instanceMetadata?: boolean;
  readonly caFile?: string;
}

/** Opens `s3://BUCKET/PREFIX`. @throws HostError CONFIG */
export type OpenBucket = (place: string, options: S3Options) => Promise<Store>;

export const withS3Options = (command: Command): Command =>
  command
    .option('--endpoint <URL>', 'for s3://BUCKET/PREFIX: URL of the object store')
    .option('--region <REGION>', 'for s3://: region')
    .option('--addressing-style <STYLE>', 'for s3://: path or virtual')
    .option('--credentials-file <FILE>', 'for s3://: credentials (default: AWS_ACCESS_KEY_ID etc.)')
    .option('--instance-metadata', 'for s3://: use the credentials of the instance')
    .option('--ca-file <FILE>', 'CA of the server');

/**
 * Published files in a folder or a bucket. The caller closes it.
 * @param open null where there is no network. @throws HostError CONFIG
 */
export async function openPlace(place: string, options: S3Options, open: OpenBucket | null): Promise<Store> {
  if (!/^s3:\/\//i.test(place)) return new FolderStore(place);
  if (open !== null) return await open(place, options);
  throw new HostError('CONFIG', `${place}: this program has no network; copy the published files into a folder`);
}
