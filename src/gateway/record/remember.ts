/**
 * What one bundle's way through a cycle wants remembered. It comes back as a value, and is written once, under the
 * lock: so a dry run writes nothing, and a run that waits for the network disturbs nobody.
 */
import type { VerifiedManifest } from '../../bundle/trust/verify.ts';
import type { Copies } from './copies.ts';
import type { BundleState, EnvelopeRef } from './state.ts';
import { namedEnvelopes, rememberSeen } from './version-history.ts';

/** Two signed payloads of one version. */
export interface Equivocation {
  readonly payload: VerifiedManifest;
  /** In hand, or stored by an earlier cycle. */
  readonly other: VerifiedManifest | EnvelopeRef;
}

export interface ToRemember {
  /** Verified payloads that were refused or not installed: another payload of their version is then found out. */
  readonly seen: readonly VerifiedManifest[];
  readonly equivocations: readonly Equivocation[];
  /** `null`: no table was asked for, so what is known of deltas stays. */
  readonly delta: 'failed' | 'did not fail' | null;
  /** When the next key ring step was asked for and the answer was sure; null to ask again; undefined: as it was. */
  readonly stepAskedAt: Date | null | undefined;
}

/** Collects while a bundle is asked and its table is read. Touches nothing. */
export class Notes {
  readonly #seen: VerifiedManifest[] = [];
  readonly #equivocations: Equivocation[] = [];
  #delta: ToRemember['delta'] = null;
  #stepAskedAt: ToRemember['stepAskedAt'];

  see(payload: VerifiedManifest): void {
    if (!this.#seen.some((s) => s.digest === payload.digest)) this.#seen.push(payload);
  }

  equivocation(payload: VerifiedManifest, other: Equivocation['other']): void {
    this.#equivocations.push({ payload, other });
  }

  delta(how: 'failed' | 'did not fail'): void {
    this.#delta = how;
  }

  stepAsked(at: Date | null): void {
    this.#stepAskedAt = at;
  }

  get value(): ToRemember {
    return {
      seen: [...this.#seen],
      equivocations: [...this.#equivocations],
      delta: this.#delta,
      stepAskedAt: this.#stepAskedAt,
    };
  }
}

/** Stores the envelopes and changes `st`, which the caller then writes. @throws HostError NO_SPACE */
export function remember(
  copies: Copies,
  st: BundleState,
  { seen, equivocations, delta, stepAskedAt }: ToRemember,
): void {
  for (const { payload, other } of equivocations) copies.keepEvidence(payload, other);
  for (const payload of seen) {
    if (namedEnvelopes(st).some((e) => e.digest === payload.digest)) continue;
    rememberSeen(st, copies.envelopes.keepSeen(payload));
  }
  if (stepAskedAt !== undefined) st.keyring.askedAt = stepAskedAt?.toISOString() ?? null;
  if (delta === null) return;
  st.noDelta = delta === 'failed';
  if (delta === 'failed') st.deltaFailures++;
}
