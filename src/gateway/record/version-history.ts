/**
 * What a bundle's state says about the past: floor, payloads seen, baseline of the shrink guard. Only envelopes that verify under
 * the current ring count (format section 6). Decides; reads envelopes through the copies it is given.
 */
import { createHash } from 'node:crypto';
import { verifiedBefore, verifyManifest, type Ring, type VerifiedManifest } from '../../bundle/trust/verify.ts';
import { dayOld, keptCopies, type Copies } from './copies.ts';
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

/** Every stored envelope that the state names. */
export const namedEnvelopes = (st: BundleState): EnvelopeRef[] => [
  ...allCopies(st),
  ...(st.waiting === null ? [] : [st.waiting]),
  ...(st.floor === null ? [] : [st.floor]),
  ...st.seen,
];

const MAX_SEEN = 8;

/**
 * Brings a bundle's state in line with the ring: on a changed ring every stored envelope is verified again.
 * @throws StateError STATE_CORRUPT for a named envelope that is missing or damaged.
 */
export function settle(name: string, st: BundleState, copies: Copies, ring: Ring): void {
  const named = namedEnvelopes(st);
  // Read once: one that cannot be read the second time would count as distrusted, and the floor would fall.
  const proofs = new Map<string, Uint8Array>();
  for (const ref of named) {
    const bytes = copies.envelope(ref);
    if (bytes === null)
      throw stateCorrupt(`${name}: the stored envelope of version ${ref.version} is missing or damaged`);
    proofs.set(ref.digest, bytes);
  }
  const mark = ringMark(ring);
  if (st.ring === mark) return;
  const distrusted = Array.from(proofs).filter(([, bytes]) => verified(bytes, ring) === null);
  st.distrusted = distrusted.map(([digest]) => digest);
  const trusted = named.filter((ref) => !st.distrusted.includes(ref.digest));
  // Of what was kept, not of what was only seen: a refused version is no floor before a change of keys, nor after it.
  st.floor = trusted
    .filter((ref) => !st.seen.includes(ref))
    .reduce<EnvelopeRef | null>((a, b) => (a === null || b.version > a.version ? refOf(b) : a), null);
  st.seen = st.seen.filter((ref) => trusted.includes(ref));
  if (st.ring !== '') {
    st.etags = {};
    st.unconditional = true;
  }
  st.ring = mark;
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

/** The copy that the shrink guard compares with, and the number of rows a day ago. */
export function baseline(st: BundleState, now: Date): { base: CopyRef | null; dayAgoRows: number | null } {
  const trusted = allCopies(st).filter((c) => isTrusted(st, c));
  return { base: trusted.at(-1) ?? null, dayAgoRows: dayOld(trusted, now)?.rows ?? null };
}

/** Remembers a verified payload that was not installed, so that another one of its version is found out. */
export function rememberSeen(st: BundleState, ref: EnvelopeRef): void {
  if (namedEnvelopes(st).some((s) => s.digest === ref.digest)) return;
  st.seen = [...st.seen, ref].slice(-MAX_SEEN);
}

/** The state after `copy` has become the live one. */
export function advance(st: BundleState, copy: CopyRef, keep: number, now: Date): void {
  st.copies = keptCopies([...allCopies(st), copy], keep, now).filter((c) => c !== copy);
  st.installed = copy;
  st.waiting = null;
  if (st.floor === null || copy.version >= st.floor.version) st.floor = refOf(copy);
  const { floor } = st;
  st.seen = st.seen.filter((s) => s.version > floor.version);
  st.distrusted = st.distrusted.filter((d) => namedEnvelopes(st).some((e) => e.digest === d));
  st.unconditional = false;
}
