/** Opens the bucket that a command without a configuration names. */
import path from 'node:path';
import { openStore } from '../../../publisher/repository/open-store.ts';
import { checkedS3, NO_S3, type S3Config } from '../../../publisher/repository/s3/location.ts';
import type { Store } from '../../../publisher/repository/store.ts';
import type { S3Options } from './options.ts';

/** @throws HostError CONFIG */
export function s3Of(options: S3Options): S3Config {
  const { endpoint, region, addressingStyle, credentialsFile, caFile, instanceMetadata = false } = options;
  return checkedS3({
    ...NO_S3,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(addressingStyle === undefined ? {} : { addressing_style: addressingStyle }),
    ...(credentialsFile === undefined ? {} : { credentials_file: path.resolve(credentialsFile) }),
    ...(caFile === undefined ? {} : { ca_file: path.resolve(caFile) }),
    instance_metadata: instanceMetadata,
  });
}

/** @throws HostError CONFIG */
export const openBucket = (place: string, options: S3Options): Store => openStore(place, s3Of(options));
