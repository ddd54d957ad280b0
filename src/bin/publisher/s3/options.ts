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
    .option('--endpoint <URL>', 'of s3://BUCKET/PREFIX: where the object store is')
    .option('--region <REGION>', 'of s3://: its region')
    .option('--addressing-style <STYLE>', 'of s3://: path or virtual')
    .option('--credentials-file <FILE>', 'of s3://: its credentials, else AWS_ACCESS_KEY_ID and the like')
    .option('--instance-metadata', 'of s3://: credentials of the instance')
    .option('--ca-file <FILE>', 'CA of its server');

/**
 * Published files in a folder or a bucket. The caller closes it.
 * @param open null where there is no network. @throws HostError CONFIG
 */
export async function openPlace(place: string, options: S3Options, open: OpenBucket | null): Promise<Store> {
  if (!/^s3:\/\//i.test(place)) return new FolderStore(place);
  if (open !== null) return await open(place, options);
  throw new HostError('CONFIG', `${place}: this program has no network; copy the published files into a folder`);
}
