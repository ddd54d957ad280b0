/**
 * One publish, in order: read all sources -> normalise -> guard -> compare with what is published -> tables, deltas
 * -> sign -> verify as a gateway would -> manifest last. A failure before the last step leaves the published
 * manifest unchanged.
 */
import { approves, rememberRows, type RowCount } from '../bundle/offer/guard.ts';
import type { Manifest, TableEntry } from '../bundle/offer/manifest.ts';
import { presentRows } from '../bundle/table/present-rows.ts';
import { MANIFEST_TYPE } from '../bundle/trust/envelope.ts';
import type { VerifiedManifest } from '../bundle/trust/verify.ts';
import { HostError } from '../errors.ts';
import { whyUnwritten } from '../io/denied.ts';
import { takeLock, type Lock } from '../io/lock.ts';
import { log } from '../io/log.ts';
import { requireUnwritable } from '../io/rights.ts';
import type { PublisherConfig } from './config.ts';
import { attributed } from './tables/attribution.ts';
import { makeDeltas, soundDeltas, writeDeltas, type Step } from './tables/deltas.ts';
import { difference, type Difference } from './tables/difference.ts';
import { PublishError } from './errors.ts';
import { ofSource } from './failing-source.ts';
import { gather, type Gathered, type LeftOut } from './gather/gather.ts';
import { packed } from './tables/compress.ts';
import { Repository } from './repository/repository.ts';
import { clockBehind, createdAt } from './repository/clock.ts';
import { keepRemovals, removals, waitingRows, type Removals, type WaitingRow } from './removals/removals.ts';
import { judgeList, refusalOf, type Judged } from './tables/list-guard.ts';
import { goneWords } from './tables/loss-words.ts';
import { apart, keepSources, sourceTooSmall } from './tables/source-guard.ts';
import {
  approvalFor,
  isSignedBy,
  manifestPayload,
  signaturesOf,
  signedManifest,
  type Approval,
} from './repository/sign-manifest.ts';
import type { PublisherKeys } from './keys/publisher-keys.ts';
import { continued, type PublisherState, type Published } from './repository/state.ts';
import {
  approvedHops,
  areHopsWhole,
  hopsRefusal,
  isSameHops,
  namedByHops,
  nextHopsState,
  readNextHops,
  writeNextHops,
  type NextHops,
} from './transport/next-hops.ts';
import { hashOf, measure, sizeOfSound, streamed, verifyTable, writeFiles, type Measure } from './tables/tables.ts';

const LOCK_WAIT = 30;
/** The most waiting rows that are shown. */
const SHOWN = 1000;

export interface PublishOptions {
  readonly dryRun: boolean;
  readonly allowShrink: boolean;
  readonly nextVersion: number | null;
  /** Publish although the clock is far behind the published manifest: for one run by hand. */
  readonly acceptClock?: boolean;
}

