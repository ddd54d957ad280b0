/**
 * One publish, in order: read all sources -> normalise -> guard -> compare with what is published -> tables, deltas
 * -> sign -> verify as a gateway would -> manifest last. A failure before the last step leaves the published
 * manifest unchanged.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { approves } from '../bundle/offer/guard.ts';
import type { Manifest } from '../bundle/offer/manifest.ts';
import { presentRows } from '../bundle/table/present-rows.ts';
import { log } from '../io/log.ts';
import type { PublisherConfig } from './config.ts';
import { PublishError } from './errors.ts';
import { ofSource } from './failing-source.ts';
import { gather, type Gathered } from './gather/gather.ts';
import type { LeftOut } from './gather/row-policy.ts';
import { RowSpace } from './gather/row-space.ts';
import { goOut, LostRace } from './go-out.ts';
import { approvalOf, isWhole, namedBy, type Work } from './work.ts';
import { trustedBy, type PublisherKeys } from './keys/publisher-keys.ts';
import type { PublishOptions } from './publish-options.ts';
import { removals, waitingRows, type Removals, type WaitingRow } from './removals/removals.ts';
import { clockBehind } from './repository/clock.ts';
import type { Repository } from './repository/repository.ts';
import { isSignedBy } from './repository/sign-manifest.ts';
import { continued, type PublisherState } from './repository/state.ts';
import { following, isByAnother } from './repository/other-publisher.ts';
import { dryRun, withRepository } from './repository/with-repository.ts';
import { divergedGoOn, divergence, keepPublished, settle } from './settle.ts';
import { attributed } from './tables/attribution.ts';
import { packed } from './tables/compress.ts';
import { difference, type Difference } from './tables/difference.ts';
import { judgeList, refusalOf } from './tables/list-guard.ts';
import { goneWords } from './tables/loss-words.ts';
import { apart, sourceTooSmall } from './tables/source-guard.ts';
import { measured, streamed } from './tables/tables.ts';
import { areHopsWhole, hopsRefusal, isSameHops, namedByHops, readNextHops } from './transport/next-hops.ts';

/** Milliseconds, before a publisher that lost a race tries once more. */
const LONGEST_PAUSE = 3000;
/** The most waiting rows that are shown. */
const SHOWN = 1000;

export interface PublishResult {
  readonly outcome: 'published' | 'renewed' | 'unchanged' | 'unsigned' | 'dry-run';
  readonly version: number | null;
  readonly rows: number;
  readonly domains: number;
  readonly deltas: number;
  readonly skipped: readonly string[];
  /** What each source's `skip_domains` has left out. */
  readonly leftOut: readonly LeftOut[];
  /**
   * How many rows are in the list only because `remove_after` has not passed yet, and when it passes for the first
   * of them.
   */
  readonly waiting: number;
  readonly nextRemoval: Date | null;
  /** The times in the published manifest; null if nothing is published. */
  readonly validity: { readonly created: Date; readonly expires: Date } | null;
  /** Only in a dry run. */
  readonly difference: Difference | null;
  /** Rows of the table of next hops, and in a dry run what would change; null where no source gives next hops. */
  readonly nextHops: { readonly rows: number; readonly changes: readonly string[] } | null;
}

/** @throws PublishError, HostError */
export async function publish(
  config: PublisherConfig,
  keys: PublisherKeys,
  options: PublishOptions,
  now: Date,
): Promise<PublishResult> {
  if (options.dryRun) return dryRun(config, (repository) => run(config, keys, options, repository, now));
  return withRepository(config, async (repository) => {
    try {
      return await run(config, keys, options, repository, now);
    } catch (error) {
      if (!(error instanceof LostRace)) throw error;
      log('notice', `${error.message}; all is read and compared again`);
      await pause((options.chance?.() ?? 0) * LONGEST_PAUSE);
      return await run(config, keys, { ...options, nextVersion: null }, repository, now);
    }
  });
}

