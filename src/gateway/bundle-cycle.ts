/**
 * One bundle's way through the cycle: ask every origin, verify, judge the offer, then nothing new, a renewal, or obtain and judge
 * the table (commands.md section 2.3). Ends in a value; refusals are StepErrors. Installs nothing.
 */
import type { TableEntry } from '../bundle/manifest.ts';
import { approves, judgeTable, type Shrinkage } from '../bundle/guard.ts';
import { isoTime } from '../bundle/manifest.ts';
import { judgeOffer, type AcceptedOffer } from '../bundle/offer.ts';
import { verifyManifest, type Ring, type VerifiedManifest } from '../bundle/verify.ts';
import { exitStatus, GuardError, OfferError, StepError } from '../errors.ts';
import type { AtomicFile } from '../io/atomic-file.ts';
import { domainMatcher } from '../map/domains.ts';
import type { BundleConfig, GatewayConfig } from './config.ts';
import type { Copies } from './copies.ts';
import { baseline, isTrusted, rememberSeen, stored } from './ledger.ts';
import { obtainByDelta, obtainWhole, type Findings, type Questions } from './obtain.ts';
import type { Origin, Source } from './source.ts';
import type { BundleState, CopyRef } from './state.ts';

const CLOCK_SLACK = 600_000;

export interface BundleContext {
  readonly bundle: BundleConfig;
  readonly config: GatewayConfig;
  readonly ring: Ring;
  /** Changed in place: ETags and payloads seen. */
  readonly state: BundleState;
  readonly copies: Copies;
  readonly source: Source;
  readonly now: Date;
  readonly force: boolean;
  readonly acceptShrink: boolean;
  readonly warn: (message: string) => void;
}

export type BundleResult =
  | { readonly is: 'unchanged'; readonly etags: BundleState['etags'] }
  | {
      readonly is: 'new';
      readonly copy: CopyRef;
      readonly via: 'full' | 'delta' | 'none';
      readonly etags: BundleState['etags'];
    };

interface Offered {
  readonly origin: Origin;
  readonly offer: AcceptedOffer;
  readonly etag: string | null;
}

/** @throws StepError: why the bundle is kept as it is. */
export async function bundleCycle(cx: BundleContext): Promise<BundleResult> {
  const { state } = cx;
  const { offered, best } = await bestOffer(cx);
  const { offer } = best;
  // Remembered for every origin that offered it; used only once this payload is live.
  const etags = Object.fromEntries(
    offered.flatMap((o) =>
      o.offer.digest === offer.digest && o.etag !== null
        ? [[o.origin.label, { etag: o.etag, digest: offer.digest }]]
        : [],
    ),
  );
  const current = state.installed ?? state.waiting;
  if (current?.digest === offer.digest && !cx.force) {
    return state.installed === null ? { is: 'new', copy: current, via: 'none', etags } : { is: 'unchanged', etags };
  }
  if (state.held !== null) {
    rememberSeen(state, cx.copies.keepEnvelope(offer));
    throw new OfferError('HELD', `version ${offer.manifest.version} is good but held back since ${state.held.since}`);
  }
  const entry = offer.manifest.tables.recipients;
  const renewed = !cx.force && current?.table === entry.sha256 ? current : null;
  try {
    const got = renewed === null ? await obtain(cx, best, offered, entry) : null;
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
    return { is: 'new', copy, via: got?.via ?? 'none', etags };
  } catch (error) {
    rememberSeen(state, cx.copies.keepEnvelope(offer));
    throw error;
  }
}

/** Asks all origins at once; the highest acceptable version wins, and what the others did wrong is a warning. */
async function bestOffer(cx: BundleContext): Promise<{ offered: Offered[]; best: Offered }> {
  const answers = await Promise.all(cx.source.origins.map((origin) => ask(cx, origin)));
  const offered = answers.filter((a): a is Offered => !(a instanceof StepError));
  const failures = answers.filter((a): a is StepError => a instanceof StepError);
  const [first, ...others] = offered;
  if (first === undefined) throw worst(failures);
  const best = others.reduce((a, b) => (b.offer.manifest.version > a.offer.manifest.version ? b : a), first);
  const rival = offered.find(
    (o) => o.offer.manifest.version === best.offer.manifest.version && o.offer.digest !== best.offer.digest,
  );
  if (rival !== undefined) throw equivocation(cx, rival.offer, cx.copies.keepEnvelope(best.offer));
  for (const failure of failures) cx.warn(`${failure.code}: ${failure.message}`);
  for (const o of offered) {
    if (o.offer.manifest.version < best.offer.manifest.version) {
      cx.warn(
        `${o.origin.label} lags: version ${o.offer.manifest.version}, another mirror has ${best.offer.manifest.version}`,
      );
    }
  }
  return { offered, best };
}

