/**
 * What a bundle's state says about the past: floor, payloads seen, baseline of the shrink guard. Floor and digests
 * survive every change of keys (docs/bundle-format.md section 6); what a copy's envelope proves is judged anew
 * under each ring. Decides; reads envelopes through the copies it is given.
 */
import { createHash } from 'node:crypto';
import { verifiedBefore, verifyManifest, type Ring, type VerifiedManifest } from '../../bundle/trust/verify.ts';
import { rememberRows, rowsDayAgo, type RowCount } from '../../bundle/offer/guard.ts';
import { keptCopies, type Copies } from './copies.ts';
import type { GatewayConfig } from '../config.ts';
import {
  bundleState,
  stateCorrupt,
  type BundleState,
  type GatewayState,
  type CopyRef,
  type EnvelopeRef,
} from './state.ts';
import { ringMark } from '../keys/trusted-keys.ts';

/** Every copy, oldest first, the installed one last. */
export const allCopies = (st: BundleState): CopyRef[] => [
  ...st.copies,
  ...(st.installed === null ? [] : [st.installed]),
];

/** The stored envelopes of what was kept as good, as the state names them. */
export const goodEnvelopes = (st: BundleState): EnvelopeRef[] => [
  ...allCopies(st),
  ...(st.waiting === null ? [] : [st.waiting]),
  ...(st.floor === null ? [] : [st.floor]),
];

/** Every stored envelope that the state names. */
export const namedEnvelopes = (st: BundleState): EnvelopeRef[] => [...goodEnvelopes(st), ...st.seen];

/** How many payloads that were not kept are remembered. A refused version each minute fills it in a day and a half. */
const MAX_SEEN = 2048;

/**
 * Brings a bundle's state in line with the ring: on a changed ring the stored envelopes of its copies are verified
 * again. The floor stays, and so does what was seen.
 * @throws StateError STATE_CORRUPT for a named envelope that is missing or damaged.
 */
export function settle(name: string, st: BundleState, copies: Copies, ring: Ring): void {
  const gone = (ref: EnvelopeRef) =>
    stateCorrupt(`${name}: the stored envelope of version ${ref.version} is missing or damaged`);
  // Read once: one that cannot be read the second time would count as distrusted.
  const proofs = new Map<string, Uint8Array>();
  for (const ref of goodEnvelopes(st)) {
    const bytes = copies.envelope(ref);
    if (bytes === null) throw gone(ref);
    proofs.set(ref.digest, bytes);
  }
  const lost = copies.envelopes.missing(st.seen);
  if (lost !== null) throw gone(lost);
  const mark = ringMark(ring);
  if (st.ring !== mark) {
    const distrusted = Array.from(proofs).filter(([, bytes]) => verified(bytes, ring) === null);
    st.distrusted = distrusted.map(([digest]) => digest);
    if (st.ring !== '') {
      st.etags = {};
      st.unconditional = true;
    }
    st.ring = mark;
  }
  // Given up by hand, or by an earlier version on a change of keys: a live copy that verifies is the least that is
  // known.
  const isKnown = st.floor !== null || st.keyring.floor !== null;
  if (!isKnown && st.installed !== null && isTrusted(st, st.installed)) st.floor = refOf(st.installed);
}

/** The floor: the highest version that was kept as good, or the one that a key ring step has set. */
export function floorOf({
  floor,
  keyring,
}: Pick<BundleState, 'floor' | 'keyring'>): { readonly version: number } | null {
  const versions = [floor?.version ?? null, keyring.floor].filter((version) => version !== null);
  return versions.length === 0 ? null : { version: Math.max(...versions) };
}

/** A change of a bundle's configuration, or of what holds for all, makes its next request unconditional. */
export function noteSettings(config: GatewayConfig, state: GatewayState): void {
  for (const bundle of config.bundle) {
    const st = bundleState(state, bundle.name);
    const settings = createHash('sha256')
      .update(JSON.stringify([bundle, config.limits, config.maps]))
      .digest('hex');
    if (st.settings === settings) continue;
    if (st.settings !== '') st.unconditional = true;
    st.settings = settings;
  }
}

export const refOf = ({ version, digest }: EnvelopeRef): EnvelopeRef => ({ version, digest });

