/**
 * Has the tables of an offer judged by what is on record, which may have changed since they were read. A table that
 * the copy in use has already was judged when it came. Reads copies, writes nothing.
 */
import {
  approves,
  judgeTable,
  type HopFindings,
  type JudgedTable,
  type Shrinkage,
  type TableFindings,
  type TableSize,
} from '../../bundle/offer/guard.ts';
import type { AcceptedOffer } from '../../bundle/offer/offer.ts';
import { gunzipOne } from '../../bundle/table/gzip.ts';
import { RemovedRows } from '../../bundle/table/removed-rows.ts';
import { rowBlocks } from '../../bundle/table/rows.ts';
import { domainMatcher } from '../../map/domains.ts';
import type { BundleConfig } from '../config.ts';
import type { CopyRef } from '../record/state.ts';
import { baseline } from '../record/version-history.ts';
import { effectiveNow } from './best-offer.ts';
import type { BundleContext } from './bundle-context.ts';
import type { Findings } from './read-table.ts';
import type { Obtained, ObtainedTable } from './obtained.ts';

/** @throws GuardError */
export async function judgeObtained(cx: BundleContext, offer: AcceptedOffer, obtained: Obtained): Promise<JudgedTable> {
  const { base, dayAgoRows } = baseline(cx.state, cx.now);
  const { recipients } = obtained;
  const nextHops = await hopFindings(cx, offer, obtained.transport);
  const table = offer.manifest.tables.recipients.sha256;
  if (recipients === null)
    return judgeTable({ table, missing: [], foreign: null, shrinkage: null, lifted: false, nextHops });
  const { findings } = recipients;
  const next = sizeOf(findings);
  const installed = base === null ? null : { ...base, hops: false };
  return judgeTable({
    table,
    missing: findings.missing,
    foreign: foreign(cx.bundle, findings),
    shrinkage: installed === null ? null : await shrinkage(cx, installed, recipients, dayAgoRows),
    lifted: cx.acceptShrink || approves(offer.manifest.shrinkApproved, next, effectiveNow(cx)),
    nextHops,
  });
}

/** Null where next hops are not asked for. An offer without them counts as a table without rows. */
async function hopFindings(
  cx: BundleContext,
  offer: AcceptedOffer,
  obtained: ObtainedTable | null,
): Promise<HopFindings | null> {
  if (offer.nextHops === null) return null;
  const { entry, approvedRows } = offer.nextHops;
  const { base, dayAgoHops } = baseline(cx.state, cx.now);
  const live = base?.transport ?? null;
  const table = entry?.sha256 ?? null;
  const isKept = obtained === null && entry !== null;
  const next = obtained === null ? NOTHING : sizeOf(obtained.findings);
  const { shrinkApproved } = offer.manifest;
  const approval =
    shrinkApproved === undefined || approvedRows === null
      ? undefined
      : { until: shrinkApproved.until, rows: approvedRows, domains: 0 };
  // One row a domain.
  const installed = live === null || isKept ? null : { ...live, domains: live.rows, hops: true };
  return {
    table,
    foreign: obtained === null ? null : foreign(cx.bundle, obtained.findings),
    foreignHop: obtained?.findings.foreignHop ?? null,
    shrinkage: installed === null ? null : await shrinkage(cx, installed, obtained, dayAgoHops),
    lifted: cx.acceptShrink || approves(approval, next, effectiveNow(cx)),
  };
}

const NOTHING: TableSize = { rows: 0, domains: 0 };

const sizeOf = ({ rows, domains }: Findings): TableSize => ({ rows, domains: domains.size });

/** The table in use, and whether it is one of next hops. */
interface Installed extends Pick<CopyRef, 'table' | 'rows' | 'domains'> {
  readonly hops: boolean;
}

/** @param obtained the table that would take its place; null for one without rows */
async function shrinkage(
  cx: BundleContext,
  installed: Installed,
  obtained: ObtainedTable | null,
  dayAgoRows: number | null,
): Promise<Shrinkage> {
  const { table, rows, domains } = installed;
  const next = obtained === null ? NOTHING : sizeOf(obtained.findings);
  const counts = { rows: rows - next.rows, domains: domains - next.domains };
  const removed =
    obtained === null
      ? counts
      : table === obtained.base
        ? obtained.findings.removed
        : await removedFrom(cx, installed, obtained);
  return {
    percent: cx.bundle.max_shrink_percent,
    installed: { rows, domains },
    removed: removed ?? counts,
    next,
    dayAgoRows,
  };
}

/** What of a copy that was installed meanwhile this table lacks; null where the copy cannot be read. */
async function removedFrom(
  cx: BundleContext,
  { table, hops }: Installed,
  { spool, findings }: ObtainedTable,
): Promise<Findings['removed']> {
  if (spool === null) return null;
  const removed = new RemovedRows(cx.copies.rows(table), hops);
  try {
    for await (const block of rowBlocks(gunzipOne(inTurn(spool.chunks())))) await removed.push(block);
    await removed.end();
    return { rows: removed.rows, domains: removed.domains.missingIn(findings.domains) };
  } catch (error) {
    cx.warn(
      `the installed copy cannot be read (${(error as Error).message}), so the shrink guard compares no rows, only how many there are`,
    );
    return null;
  } finally {
    await removed.close();
  }
}

async function* inTurn(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield chunk;
}

function foreign(bundle: BundleConfig, { domains }: Findings): TableFindings['foreign'] {
  if (bundle.domains === undefined) return null;
  const speaksFor = domainMatcher(bundle.domains);
  for (let id = 0; id < domains.size; id++) {
    const domain = Buffer.from(domains.name(id)).toString();
    if (!speaksFor(domain)) return { domain, row: domains.firstRow(id) };
  }
  return null;
}