/** The last refusal, else the last failure. */
function worst(failures: readonly StepError[]): StepError {
  const refusals = failures.filter((f) => exitStatus(f.code) === 1);
  return refusals.at(-1) ?? failures.at(-1) ?? new StepError('INTERNAL', 'no origin to ask');
}

async function ask(cx: BundleContext, origin: Origin): Promise<Offered | StepError> {
  const { state, ring, copies } = cx;
  try {
    const condition = conditional(cx) ? (state.etags[origin.label] ?? null) : null;
    const etag = condition !== null && condition.digest === state.installed?.digest ? condition.etag : null;
    const answer = await origin.manifest(etag);
    if (answer.is === 'offered')
      return { origin, offer: judge(cx, verifyManifest(answer.bytes, ring)), etag: answer.etag };
    const live = state.installed === null ? null : stored(copies, state.installed, ring);
    if (live === null) throw new StepError('INTERNAL', 'a 304 for a payload that is not stored');
    return { origin, offer: judge(cx, live), etag };
  } catch (error) {
    if (error instanceof StepError) return error;
    throw error;
  }
}

/** A 304 says something only about a live copy that still verifies. */
function conditional({ state, force }: BundleContext): boolean {
  return !force && !state.unconditional && state.installed !== null && isTrusted(state, state.installed);
}

function judge(cx: BundleContext, v: VerifiedManifest): AcceptedOffer {
  const { state, config, bundle } = cx;
  warnOfClock(cx, v);
  const seen = [
    ...(state.floor === null ? [] : [state.floor]),
    ...state.seen,
    ...(state.waiting === null ? [] : [state.waiting]),
  ];
  try {
    return judgeOffer(v, {
      name: bundle.name,
      floor: state.floor,
      seen,
      now: effectiveNow(cx),
      maxRows: config.limits.max_rows,
      maxBytes: config.limits.max_bytes,
      valueBytes: Buffer.byteLength(config.maps.value),
    });
  } catch (error) {
    if (!(error instanceof OfferError)) throw error;
    const other = seen.find((s) => s.version === v.manifest.version && s.digest !== v.digest);
    if (error.code === 'EQUIVOCATION' && other !== undefined) throw equivocation(cx, v, other, error);
    if (error.code !== 'WRONG_NAME' && error.code !== 'ROLLBACK') rememberSeen(state, cx.copies.keepEnvelope(v));
    throw error;
  }
}

function equivocation(
  cx: BundleContext,
  v: VerifiedManifest,
  other: { version: number; digest: string },
  error?: OfferError,
): OfferError {
  const folder = cx.copies.keepEvidence(v, other);
  const reason = error?.message ?? `two signed payloads of version ${v.manifest.version} are offered at once`;
  return new OfferError('EQUIVOCATION', `${reason}; both are kept as evidence in ${folder}`, error);
}

/** A clock that was set back must not make an expired manifest good again. */
function effectiveNow({ now, state }: BundleContext): Date {
  const created = state.installed === null ? 0 : Date.parse(state.installed.created);
  return new Date(Math.max(now.getTime(), created));
}

function warnOfClock({ now, state, warn }: BundleContext, { manifest }: VerifiedManifest): void {
  const ahead = manifest.created.getTime() - now.getTime();
  const behind = state.installed === null ? 0 : Date.parse(state.installed.created) - now.getTime();
  const minutes = Math.round(Math.max(ahead, behind) / 60_000);
  if (Math.max(ahead, behind) > CLOCK_SLACK) {
    warn(`this host's clock (${isoTime(now)}) is ${minutes} min behind the central side's manifest; set the clock`);
  }
}

interface Obtained {
  readonly findings: Findings;
  readonly via: 'full' | 'delta';
}

