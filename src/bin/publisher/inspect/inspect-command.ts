/**
 * `relaymap-publish inspect`: verifies a published bundle with the gateway's own code, and checks whether strangers
 * may read it.
 */
import '../../seed-hashes.ts';
import { DEFAULT_LIMITS } from '../../../gateway/config.ts';
import { readAccess } from '../../../gateway/keys/credentials.ts';
import { directorySource, findBundles } from '../../../gateway/fetch/directory-source.ts';
import { inspect } from '../../../gateway/fetch/inspect.ts';
import { urlClient, urlSource, type Source } from '../../../gateway/fetch/source.ts';
import { startingRing } from '../../../gateway/keys/trusted-keys.ts';
import { exitStatus, HostError, StepError } from '../../../errors.ts';
import type { Access } from '../../../io/http.ts';
import { log } from '../../../io/log.ts';
import { openStore } from '../../../publisher/repository/open-store.ts';
import { accessOf, isS3, locationOf, urlOf } from '../../../publisher/repository/s3/location.ts';
import type { Store } from '../../../publisher/repository/store.ts';
import { s3Of } from '../s3/open-bucket.ts';
import type { S3Options } from '../s3/options.ts';
import { bucketSource } from './inspect-bucket.ts';
import { printable } from '../../../io/printable.ts';

export interface InspectOptions extends S3Options {
  readonly keys?: string;
  readonly tokenFile?: string;
  readonly clientCert?: string;
  readonly clientKey?: string;
}

const LIMITS = { idle: DEFAULT_LIMITS.idle_timeout, total: DEFAULT_LIMITS.total_timeout };
const clock = (): number => performance.now();

export async function inspectCommand(place: string, options: InspectOptions, now: Date): Promise<number> {
  const { keys, caFile: ca_file, tokenFile: token_file, clientCert: client_cert, clientKey: client_key } = options;
  if ((client_cert === undefined) !== (client_key === undefined)) {
    throw new HostError('CONFIG', '--client-cert and --client-key go together');
  }
  const access = readAccess({ ca_file, token_file, client_cert, client_key });
  const ring = keys === undefined ? null : startingRing({ keys, threshold: 1, ring: 0 });
  const bucket = isS3(place) ? openBucket(place, options) : null;
  const url = bucket === null ? baseUrl(place) : bucket.url;
  const sources =
    bucket !== null
      ? [bucketSource(bucket.store)]
      : url === null
        ? findBundles(place).map(({ folder }) => directorySource(folder))
        : [overHttps(url, access)];
  let status = 0;
  for (const source of sources) {
    try {
      for (const origin of source.origins) {
        const show = (manifest: string) => process.stdout.write(`${manifest.split('\n').map(printable).join('\n')}\n`);
        await inspect({ origin, ring, now, show, note: log });
      }
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      log('error', `${error.code}: ${error.message}`);
      status = status === 1 ? 1 : exitStatus(error.code);
    } finally {
      await source.close();
    }
  }
  if (url !== null) await lookAsStranger(url, access);
  return status;
}

function overHttps(url: string, access: Access): Source {
  const client = urlClient(access, LIMITS, process.env);
  return urlSource(
    [url],
    () => client,
    LIMITS,
    clock,
    () => client.close(),
    null,
  );
}

/** A bucket, and the URL at which strangers would ask for it; null if that is of this host alone. */
function openBucket(place: string, options: InspectOptions): { readonly store: Store; readonly url: string | null } {
  const s3 = s3Of(options);
  const location = locationOf(place);
  const { prefix } = location;
  const below = urlOf(accessOf(s3, process.env), location, prefix === '' ? '' : `${prefix}/`);
  const url = new URL(`${below.href.replace(/\/*$/, '')}/`);
  return { store: openStore(place, s3), url: url.protocol === 'https:' ? url.href : null };
}

/** An HTTPS base URL, ending with a slash; null for a directory. @throws HostError CONFIG for other URLs. */
function baseUrl(place: string): string | null {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(place)) return null;
  const url = URL.canParse(place) ? new URL(place) : null;
  if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '') {
    throw new HostError('CONFIG', `${place} is neither a directory nor an https URL without a password`);
  }
  return url.href.replace(/manifest\.json$/, '').replace(/\/*$/, '/');
}

/** The list is confidential: a request without credentials must not get it. */
async function lookAsStranger(url: string, { ca }: Access): Promise<void> {
  const source = overHttps(url, ca === undefined ? {} : { ca });
  try {
    for (const origin of source.origins) await origin.manifest(null);
    log(
      'warning',
      'an anonymous request may read it: every address of the site. Ask for a token or a client certificate',
    );
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    // If the server is down, this says nothing about it.
    if (error.code === 'HTTP_STATUS' || error.code === 'TLS') {
      log('notice', `an anonymous request gets nothing (${error.code}: ${error.message})`);
    }
  } finally {
    await source.close();
  }
}