async function run(
  config: PublisherConfig,
  keys: PublisherKeys,
  options: PublishOptions,
  repository: Repository,
  now: Date,
): Promise<PublishResult> {
  const space = new RowSpace(config.state_dir, options.inMemory);
  try {
    return await runIn(space, { config, keys, options, repository, now });
  } finally {
    space.close();
  }
}

async function runIn(
  space: RowSpace,
  { config, keys, options, repository, now }: Pick<Work, 'config' | 'keys' | 'options' | 'repository' | 'now'>,
): Promise<PublishResult> {
  const published = await repository.published(keys.own);
  const record = repository.kept.record();
  const { isShared } = repository.store;
  const isOthers = isByAnother(published, record, keys, isShared);
  const own = continued(config, record, published, { nextVersion: options.nextVersion, isOthers, isShared });
  const state = published !== null && isOthers ? following(own, published, config.keep_deltas, now) : own;
  const behind = options.acceptClock === true ? null : clockBehind(published, now);
  if (behind !== null && !options.dryRun) {
    const goOn = 'Set the clock right; if it is right: relaymap-publish publish --accept-clock, once and by hand';
    throw new PublishError('CLOCK', `${behind}. ${goOn}`);
  }
  const given = await gather(config, now, { apart: apart(config), space });
  const small = sourceTooSmall(config, given);
  const shown = published?.manifest.tables.recipients.sha256 ?? state.tables.at(-1)?.sha256 ?? null;
  const base = shown !== null && (await repository.hasTable(shown)) ? () => repository.table(shown) : null;
  const known = { kept: repository.kept, base, sources: Object.keys(state.sources) };
  const waits = await removals(config, given, known, now);
  const { gathered } = waits;
  const allowed = options.allowShrink;
  const hops = await readNextHops({ config, repository, state, published, allowed, now, space });
  const { sha256 } = gathered.table;
  const same = published?.manifest.tables.recipients.sha256 === sha256;
  // Compresses in another thread while this one judges the table. If the table is refused, that was in vain.
  const member = options.dryRun || same || repository.kept.hasKept(sha256) ? null : packed(gathered.table, space);
  member?.catch(() => undefined); // its reader gets the error
  const table = await measured(gathered.table, sha256, gathered.domains);
  const read = { gathered, waits, table, hops, member };
  const work: Work = { config, options, keys, repository, state, published, isOthers, ...read, now };
  const isSame = same && isSameHops(hops);
  const result = (outcome: PublishResult['outcome'], version = published?.manifest.version ?? null) => ({
    outcome,
    version,
    rows: table.rows,
    domains: table.domains.size,
    deltas: 0,
    skipped: [...gathered.skipped, ...(hops.gathered?.skipped ?? [])],
    leftOut: [...gathered.leftOut, ...(hops.gathered?.leftOut ?? [])],
    waiting: waits.rows,
    nextRemoval: waits.next,
    validity: published === null ? null : validityOf(published.manifest),
    difference: null,
    nextHops: hops.gathered === null ? null : { rows: hops.rows, changes: options.dryRun ? hops.changes : [] },
  });

  const few = small?.reason ?? tooFew(work);
  if (few !== null && !options.dryRun) {
    const goOn = 'No option lifts this: mend the source, or set another min_rows';
    const refusal = new PublishError('TOO_FEW', `${few}. ${goOn}`);
    throw small === null ? refusal : ofSource(refusal, small.source);
  }
  const diverged = await divergence(work);
  if (diverged !== null && !options.dryRun) {
    await settle(work);
    throw new PublishError('DIVERGED', `${diverged}. ${divergedGoOn(work)}`);
  }
  if (!options.dryRun && isSame && !(await isDue(work))) {
    await settle({ ...work, state: await withoutOld(work) });
    return result('unchanged');
  }
  const meant =
    options.allowShrink || approves(approvalOf(state), { rows: table.rows, domains: table.domains.size }, now);
  const judged = await judgeList(work, baseOf(work), meant);
  const refused = hopsRefusal(hops, approvalOf(state), allowed, now);
  const shrunken = (meant ? null : refusalOf(judged)) ?? refused;
  if (options.dryRun) {
    const found = await difference(shown === null ? null : repository.table(shown), gathered.table);
    const attributedTo = await attributed(found, gathered, repository.kept);
    const waiting = await waitingShown(waits, given);
    return {
      ...result('dry-run'),
      difference: { ...attributedTo, waiting, refusal: behind ?? few ?? diverged ?? shrunken },
    };
  }
  if (shrunken !== null) {
    const goOn = 'Look at it with --dry-run; if it is meant: relaymap-publish publish --allow-shrink';
    const refusal = new PublishError('SHRUNK', `${shrunken}. ${goOn}`);
    const [source] = judged.list === null && shrunken !== refused ? judged.sources.keys() : [];
    throw source === undefined ? refusal : ofSource(refusal, source);
  }
  const gone = goneWords(judged.lost);
  if (gone !== null) log('warning', gone);
  const manifest = await goOut(work, same, judged);
  const validity = validityOf(manifest);
  const deltas = manifest.tables.recipients.deltas.length;
  const outcome = options.unsigned !== undefined ? 'unsigned' : isSame ? 'renewed' : 'published';
  return { ...result(outcome, manifest.version), validity, deltas };
}

