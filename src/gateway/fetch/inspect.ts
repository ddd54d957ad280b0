/**
 * Looks at a bundle where it is published, with a gateway's own eyes: envelope, signatures, manifest, offer, table,
 * deltas, in the order of a cycle (docs/commands.md sections 2.3 and 3, `inspect`). Keeps nothing.
 */
import { decodeEnvelope, MANIFEST_TYPE } from '../../bundle/trust/envelope.ts';
import { isoTime, nextHopsOf, parseManifest, type Manifest, type TableEntry } from '../../bundle/offer/manifest.ts';
import { judgeOffer } from '../../bundle/offer/offer.ts';
import { verifyManifest, type Ring } from '../../bundle/trust/verify.ts';
import { StepError, VerifyError } from '../../errors.ts';
import { DEFAULT_LIMITS } from '../config.ts';
import type { TableName } from './obtained.ts';
import { deltaText, obtainWhole } from './read-table.ts';
import type { Origin } from './source.ts';
import { number } from '../say/outcome-lines.ts';

export interface InspectContext {
  readonly origin: Origin;
  /** The keys to verify by; null to look without verifying. */
  readonly ring: Ring | null;
  readonly now: Date;
  /** Told the manifest's JSON as soon as it is known to be one. */
  readonly show: (manifest: string) => void;
  readonly note: (level: 'notice' | 'warning', message: string) => void;
}

/** A default gateway's `value`, for the size of its map. */
const VALUE_BYTES = 2;

/** @throws StepError with the first failing code */
export async function inspect(cx: InspectContext): Promise<void> {
  const { origin, ring, now, show, note } = cx;
  const answer = await origin.manifest(null);
  if (answer.is !== 'offered') throw new StepError('INTERNAL', 'a 304 that nobody asked for');
  const { payload, payloadType, signatures } = decodeEnvelope(answer.bytes);
  const manifest = ring === null ? unverified(payload, payloadType) : verified(answer.bytes, ring, now);
  show(JSON.stringify(JSON.parse(Buffer.from(payload).toString()), null, 2));
  for (const { keyid } of signatures) note('notice', `it has a signature by the key ${keyid}${known(ring, keyid)}`);
  if (ring === null) note('warning', 'no signature was verified; to verify them: --keys DIR');
  if (ring !== null && manifest.keyring > ring.step) {
    note('warning', `the manifest names key ring step ${manifest.keyring}, these keys stand for step ${ring.step}`);
  }
  if (ring === null && now >= manifest.expires) note('warning', `it expired ${isoTime(manifest.expires)}`);
  await lookAtTables(cx, manifest);
}

function verified(envelope: Uint8Array, ring: Ring, now: Date): Manifest {
  const v = verifyManifest(envelope, ring);
  const { max_rows: maxRows, max_bytes: maxBytes } = DEFAULT_LIMITS;
  const { name } = v.manifest; // there is no configuration that would expect another one
  const nothing = { floor: null, seen: [], installedCreated: null };
  return judgeOffer(v, { name, ...nothing, now, maxRows, maxBytes, valueBytes: VALUE_BYTES }).manifest;
}

function unverified(payload: Uint8Array, payloadType: string): Manifest {
  if (payloadType === MANIFEST_TYPE) return parseManifest(payload);
  throw new VerifyError('WRONG_TYPE', `payloadType "${payloadType.slice(0, 80)}", expected "${MANIFEST_TYPE}"`);
}

function known(ring: Ring | null, keyid: string): string {
  if (ring === null) return ', not verified';
  return ring.keys.has(keyid) ? ', a trusted key' : ', not among the keys given';
}

async function lookAtTables(cx: InspectContext, manifest: Manifest): Promise<void> {
  await lookAtTable(cx, 'recipients', manifest.tables.recipients);
  const { entry } = nextHopsOf(manifest);
  if (entry !== null) await lookAtTable(cx, 'transport', entry);
}

async function lookAtTable({ origin, note }: InspectContext, table: TableName, entry: TableEntry): Promise<void> {
  const isHops = table === 'transport';
  const body = await origin.blob(`${table}/${entry.sha256}.gz`, entry.wireBytes);
  const questions = { required: [], base: null, ...(isHops ? { allows: () => true } : {}) };
  const { rows, domains } = await obtainWhole(body, entry, { write: () => undefined }, questions);
  note(
    'notice',
    isHops
      ? `the table of next hops is whole: ${number(rows)} rows`
      : `the table is whole: ${number(rows)} rows in ${number(domains.size)} ${domains.size === 1 ? 'domain' : 'domains'}`,
  );
  let sound = 0;
  for (const delta of entry.deltas) {
    const name = `${table}/${delta.from}-${entry.sha256}.delta.gz`;
    try {
      for await (const _ of deltaText(await origin.blob(name, delta.wireBytes), delta)) void _;
      sound++;
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      note('warning', `a delta does not work, gateways take the whole table: ${error.code}: ${error.message}`);
    }
  }
  const of = isHops ? ' of next hops' : '';
  if (entry.deltas.length > 0) note('notice', `${sound} of ${entry.deltas.length} deltas${of} are whole`);
}
