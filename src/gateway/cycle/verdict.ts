/**
 * What one bundle's way comes to, by the record as it is now: another run may have changed it while this one waited
 * for the network. The judges are asked once more, in their order (docs/commands.md section 2.4). Reads copies,
 * writes nothing.
 */
import type { JudgedTable } from '../../bundle/offer/guard.ts';
import { isoTime } from '../../bundle/offer/manifest.ts';
import type { AcceptedOffer } from '../../bundle/offer/offer.ts';
import { HostError, OfferError, type StepError } from '../../errors.ts';
import { judge } from '../fetch/best-offer.ts';
import { judgeObtained } from '../fetch/judge-obtained.ts';
import type { Obtained } from '../fetch/obtained.ts';
import { tablesToTake } from '../fetch/take-table.ts';
import type { Copies, Copy, Spool } from '../record/copies.ts';
import type { BundleState, CopyRef } from '../record/state.ts';
import { isTrusted } from '../record/version-history.ts';
import type { Way } from './bundle-way.ts';

/** By URL, for the payload that was offered; null where no URL was asked: those on record stay. */
type Etags = BundleState['etags'] | null;

export type Verdict =
  | {
      readonly is: 'unchanged';
      readonly etags: Etags;
      /** The live payload once more, by keys that are trusted now where those of the stored envelope are not. */
      readonly proof: AcceptedOffer | null;
    }
  | {
      readonly is: 'new';
      readonly ref: CopyRef;
      /** To be stored; null where it is already. */
      readonly offer: AcceptedOffer | null;
      /** To be kept, as far as a table is not already; null for a copy that waits. */
      readonly tables: {
        readonly spool: Spool | null;
        readonly hops: Spool | null;
        readonly judged: JudgedTable;
      } | null;
      readonly via: 'full' | 'delta' | 'none';
      readonly etags: Etags;
      /** In words, for a dry run. */
      readonly change: string;
    };

/** @throws StepError: why the bundle stays as it is. */
export async function verdictOn(way: Way, state: BundleState): Promise<Verdict> {
  const { offers, obtained } = way;
  if (offers === null || way.refusal !== null) throw way.refusal as StepError;
  const cx = { ...way.cx, state };
  const offer = judge(cx, offers.best.offer);
  const etags = etagsOf(way, offer);
  const current = state.installed ?? state.waiting;
  const toTake = tablesToTake(cx, offer);
  if (current?.digest === offer.digest && toTake.length === 0) {
    const proof = isTrusted(state, current) ? null : offer;
    if (state.installed !== null) return { is: 'unchanged', etags, proof };
    return { is: 'new', ref: current, offer: null, tables: null, via: 'none', etags, change: 'the copy that waits' };
  }
  try {
    // Held when the cycle began: then no table was downloaded, also where the bundle was resumed meanwhile.
    const held = state.held ?? (obtained === null ? way.cx.state.held : null);
    if (held !== null) {
      throw new OfferError('HELD', `version ${offer.manifest.version} is good but held back since ${held.since}`);
    }
    if (toTake.some((name) => obtained?.[name] == null)) {
      throw new HostError('BUSY', 'another run has changed the record meanwhile; the next cycle takes what is offered');
    }
    const { recipients, transport } = obtained ?? NOTHING;
    const judged = await judgeObtained(cx, offer, obtained ?? NOTHING);
    const taken = [recipients, transport].filter((table) => table !== null);
    const ref = refOf(offer, obtained ?? NOTHING, current, cx.now);
    const spools = { spool: recipients?.spool ?? null, hops: transport?.spool ?? null };
    return {
      is: 'new',
      ref,
      offer,
      // Nothing is kept of a dry run.
      tables: taken.some(({ spool }) => spool === null) ? null : { ...spools, judged },
      via: taken.some(({ via }) => via === 'full') ? 'full' : taken.length > 0 ? 'delta' : 'none',
      etags,
      change: change(ref, current, recipients === null ? 0 : recipients.findings.removed?.rows),
    };
  } catch (error) {
    cx.notes.see(offer);
    throw error;
  }
}

const NOTHING: Obtained = { recipients: null, transport: null };

/** Stores what a verdict makes a copy of. Needs the lock. @throws HostError NO_SPACE */
export function keep(copies: Copies, { ref, offer, tables }: Verdict & { is: 'new' }): Copy {
  const copy =
    tables === null
      ? copies.reopen(ref.table, ref.transport?.table ?? null)
      : copies.keep(tables.spool, tables.judged, tables.hops);
  if (offer !== null) copies.keepEnvelope(offer);
  return copy;
}

/** Stores a newer proof of the live copy: it verifies again. Needs the lock. @throws HostError NO_SPACE */
export function renewProof(copies: Copies, st: BundleState, { proof }: { readonly proof: AcceptedOffer | null }): void {
  if (proof === null) return;
  copies.keepEnvelope(proof);
  st.distrusted = st.distrusted.filter((digest) => digest !== proof.digest);
}

/** Remembered for every origin that offered this payload; used only once it is live. */
function etagsOf({ cx, offers }: Way, { digest }: AcceptedOffer): Etags {
  if (cx.source.offline || offers === null) return null;
  const same = offers.offered.filter((o) => o.offer.digest === digest);
  return Object.fromEntries(
    same.flatMap((o) => (o.etag === null ? [] : [[o.origin.label, { etag: o.etag, digest, at: o.answeredAt }]])),
  );
}

/** @param current what a table that was not taken belongs to */
function refOf(
  { manifest, digest, nextHops }: AcceptedOffer,
  { recipients, transport }: Obtained,
  current: CopyRef | null,
  now: Date,
): CopyRef {
  const { sha256, rows, bytes } = manifest.tables.recipients;
  const at = now.toISOString();
  const domains = recipients?.findings.domains.size ?? current?.domains ?? 0;
  const hops = nextHops?.entry ?? null;
  const isRenewed = recipients === null && transport === null;
  return {
    version: manifest.version,
    digest,
    table: sha256,
    rows,
    bytes,
    domains,
    transport: hops === null ? null : { table: hops.sha256, rows: hops.rows, bytes: hops.bytes },
    created: isoTime(manifest.created),
    expires: isoTime(manifest.expires),
    since: (isRenewed ? current?.since : undefined) ?? at,
    at,
  };
}

function change(copy: CopyRef, current: CopyRef | null, removed: number | undefined): string {
  if (current === null) return `version ${copy.version}, the first, ${copy.rows} rows`;
  const gone = removed ?? Math.max(0, current.rows - copy.rows);
  return `version ${copy.version} for ${current.version}, ${copy.rows - current.rows + gone} rows come, ${gone} go`;
}