/** A stored envelope, verified again; null where it does not verify. */
export function stored(copies: Copies, ref: EnvelopeRef, ring: Ring): VerifiedManifest | null {
  const bytes = copies.envelope(ref);
  return bytes === null ? null : verified(bytes, ring);
}

/** An envelope's bytes, verified; null where they do not verify. */
export function verified(bytes: Uint8Array, ring: Ring): VerifiedManifest | null {
  try {
    return verifyManifest(bytes, ring);
  } catch {
    return null; // it does not verify under this ring, for whatever reason: it counts for nothing
  }
}

/** A stored envelope that `settle` has found to hold under the ring of today; null where it is gone or does not. */
export function trusted(copies: Copies, st: BundleState, ref: EnvelopeRef): VerifiedManifest | null {
  const bytes = isTrusted(st, ref) ? copies.envelope(ref) : null;
  return bytes === null ? null : verifiedBefore(bytes, ref.digest);
}

/** Whether the live copy's envelope verifies under the current ring. */
export const isTrusted = (st: BundleState, ref: EnvelopeRef): boolean => !st.distrusted.includes(ref.digest);

/**
 * The copy that the shrink guard compares with, and the number of rows a day ago. Whose key has signed it does not
 * matter.
 */
export function baseline(
  st: BundleState,
  now: Date,
): { base: CopyRef | null; dayAgoRows: number | null; dayAgoHops: number | null } {
  const base = st.baselineGivenUp ? null : st.installed;
  const ago = (history: readonly RowCount[]) => (base === null ? null : rowsDayAgo(history, now));
  return { base, dayAgoRows: ago(historyOf(st)), dayAgoHops: ago(hopHistoryOf(st)) };
}

/** The row counts on record; of a record without them, those of the copies. */
const historyOf = (st: BundleState): readonly RowCount[] =>
  st.history.length > 0 ? st.history : allCopies(st).map(({ since, rows }) => ({ at: since, rows }));

const hopHistoryOf = (st: BundleState): readonly RowCount[] =>
  st.hopHistory.length > 0
    ? st.hopHistory
    : allCopies(st).flatMap(({ since, transport }) =>
        transport === null ? [] : [{ at: since, rows: transport.rows }],
      );

/** Where the guard was lifted for a table that has shrunk too far: by hand, or by the publisher's word. */
export interface Accepted {
  readonly shrink: boolean;
  readonly hops: boolean;
}

/** Remembers that the tables of a copy have come into use. */
export function rememberTables(st: BundleState, { rows, transport }: CopyRef, now: Date, accepted: Accepted): void {
  const hops = hopHistoryOf(st);
  st.history = rememberRows(historyOf(st), rows, now, accepted.shrink || st.baselineGivenUp);
  // Of a gateway that never asked for next hops there is nothing to remember.
  if (transport !== null || hops.length > 0)
    st.hopHistory = rememberRows(hops, transport?.rows ?? 0, now, accepted.hops || st.baselineGivenUp);
  st.baselineGivenUp = false;
}

/** Remembers a verified payload that was not installed, so that another one of its version is found out. */
export function rememberSeen(st: BundleState, ref: EnvelopeRef): void {
  if (namedEnvelopes(st).some((s) => s.digest === ref.digest)) return;
  st.seen = [...st.seen, ref].slice(-MAX_SEEN);
}

/** The state after `copy` has become the live one. */
export function advance(st: BundleState, copy: CopyRef, keep: number, now: Date, accepted: Accepted): void {
  rememberTables(st, copy, now, accepted);
  // The same version again may have next hops that it lacked: it takes the place of its own.
  const others = allCopies(st).filter((c) => c.digest !== copy.digest);
  st.copies = keptCopies([...others, copy], keep, now).filter((c) => c !== copy);
  st.installed = copy;
  st.waiting = null;
  if (st.floor === null || copy.version >= st.floor.version) st.floor = refOf(copy);
  const { floor } = st;
  st.seen = st.seen.filter((s) => s.version > floor.version);
  st.distrusted = st.distrusted.filter((d) => namedEnvelopes(st).some((e) => e.digest === d));
  st.unconditional = false;
}
