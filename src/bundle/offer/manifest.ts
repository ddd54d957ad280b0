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
  shrinkApproved: z.optional(
    z.object({ until: time(), rows: count(), domains: count(), transport: z.optional(z.unknown()) }),
  ),
  // Of next hops only whoever asks for them looks at the form (format section 8): `nextHopsOf`.
  tables: z.object({ recipients: Table, transport: z.optional(z.unknown()) }),
});

const NextHops = z.object({
  entry: z.optional(Table),
  approved: z.optional(z.object({ rows: count() })),
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
  if (!result.success) throw badMember(result.error.issues, []);
  const m = result.data;
  if (m.expires <= m.created) throw bad(`expires ${isoTime(m.expires)} is not after created ${isoTime(m.created)}`);
  if (m.expires.getTime() > m.created.getTime() + 90 * DAY) {
    throw bad(`expires ${isoTime(m.expires)} is more than 90 days after created ${isoTime(m.created)}`);
  }
  if (m.shrinkApproved !== undefined && m.shrinkApproved.until.getTime() > m.created.getTime() + 7 * DAY) {
    throw bad(`shrinkApproved.until ${isoTime(m.shrinkApproved.until)} is more than 7 days after created`);
  }
  return { ...m, tables: { ...m.tables, recipients: bounded(m.tables.recipients, 'recipients') } };
}

/** What a manifest says of the table of next hops (format section 8). */
export interface NextHopsOffer {
  /** Null where it has none. */
  readonly entry: TableEntry | null;
  /** A table of so many rows or more passes the shrink guard until `shrinkApproved.until`; null without that word. */
  readonly approvedRows: number | null;
}

/** For whoever asks for next hops; for all others nothing of it is looked at. @throws ManifestError */
export function nextHopsOf({ tables, shrinkApproved }: Manifest): NextHopsOffer {
  const { transport } = tables;
  const encoding = at(transport, 'encoding');
  if (typeof encoding === 'string' && encoding !== 'gzip') throw unknownEncoding(encoding);
  const result = z.safeParse(NextHops, { entry: transport, approved: shrinkApproved?.transport });
  if (!result.success) {
    const isEntry = result.error.issues[0]?.path[0] === 'entry';
    throw badMember(result.error.issues, isEntry ? ['tables', 'transport'] : ['shrinkApproved', 'transport']);
  }
  const { entry, approved } = result.data;
  return {
    entry: entry === undefined ? null : bounded(entry, 'transport'),
    approvedRows: approved?.rows ?? null,
  };
}

const bad = (message: string) => new ManifestError('BAD_MANIFEST', message);

type Issues = readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];

/** @param where stands for the first step of each path, where it is given. */
function badMember([issue]: Issues, where: readonly string[]): ManifestError {
  const rule = issue?.message === 'Invalid input' ? 'is missing or of the wrong kind' : issue?.message;
  const member = [...where, ...(issue?.path ?? []).slice(where.length > 0 ? 1 : 0)].map(String);
  return bad(`${member.join('.') || 'the payload'} ${rule}`);
}

/** The entry without the deltas that are ignored. @throws ManifestError for a body over its bound */
function bounded(table: z.infer<typeof Table>, name: string): z.infer<typeof Table> {
  const most = mostWireBytes(table.bytes);
  if (table.wireBytes > most)
    throw bad(`tables.${name}.wireBytes ${table.wireBytes} is more than ${most}, the most for ${table.bytes} bytes`);
  return { ...table, deltas: table.deltas.filter((d) => saves(d, table)) };
}

/** A delta with a body over its bound, or no smaller than the table's, is ignored: the manifest is good without it. */
const saves = (delta: z.infer<typeof Delta>, table: { readonly wireBytes: number }): boolean =>
  delta.wireBytes <= mostWireBytes(delta.bytes) && delta.wireBytes < table.wireBytes;

/** A later format or an unknown encoding is told apart from a broken manifest before any other rule is applied. */
function refuseUnknown(json: unknown): void {
  const format = at(json, 'format');
  if (Number.isInteger(format) && format !== 1) {
    throw new ManifestError('UNSUPPORTED_FORMAT', `format ${String(format)}; this relaymap knows format 1`);
  }
  const encoding = at(at(at(json, 'tables'), 'recipients'), 'encoding');
  if (format === 1 && typeof encoding === 'string' && encoding !== 'gzip') {
    throw unknownEncoding(encoding);
  }
}

const at = (value: unknown, key: string): unknown => (value as Record<string, unknown> | null | undefined)?.[key];

const unknownEncoding = (encoding: string) =>
  new ManifestError('UNSUPPORTED_FORMAT', `encoding "${encoding.slice(0, 40)}"; this relaymap knows gzip`);
