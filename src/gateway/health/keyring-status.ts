/** What `status.json` says of the keys of a bundle: the ring that counts, since when, and who signed the live copy. */
import { decodeEnvelope } from '../../bundle/trust/envelope.ts';
import { signersOf } from '../../bundle/trust/verify.ts';
import type { BundleConfig } from '../config.ts';
import { ringMark } from '../keys/trusted-keys.ts';
import { currentRing, type Chain } from '../record/chain.ts';
import type { Copies } from '../record/copies.ts';
import type { BundleState } from '../record/state.ts';
import { isTrusted } from '../record/version-history.ts';
import { brokenChain } from '../say/key-ring-words.ts';
import type { BundleStatus, KeyringStatus } from './status.ts';

/** By bundle, where rings and copies are to be had. */
export interface Trust {
  readonly chains: ReadonlyMap<string, Chain>;
  readonly copiesOf: (name: string) => Copies;
}

/** @param earlier its signers are those of now while copy and ring are: a signature costs milliseconds. */
export function keyringStatus(
  bundle: BundleConfig,
  st: BundleState,
  { chains, copiesOf }: Trust,
  earlier: BundleStatus | null,
): KeyringStatus | null {
  const chain = chains.get(bundle.name);
  if (chain === undefined) return null;
  const ring = currentRing(chain);
  const live = st.installed;
  const isSame = earlier?.digest === live?.digest && earlier?.ring === st.ring && earlier.trusted;
  // Nobody: the envelope could not be read then.
  const known = isSame ? (earlier.keyring?.signedBy ?? []) : [];
  return {
    step: ring.step,
    since: chain.steps.length === 0 ? null : (st.keyring.steps.find(({ step }) => step === ring.step)?.at ?? null),
    threshold: ring.threshold,
    keys: [...ring.keys.keys()],
    isRooted: ring.rootKeys.size > 0,
    signedBy:
      known.length > 0 || live === null || !isTrusted(st, live)
        ? known
        : signers(copiesOf(bundle.name), live, ring.keys),
    start: ringMark(chain.rings[0]),
    broken: chain.broken === null ? null : brokenChain(bundle, chain.broken),
  };
}

function signers(
  copies: Copies,
  live: { readonly version: number; readonly digest: string },
  keys: ReadonlyMap<string, Uint8Array>,
): string[] {
  const bytes = copies.envelope(live);
  return bytes === null ? [] : signersOf(decodeEnvelope(bytes), keys);
}
