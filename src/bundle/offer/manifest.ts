/**
 * The manifest (docs/bundle-format.md section 3): the signed payload's bytes become values, or BAD_MANIFEST, or
 * UNSUPPORTED_FORMAT. Pure.
 */
import * as z from 'zod/mini';
import { ManifestError } from '../../errors.ts';
import { time } from './manifest-time.ts';
import { NAME } from './name.ts';

const DAY = 86_400_000;
const MAX_DELTAS = 64;

const count = () => z.int({ error: 'is not a whole number' }).check(z.gte(0, { error: 'is negative' }));
const sha256 = () =>
  z.string({ error: 'is not text' }).check(z.regex(/^[0-9a-f]{64}$/, { error: 'is not 64 lower-case hex digits' }));
/**
 * What a body may have at most: a gzip member of this text, and not a few bytes of it among megabytes of empty
 * blocks.
 */
export const mostWireBytes = (bytes: number): number => bytes + Math.floor(bytes / 1000) + 1024;

const Delta = z.object({ from: sha256(), bytes: count(), sha256: sha256(), wireBytes: count() });

const Table = z.object({
  rows: count(),
  bytes: count(),
  sha256: sha256(),
  encoding: z.literal('gzip'),
  wireBytes: count(),
  deltas: z._default(
    z.array(Delta).check(z.maxLength(MAX_DELTAS, { error: `has more than ${MAX_DELTAS} entries` })),
    [],
  ),
});

const Payload = z.object({
  format: z.literal(1),
  name: z.string({ error: 'is not text' }).check(z.regex(NAME, { error: 'is not a bundle name' })),
  version: z.int({ error: 'is not a whole number up to 2^53-1' }).check(z.gte(1, { error: 'is below 1' })),
  created: time(),
  expires: time(),
  keyring: z._default(count(), 0),
  shrinkApproved: z.optional(z.object({ until: time(), rows: count(), domains: count() })),
  tables: z.object({ recipients: Table }),
});

export type Manifest = Readonly<z.infer<typeof Payload>>;
export type TableEntry = Manifest['tables']['recipients'];
export type DeltaEntry = TableEntry['deltas'][number];

/** `YYYY-MM-DDTHH:MM:SSZ`, the only form of a time in a manifest. */
export const isoTime = (date: Date): string => date.toISOString().replace(/\.\d{3}Z$/, 'Z');

/**
 * @param payload the bytes whose signatures were found good.
 * @throws ManifestError
 */
export function parseManifest(payload: Uint8Array): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload));
  } catch (error) {
    throw new ManifestError('BAD_MANIFEST', `the payload of ${payload.length} bytes is not UTF-8 JSON`, error);
  }
  refuseUnknown(json);
  const result = z.safeParse(Payload, json);
  if (!result.success) {
    const [issue] = result.error.issues;
    const rule = issue?.message === 'Invalid input' ? 'is missing or of the wrong kind' : issue?.message;
    throw new ManifestError('BAD_MANIFEST', `${issue?.path.join('.') || 'the payload'} ${rule}`);
  }
  const m = result.data;
  const bad = (message: string) => new ManifestError('BAD_MANIFEST', message);
  if (m.expires <= m.created) throw bad(`expires ${isoTime(m.expires)} is not after created ${isoTime(m.created)}`);
  if (m.expires.getTime() > m.created.getTime() + 90 * DAY) {
    throw bad(`expires ${isoTime(m.expires)} is more than 90 days after created ${isoTime(m.created)}`);
  }
  if (m.shrinkApproved !== undefined && m.shrinkApproved.until.getTime() > m.created.getTime() + 7 * DAY) {
    throw bad(`shrinkApproved.until ${isoTime(m.shrinkApproved.until)} is more than 7 days after created`);
  }
  const { recipients } = m.tables;
  if (recipients.wireBytes > mostWireBytes(recipients.bytes)) {
    throw bad(
      `tables.recipients.wireBytes ${recipients.wireBytes} is more than ${mostWireBytes(recipients.bytes)}, ` +
        `the most for ${recipients.bytes} bytes`,
    );
  }
  return {
    ...m,
    tables: { recipients: { ...recipients, deltas: recipients.deltas.filter((d) => saves(d, recipients)) } },
  };
}

/** A delta with a body over its bound, or no smaller than the table's, is ignored: the manifest is good without it. */
const saves = (delta: z.infer<typeof Delta>, table: { readonly wireBytes: number }): boolean =>
  delta.wireBytes <= mostWireBytes(delta.bytes) && delta.wireBytes < table.wireBytes;

/** A later format or an unknown encoding is told apart from a broken manifest before any other rule is applied. */
function refuseUnknown(json: unknown): void {
  const at = (value: unknown, key: string): unknown => (value as Record<string, unknown> | null | undefined)?.[key];
  const format = at(json, 'format');
  if (Number.isInteger(format) && format !== 1) {
    throw new ManifestError('UNSUPPORTED_FORMAT', `format ${String(format)}; this relaymap knows format 1`);
  }
  const encoding = at(at(at(json, 'tables'), 'recipients'), 'encoding');
  if (format === 1 && typeof encoding === 'string' && encoding !== 'gzip') {
    throw new ManifestError('UNSUPPORTED_FORMAT', `encoding "${encoding.slice(0, 40)}"; this relaymap knows gzip`);
  }
}
