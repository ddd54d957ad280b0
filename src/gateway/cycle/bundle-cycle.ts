/**
 * One bundle's way through the cycle: the best offer, then nothing new, a renewal, or its table (docs/commands.md section 2.3). Ends in a
 * value; refusals are StepErrors. Installs nothing.
 */
import { isoTime } from '../../bundle/offer/manifest.ts';
import { OfferError } from '../../errors.ts';
import { rememberSeen } from '../record/version-history.ts';
import { bestOffer, type BundleContext } from '../fetch/best-offer.ts';
import type { BundleState, CopyRef } from '../record/state.ts';
import type { Copy } from '../record/copies.ts';
import { takeTable } from '../fetch/take-table.ts';

/** By URL, for the payload that this result brings; null where no URL was asked: those on record stay. */
type Etags = BundleState['etags'] | null;

export type BundleResult =
  /** A table is to be taken, which was not begun. */
  | { readonly is: 'more'; readonly etags: null }
  | { readonly is: 'unchanged'; readonly etags: Etags }
  | {
      readonly is: 'new';
      readonly copy: CopyRef;
      readonly good: Copy;
      /** See `JudgedTable`. */
      readonly shrinkAccepted: boolean;
      readonly via: 'full' | 'delta' | 'none';
      readonly etags: Etags;
      /** In words, for a dry run. */
      readonly change: string;
    };

/** @throws StepError: why the bundle is kept as it is. */
export async function bundleCycle(cx: BundleContext): Promise<BundleResult> {
  const { state } = cx;
  const { offered, best } = await bestOffer(cx);
  const { offer } = best;
  // Remembered for every origin that offered it; used only once this payload is live.
  const etags = cx.source.offline
    ? null
    : Object.fromEntries(
        offered.flatMap((o) =>
          o.offer.digest === offer.digest && o.etag !== null
            ? [[o.origin.label, { etag: o.etag, digest: offer.digest, at: o.answeredAt }]]
            : [],
        ),
      );
  const current = state.installed ?? state.waiting;
  if (current?.digest === offer.digest && !cx.force) {
    return state.installed === null
      ? {
          is: 'new',
          copy: current,
          good: cx.copies.reopen(current.table),
          shrinkAccepted: false,
          via: 'none',
          etags,
          change: 'the copy that waits',
        }
      : { is: 'unchanged', etags };
  }
  if (state.held !== null) {
    rememberSeen(state, cx.copies.envelopes.keepSeen(offer));
    throw new OfferError('HELD', `version ${offer.manifest.version} is good but held back since ${state.held.since}`);
  }
  const entry = offer.manifest.tables.recipients;
  const renewed = !cx.force && current?.table === entry.sha256 ? current : null;
  if (renewed === null && cx.pollOnly === true) return { is: 'more', etags: null };
  try {
    const got = renewed === null ? await takeTable(cx, best, offered, entry) : null;
    const at = cx.now.toISOString();
    const copy: CopyRef = {
      ...cx.copies.keepEnvelope(offer),
      table: entry.sha256,
      rows: entry.rows,
      bytes: entry.bytes,
      domains: renewed?.domains ?? got?.findings.domains.size ?? 0,
      created: isoTime(offer.manifest.created),
      expires: isoTime(offer.manifest.expires),
      since: renewed?.since ?? at,
      at,
    };
    return {
      is: 'new',
      copy,
      good: got?.good ?? cx.copies.reopen(copy.table),
      shrinkAccepted: got?.shrinkAccepted ?? false,
      via: got?.via ?? 'none',
      etags,
      change: change(copy, current, got?.findings.removed?.rows),
    };
  } catch (error) {
    rememberSeen(state, cx.copies.envelopes.keepSeen(offer));
    throw error;
  }
}

function change(copy: CopyRef, current: CopyRef | null, removed: number | undefined): string {
  if (current === null) return `version ${copy.version}, the first, ${copy.rows} rows`;
  const gone = removed ?? Math.max(0, current.rows - copy.rows);
  return `version ${copy.version} for ${current.version}, ${copy.rows - current.rows + gone} rows come, ${gone} go`;
}