/** Deletes what no manifest has named for long. @returns the record of what is still to be deleted. */
async function withoutOld({ repository, state, published, hops, now }: Work): Promise<PublisherState> {
  const named = published === null ? new Set<string>() : namedBy(published.manifest.tables.recipients);
  const unnamed = await repository.dropUnnamed(state, named, now);
  const ofHops = await hops.repository.dropUnnamed(state.transport, namedByHops(hops.entry), now);
  return { ...state, unnamed, transport: { ...state.transport, unnamed: ofHops } };
}

const validityOf = ({ created, expires }: Manifest) => ({ created, expires });

/** Why there are too few rows to publish (`min_rows`); null if there are enough. */
function tooFew({ config, table }: Work): string | null {
  const { min_rows: least } = config.policy;
  return table.rows < least ? `the list has ${table.rows} rows, policy.min_rows is ${least}` : null;
}

/**
 * Whether an unchanged table must be signed again: half of its validity has passed, blobs or signatures are
 * missing, or the caller asks for it.
 */
async function isDue(work: Work): Promise<boolean> {
  const { published, config, keys, options, now } = work;
  if (published === null || options.nextVersion !== null || options.allowShrink || options.unsigned !== undefined)
    return true;
  const { created, expires, version } = published.manifest;
  // The published manifest is older than the last one signed: someone restored a backup of the output, or a run was
  // killed before it published.
  if (work.isOthers ? version < work.state.highest : version !== work.state.highest) return true;
  const validFor = Math.min(expires.getTime() - created.getTime(), config.valid_for);
  if (now.getTime() >= created.getTime() + validFor / 2) return true;
  if (clockBehind(published, now) !== null) return true; // a person accepted it, or publish would have failed
  if (published.manifest.keyring < work.state.keyring) return true;
  const { envelope } = published;
  const isSigned =
    isSignedBy(envelope, trustedBy(keys), keys.threshold) &&
    (work.isOthers || keys.signers.every((key) => isSignedBy(envelope, [key], 1)));
  if (!isSigned) return true;
  if (work.isOthers) await keepPublished(work);
  return !(await isWhole(work, published.manifest.tables.recipients)) || !(await areHopsWhole(work.hops));
}

/** The table that gateways have now. If the output is lost, it is the last one on record. */
function baseOf({ published, state }: Work): string | null {
  return published?.manifest.tables.recipients.sha256 ?? state.tables.at(-1)?.sha256 ?? null;
}

/** The waiting rows that no source gives, to be shown. */
async function waitingShown(waits: Removals, given: Gathered): Promise<WaitingRow[]> {
  const all: WaitingRow[] = [];
  for (const each of waitingRows(waits)) if (all.push(each) === SHOWN) break;
  const there = await presentRows(
    streamed(given.table.blocks()),
    all.map(({ row }) => row),
  );
  return all.filter(({ row }) => !there.has(row));
}
