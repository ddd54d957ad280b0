/**
 * How a store wants its conditions, found out on a scratch key before the first write (docs/commands.md section 3.1):
 * it must honour `If-None-Match: *` and refuse a wrong `If-Match`, also the ETag of what was replaced; a right one it
 * takes with the ETag's quotes, or without them (Ceph radosgw).
 */
import { HostError } from '../../../errors.ts';
import type { Answer, S3Client } from './client.ts';

export type Conditions = 'quoted' | 'bare' | 'ignored';

const bare = (etag: string): string => etag.replace(/^W\//, '').replaceAll('"', '');

/** The header that makes a write depend on this content. */
export const ifMatch = (etag: string, conditions: Conditions): Record<string, string> =>
  conditions === 'ignored' ? {} : { 'if-match': conditions === 'quoted' ? `"${bare(etag)}"` : bare(etag) };

export const IF_ABSENT = { 'if-none-match': '*' };

/** Of an ETag that no object has. */
const WRONG = '00000000000000000000000000000000';

const isRefused = ({ status, code }: Answer): boolean => status === 412 || code === 'PreconditionFailed';

/** Some stores say of a condition that they do not know it, in place of ignoring it. */
const isUnknown = ({ status, code }: Answer): boolean => status === 501 || code === 'NotImplemented';

/** What the probe has found. */
export interface Probed {
  readonly conditions: Conditions;
  /** The bucket keeps versions of its objects: Ceph radosgw ignores conditions there. */
  readonly isVersioned: boolean;
}

/**
 * @param keyOf a scratch key that nobody else writes. It is gone afterwards. A lost answer, or a copy of this host
 *   that has the same key, can look like a store that ignores conditions: so it is asked twice before that is said.
 * @param isSingle it may ignore them.
 * @returns what the store needs; `ignored` if it writes whatever the conditions say, or does not know them.
 * @throws PublishError OUTPUT if a request fails otherwise
 */
export async function probe(client: S3Client, keyOf: (salt: string) => string, isSingle: boolean): Promise<Probed> {
  const [first, salt] = await probeAt(client, keyOf(''));
  return first.conditions !== 'ignored' || isSingle ? first : (await probeAt(client, keyOf(salt)))[0];
}

/** @returns also something that the store has said to this client alone. */
async function probeAt(client: S3Client, key: string): Promise<readonly [Probed, string]> {
  let isVersioned = false;
  const put = async (text: string, headers: Record<string, string>): Promise<Answer> => {
    const request = { method: 'PUT' as const, key, headers, body: Buffer.from(text) };
    const answer = await client.send(request);
    isVersioned ||= answer.header('x-amz-version-id') !== undefined;
    if (answer.status >= 300 && !isRefused(answer) && !isUnknown(answer)) throw client.refusal(request, answer);
    return answer;
  };
  const remove = async () => {
    const request = { method: 'DELETE' as const, key };
    const answer = await client.send(request);
    if (answer.status >= 300 && answer.status !== 404) throw client.refusal(request, answer);
    return answer.header('x-amz-request-id') ?? '';
  };
  const conditions = async (): Promise<Conditions> => {
    if (isUnknown(await put('relaymap 1\n', IF_ABSENT))) return 'ignored';
    if (!isRefused(await put('relaymap 2\n', IF_ABSENT))) return 'ignored';
    for (const form of [`"${WRONG}"`, WRONG])
      if (!isRefused(await put('relaymap 3\n', { 'if-match': form }))) return 'ignored';
    for (const form of ['quoted', 'bare'] as const) {
      const etag = (await client.send({ method: 'HEAD', key })).header('etag') ?? '';
      if (etag === '') continue;
      const answer = await put(`relaymap ${form}\n`, ifMatch(etag, form));
      if (isRefused(answer) || isUnknown(answer)) continue;
      // A store may know only that something is there, or keep one ETag for all that it ever held.
      return isRefused(await put('relaymap after\n', ifMatch(etag, form))) ? form : 'ignored';
    }
    return 'ignored';
  };
  const salt = await remove();
  try {
    return [{ conditions: await conditions(), isVersioned }, `${process.pid} ${salt}`];
  } finally {
    await remove();
  }
}

/** @throws HostError CONFIG for a store that several publishers cannot share, unless there is only one of them */
export function requireConditions({ conditions, isVersioned }: Probed, label: string, isSingle: boolean): void {
  if (conditions !== 'ignored' || isSingle) return;
  const why = isVersioned ? 'It keeps versions of its objects, and some stores (Ceph) ignore conditions there. ' : '';
  throw new HostError(
    'CONFIG',
    `the store of ${label} ignores If-Match or If-None-Match, or does not know them, so two publishers could put out two lists of one version. ` +
      `Nothing is written. ${why}If this one will always be the only publisher: single_publisher = true in [s3]`,
  );
}
