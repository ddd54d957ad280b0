/**
 * Which bucket an `output` or an argument names, and how it is asked (docs/commands.md section 3.1, `[s3]`). Reads
 * nothing.
 */
import * as z from 'zod/mini';
import { HostError } from '../../../errors.ts';
import { flag, text } from '../../../io/config-file.ts';
import { absolute } from '../../source-config.ts';

export const S3Config = z.strictObject({
  endpoint: z.optional(
    text().check(
      z.refine(isEndpoint, { error: 'must be like "https://s3.example.net", http: only of this host (127.0.0.1)' }),
    ),
  ),
  region: z.optional(
    text().check(z.refine((value) => /^[a-z0-9-]{1,64}$/.test(value), { error: 'must be like "eu-central-1"' })),
  ),
  /** Whether the bucket is in the path of a URL, or before the endpoint's host name. */
  addressing_style: z._default(z.enum(['path', 'virtual'], { error: 'must be "path" or "virtual"' }), 'path'),
  credentials_file: z.optional(absolute()),
  /** Credentials of the instance, from the metadata service of its cloud. */
  instance_metadata: z._default(flag(), false),
  ca_file: z.optional(absolute()),
  single_publisher: z._default(flag(), false),
});
export type S3Config = z.infer<typeof S3Config>;
export const NO_S3: S3Config = { addressing_style: 'path', instance_metadata: false, single_publisher: false };

export interface Location {
  readonly bucket: string;
  /** Without a slash at its ends; empty for the whole bucket. */
  readonly prefix: string;
}

export interface Access {
  /** Ends in a slash. */
  readonly endpoint: URL;
  readonly region: string;
  readonly style: S3Config['addressing_style'];
}

type Environment = Readonly<Record<string, string | undefined>>;

const LOOPBACK = /^(127(\.[0-9]{1,3}){3}|\[::1\]|localhost)$/;

/** The list is confidential, so it never crosses a network in the open. */
function isEndpoint(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, username, password, search, hash, hostname } = new URL(value);
  if (username !== '' || password !== '' || search !== '' || hash !== '') return false;
  return protocol === 'https:' || (protocol === 'http:' && LOOPBACK.test(hostname));
}

export const isS3 = (place: string): boolean => /^s3:\/\//i.test(place);

/** `s3://bucket/prefix`; null if it is not that. */
export function parseLocation(place: string): Location | null {
  const [, bucket = '', rest = ''] = /^s3:\/\/([^/]*)\/*(.*?)\/*$/i.exec(place) ?? [];
  if (!/^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/i.test(bucket) || bucket.includes('..')) return null;
  const segments = rest === '' ? [] : rest.split('/');
  const isPlain = segments.every((each) => /^[A-Za-z0-9._~-]+$/.test(each) && each !== '.' && each !== '..');
  return isPlain && rest.length <= 512 ? { bucket, prefix: rest } : null;
}

/** @throws HostError CONFIG */
export function locationOf(place: string): Location {
  const found = parseLocation(place);
  if (found !== null) return found;
  const form = 's3://BUCKET or s3://BUCKET/PREFIX, the prefix of letters, digits, ".", "_", "~", "-" and "/"';
  throw new HostError('CONFIG', `${place} is not of the form ${form}`);
}

/** Settings that were given as options. @throws HostError CONFIG */
export function checkedS3(given: Readonly<Record<string, unknown>>): S3Config {
  const { success, data, error } = z.safeParse(S3Config, given);
  if (success) return data;
  const [issue] = error.issues;
  throw new HostError('CONFIG', `--${(issue?.path.join('.') ?? '').replaceAll('_', '-')} ${issue?.message ?? ''}`);
}

/** @throws HostError CONFIG if nothing says where Amazon's bucket is */
export function accessOf(
  { endpoint, region, addressing_style: style = 'path' }: Pick<S3Config, 'endpoint' | 'region'> & Partial<S3Config>,
  env: Environment,
): Access {
  const named = region ?? env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'];
  if (endpoint !== undefined)
    return { endpoint: new URL(`${endpoint.replace(/\/+$/, '')}/`), region: named ?? 'us-east-1', style };
  if (named === undefined || !/^[a-z0-9-]{1,64}$/.test(named))
    throw new HostError(
      'CONFIG',
      'neither the region of an Amazon bucket is named nor the endpoint of another store: region or endpoint in [s3], ' +
        'or the options --region and --endpoint',
    );
  const domain = named.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  return { endpoint: new URL(`https://s3.${named}.${domain}/`), region: named, style };
}

/**
 * @param key below the bucket; empty for the bucket itself.
 * @throws HostError CONFIG for a bucket that no host name can have
 */
export function urlOf({ endpoint, style }: Access, { bucket }: Location, key: string): URL {
  if (style === 'path') return new URL(`${bucket}${key === '' ? '' : `/${key}`}`, endpoint);
  const { protocol, hostname, host } = endpoint;
  // A certificate for *.HOST holds for one label more.
  const isLabel = /^[a-z0-9-]+$/.test(bucket) || (protocol === 'http:' && /^[a-z0-9.-]+$/.test(bucket));
  if (!isLabel || /^(\[|[0-9.]+$)/.test(hostname))
    throw new HostError(
      'CONFIG',
      `s3.addressing_style = "virtual" cannot name the bucket ${bucket} at ${host}: the bucket has to be one label of ` +
        'lower-case letters, digits and "-", and the endpoint a host name',
    );
  return new URL(key, `${protocol}//${bucket}.${host}${endpoint.pathname}`);
}