export interface PublishResult {
  readonly outcome: 'published' | 'renewed' | 'unchanged' | 'dry-run';
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

interface Work {
  readonly config: PublisherConfig;
  readonly options: PublishOptions;
  readonly keys: PublisherKeys;
  readonly repository: Repository;
  readonly state: PublisherState;
  readonly published: Published | null;
  /** Includes what waits to be removed. */
  readonly gathered: Gathered;
  readonly waits: Removals;
  readonly table: Measure;
  readonly hops: NextHops;
  /** The table's gzip member, if it is being made. */
  readonly member: Promise<Uint8Array> | null;
  readonly now: Date;
}

/** @throws PublishError, HostError */
export async function publish(
  config: PublisherConfig,
  keys: PublisherKeys,
  options: PublishOptions,
  now: Date,
): Promise<PublishResult> {
  requireUnwritable('output', config.output);
  requireUnwritable('state_dir', config.state_dir);
  const repository = new Repository(config.output, config.state_dir);
  if (options.dryRun) return run(config, keys, options, repository, now);
  repository.makeStateFolder();
  const lock = await locked(repository.lockFile);
  try {
    return await run(config, keys, options, repository, now);
  } finally {
    lock.release();
  }
}

/** @throws HostError BUSY, PublishError OUTPUT */
async function locked(file: string): Promise<Lock> {
  try {
    return await takeLock(file, LOCK_WAIT, (holder) =>
      log('info', `another publish is under way; waiting for it: ${holder}`),
    );
  } catch (error) {
    if (error instanceof HostError) throw error;
    throw new PublishError('OUTPUT', `cannot write ${file}: ${whyUnwritten(error, file)}`, error);
  }
}

async function run(
  config: PublisherConfig,
  keys: PublisherKeys,
  options: PublishOptions,
  repository: Repository,
  now: Date,
): Promise<PublishResult> {
  const published = repository.published(keys.own);
  const state = continued(config, repository.state(), published, options.nextVersion);
  const behind = options.acceptClock === true ? null : clockBehind(published, now);
  if (behind !== null && !options.dryRun) {
    const goOn = 'Set the clock right; if it is right: relaymap-publish publish --accept-clock, once and by hand';
    throw new PublishError('CLOCK', `${behind}. ${goOn}`);
  }
  const given = await gather(config, now, { apart: apart(config) });
  const small = sourceTooSmall(config, given);
  const shown = published?.manifest.tables.recipients.sha256 ?? state.tables.at(-1)?.sha256 ?? null;
  const base = shown !== null && repository.hasTable(shown) ? shown : null;
  const waits = await removals(config, given, { repository, base, sources: Object.keys(state.sources) }, now);
  const { gathered } = waits;
  const allowed = options.allowShrink;
  const hops = await readNextHops({ config, repository, state, published, allowed, now });
  const sha256 = hashOf(gathered.table);
  const same = published?.manifest.tables.recipients.sha256 === sha256;
  // Compresses in another thread while this one judges the table. If the table is refused, that was in vain.
  const member = options.dryRun || same || repository.hasKept(sha256) ? null : packed(gathered.table);
  member?.catch(() => undefined); // its reader gets the error
  const table = measure(gathered.table, sha256);
  const work: Work = { config, options, keys, repository, state, published, gathered, waits, table, hops, member, now };
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
  if (!options.dryRun && isSame && !isDue(work)) {
    repository.dropUnnamed(state, namedBy(published.manifest.tables.recipients), now);
    hops.repository.dropUnnamed(state.transport, namedByHops(hops.entry), now);
    await keepRemovals(repository, waits, true);
    return result('unchanged');
  }
  const meant =
    options.allowShrink || approves(approvalOf(state), { rows: table.rows, domains: table.domains.size }, now);
  const judged = await judgeList(work, baseOf(work), meant);
  const refused = hopsRefusal(hops, approvalOf(state), allowed, now);
  const shrunken = (meant ? null : refusalOf(judged)) ?? refused;
  if (options.dryRun) {
    const found = await difference(shown === null ? null : repository.table(shown), gathered.table);
    const attributedTo = await attributed(found, gathered, repository);
    const waiting = await waitingShown(waits, given);
    return { ...result('dry-run'), difference: { ...attributedTo, waiting, refusal: behind ?? few ?? shrunken } };
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
  return { ...result(isSame ? 'renewed' : 'published', manifest.version), validity, deltas };
}

const validityOf = ({ created, expires }: Manifest) => ({ created, expires });

const approvalOf = ({ approval }: PublisherState): Approval | undefined =>
  approval === null ? undefined : { ...approval, until: new Date(approval.until) };

/** As the record has it. */
function kept(approval: Approval): PublisherState['approval'] {
  const { until, rows, domains } = approval;
  const hops = approvedHops(approval);
  return { until: until.toISOString(), rows, domains, ...(hops === null ? {} : { transport: { rows: hops } }) };
}

/** Why there are too few rows to publish (`min_rows`); null if there are enough. */
function tooFew({ config, table }: Work): string | null {
  const { min_rows: least } = config.policy;
  return table.rows < least ? `the list has ${table.rows} rows, policy.min_rows is ${least}` : null;
}

/**
 * Whether an unchanged table must be signed again: half of its validity has passed, blobs or signatures are
 * missing, or the caller asks for it.
 */
function isDue(work: Work): boolean {
  const { published, config, keys, options, now } = work;
  if (published === null || options.nextVersion !== null || options.allowShrink) return true;
  const { created, expires, version } = published.manifest;
  // The published manifest is older than the last one signed: someone restored a backup of the output, or a run was
  // killed before it published.
  if (version !== work.state.highest) return true;
  const validFor = Math.min(expires.getTime() - created.getTime(), config.valid_for);
  if (now.getTime() >= created.getTime() + validFor / 2) return true;
  if (clockBehind(published, now) !== null) return true; // a person accepted it, or publish would have failed
  return (
    !isWhole(work, published.manifest.tables.recipients) ||
    !areHopsWhole(work.hops) ||
    !isSignedBy(published.envelope, keys.own, keys.own.length)
  );
}

/** Whether every blob that an entry names exists, and the table from which the next deltas start. */
function isWhole({ repository }: Work, entry: TableEntry): boolean {
  return (
    repository.hasKept(entry.sha256) &&
    repository.sizeOf(`${entry.sha256}.gz`) === entry.wireBytes &&
    entry.deltas.every((d) => repository.sizeOf(`${d.from}-${entry.sha256}.delta.gz`) === d.wireBytes)
  );
}

const namedBy = ({ sha256, deltas }: TableEntry): Set<string> =>
  new Set([`${sha256}.gz`, ...deltas.map((d) => `${d.from}-${sha256}.delta.gz`)]);

/** The table that gateways have now. If the output is lost, it is the last one on record. */
function baseOf({ published, state }: Work): string | null {
  return published?.manifest.tables.recipients.sha256 ?? state.tables.at(-1)?.sha256 ?? null;
}

async function goOut(work: Work, same: boolean, judged: Judged): Promise<VerifiedManifest['manifest']> {
  const { config, options, keys, repository, state, published, table, now } = work;
  const { rows, sha256 } = table;
  const entry = await entryOf(work, same, judged.found);
  const transport = await writeNextHops(work.hops, config, state);
  const version = options.nextVersion ?? state.highest + 1;
  const created = createdAt(published, now);
  const carried = approvalOf(state);
  const stands = carried !== undefined && now < carried.until ? carried : null;
  const hadHops = transport !== null || work.hops.entry !== null;
  const hopRows = hadHops ? (transport?.rows ?? 0) : null;
  const approval = options.allowShrink ? approvalFor(rows, table.domains.size, created, hopRows) : stands;
  const facts = {
    name: config.name,
    version,
    created,
    validFor: config.valid_for,
    keyring: 0,
    entry,
    transport,
    approval,
  };
  const payload = manifestPayload(facts);
  const signatures = await signaturesOf(MANIFEST_TYPE, payload, keys.signers);
  const signed = signedManifest(payload, signatures, keys.own, keys.threshold);
  await verifyTable(repository, signed.manifest.tables.recipients);
  if (!same) await keepSources(repository, apart(config) ? work.gathered.sources : new Map());
  await keepRemovals(repository, work.waits, same);

  const current = same ? state.tables.find((t) => t.sha256 === sha256) : undefined;
  const earlier = state.tables.filter((t) => t.sha256 !== sha256);
  const named = namedBy(entry);
  const next: PublisherState = {
    ...state,
    // A blob that is named again has no deletion date any more, even if this run ends before it cleans up.
    unnamed: Object.fromEntries(Object.entries(state.unnamed).filter(([name]) => !named.has(name))),
    highest: version,
    digest: signed.digest,
    approval: approval === null ? null : kept(approval),
    tables: [...earlier, current ?? { sha256, at: now.toISOString() }].slice(-config.keep_deltas - 1),
    // If a shrinking was accepted, the smaller size is the new measure.
    history: rememberRows(state.history, rows, now, judged.list !== null),
    sources: same ? state.sources : sourceHistories(work, judged),
    transport: nextHopsState(work.hops, transport, config, state, now),
  };
  repository.writeState(next); // before publishing: a version is never signed twice
  repository.writeManifest(signed.envelope);
  try {
    const hops = work.hops.repository.clean(next.transport, namedByHops(transport), now);
    repository.writeState(repository.clean({ ...next, transport: hops }, named, now));
  } catch (error) {
    // The list is published and the next run cleans up, so this is no failure.
    log(
      'warning',
      `files of older versions could not be removed, the next publish tries again: ${(error as Error).message}`,
    );
  }
  return signed.manifest;
}

/** How many rows each source in the configuration has had. Drops other sources. */
function sourceHistories({ gathered, state, now }: Work, { list, sources }: Judged): PublisherState['sources'] {
  const histories = [...gathered.sources].map(([name, { rows }]): [string, RowCount[]] => [
    name,
    rememberRows(state.sources[name] ?? [], rows, now, list !== null || sources.has(name)),
  ]);
  return Object.fromEntries(histories);
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

/** Makes the manifest's entry for the table and writes its files. */
async function entryOf(work: Work, same: boolean, found: Step['found']): Promise<TableEntry> {
  const { config, repository, state, published, gathered, table } = work;
  const entry = published?.manifest.tables.recipients;
  const newest = <T>(list: readonly T[]): readonly T[] => list.slice(Math.max(0, list.length - config.keep_deltas));
  if (same && entry !== undefined && isWhole(work, entry)) {
    return { ...entry, deltas: await soundDeltas(repository, gathered.table, entry, newest(entry.deltas)) };
  }
  const { sha256, rows, bytes } = table;
  const name = `${sha256}.gz`;
  const there = repository.hasKept(sha256) ? await sizeOfSound(repository, name, sha256) : null;
  const member = there === null ? (work.member ?? packed(gathered.table)) : null;
  const wireBytes = member === null ? Promise.resolve(there ?? 0) : member.then(({ length }) => length);
  const bases = state.tables.map((t) => t.sha256).filter((base) => base !== sha256);
  const step = { table: gathered.table, sha256, wireBytes, before: entry ?? null, found };
  const deltas = await makeDeltas(repository, step, newest(bases));
  if (member !== null) writeFiles([repository.blob(name), repository.keptTable(sha256)], await member);
  const made = { rows, bytes, sha256, encoding: 'gzip' as const, wireBytes: await wireBytes };
  return { ...made, deltas: await writeDeltas(repository, sha256, deltas) };
}