/** By delta where one is offered, else the whole table: from the best origin, then from those that offer the same payload. */
async function obtain(cx: BundleContext, best: Offered, offered: Offered[], entry: TableEntry): Promise<Obtained> {
  const origins = [best, ...offered.filter((o) => o !== best && o.offer.digest === best.offer.digest)].map(
    (o) => o.origin,
  );
  const byDelta = await tryDelta(cx, best, entry);
  if (byDelta !== null) return { findings: byDelta, via: 'delta' };
  const failures: StepError[] = [];
  for (const origin of origins) {
    try {
      const findings = await kept(cx, best.offer, entry, async (spool, questions) => {
        const body = await origin.blob(`recipients/${entry.sha256}.gz`, entry.wireBytes);
        return obtainWhole(body, entry, spool, questions);
      });
      for (const failure of failures) cx.warn(`${failure.code}: ${failure.message}; another mirror had the table`);
      return { findings, via: 'full' };
    } catch (error) {
      if (!(error instanceof StepError) || error instanceof GuardError || error.code === 'NO_SPACE') throw error;
      failures.push(error);
    }
  }
  throw worst(failures);
}

/** Null where no delta is offered or whatever is wrong with it; only the judge's word about the table that it makes is final. */
async function tryDelta(cx: BundleContext, best: Offered, entry: TableEntry): Promise<Findings | null> {
  const { state, copies } = cx;
  const skip = state.noDelta;
  state.noDelta = false;
  const base = state.installed;
  const delta = entry.deltas.find((d) => d.from === base?.table && d.wireBytes < entry.wireBytes);
  if (base === null || delta === undefined || cx.force || skip) return null;
  try {
    return await kept(cx, best.offer, entry, async (spool, questions) => {
      const body = await best.origin.blob(`recipients/${delta.from}-${entry.sha256}.delta.gz`, delta.wireBytes);
      return obtainByDelta(body, delta, copies.rows(base.table), entry, spool, questions);
    });
  } catch (error) {
    if (error instanceof GuardError || (error instanceof StepError && error.code === 'NO_SPACE')) throw error;
    state.deltaFailures++;
    state.noDelta = true;
    const why = error instanceof StepError ? `${error.code}: ${error.message}` : (error as Error).message;
    cx.warn(`the delta did not work (${why}); the whole table is taken`);
    return null;
  }
}

/** Obtains a table into a spool, judges it, and keeps it. @throws StepError: nothing is kept then. */
async function kept(
  cx: BundleContext,
  offer: AcceptedOffer,
  entry: TableEntry,
  get: (spool: AtomicFile, questions: Questions) => Promise<Findings>,
): Promise<Findings> {
  const { base, dayAgoRows } = baseline(cx.state, cx.now);
  const spool = cx.copies.spool(entry.sha256);
  try {
    const findings = await get(spool, {
      required: cx.bundle.required,
      base: base === null ? null : cx.copies.rows(base.table),
    });
    const next = { rows: findings.rows, domains: findings.domains.size };
    const lifted = cx.acceptShrink || approves(offer.manifest.shrinkApproved, next, effectiveNow(cx));
    if (base !== null && findings.removed === null) {
      cx.warn('the installed copy cannot be read back; the shrink guard compares counts');
    }
    judgeTable({
      missing: findings.missing,
      foreign: foreign(cx.bundle, findings),
      shrinkage: base === null || lifted ? null : shrinkage(cx.bundle, base, findings, dayAgoRows),
    });
    spool.commit();
    return findings;
  } finally {
    spool.discard();
  }
}

function shrinkage(bundle: BundleConfig, base: CopyRef, findings: Findings, dayAgoRows: number | null): Shrinkage {
  const next = { rows: findings.rows, domains: findings.domains.size };
  return {
    percent: bundle.max_shrink_percent,
    installed: { rows: base.rows, domains: base.domains },
    removed: findings.removed ?? { rows: base.rows - next.rows, domains: base.domains - next.domains },
    next,
    dayAgoRows,
  };
}

function foreign(bundle: BundleConfig, { domains }: Findings): { domain: string; row: number } | null {
  if (bundle.domains === undefined) return null;
  const speaksFor = domainMatcher(bundle.domains);
  for (let id = 0; id < domains.size; id++) {
    const domain = Buffer.from(domains.name(id)).toString();
    if (!speaksFor(domain)) return { domain, row: domains.firstRow(id) };
  }
  return null;
}
