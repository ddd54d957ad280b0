/**
 * One publish, in order: read all sources -> normalise -> guard -> compare with what is published -> tables, deltas -> sign -> verify as
 * a gateway would -> manifest last. Whatever fails before the last step leaves the published manifest as it is.
 */
import { approves, shrunk } from '../bundle/offer/guard.ts';
import { isoTime, type TableEntry } from '../bundle/offer/manifest.ts';
import type { VerifiedManifest } from '../bundle/trust/verify.ts';
import { HostError } from '../errors.ts';
import { takeLock, type Lock } from '../io/lock.ts';
import { log } from '../io/log.ts';
import { requireUnwritable } from '../io/rights.ts';
import type { PublisherConfig } from './config.ts';
import { attributed } from './tables/attribution.ts';
import { changeOf } from './tables/compare-tables.ts';
import { makeDeltas, soundDeltas, writeDeltas, type Step } from './tables/deltas.ts';
import { difference, type Difference } from './tables/difference.ts';
import { PublishError } from './errors.ts';
import { gather, type Gathered, type LeftOut } from './gather/gather.ts';
import { packed } from './tables/compress.ts';
import { Repository } from './repository/repository.ts';
import { apart, keepSources, sourceRefusal } from './tables/source-guard.ts';
import { approvalFor, isSignedBy, signManifest, type Approval } from './repository/sign-manifest.ts';
import type { SigningKey } from './repository/signing-key.ts';
import { continued, dayAgoRows, remembered, type PublisherState, type Published } from './repository/state.ts';
import { hashOf, measure, sizeOfSound, verifyTable, writeFiles, type Measure } from './tables/tables.ts';

const LOCK_WAIT = 30;
/** How far the clock may be behind the published manifest. */
const CLOCK_SLACK = 600_000;

export interface PublishOptions {
  readonly dryRun: boolean;
  readonly allowShrink: boolean;
  readonly nextVersion: number | null;
  /** Publish although the clock is far behind what is published: one run by hand. */
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
  /** Only of a dry run. */
  readonly difference: Difference | null;
}

interface Work {
  readonly config: PublisherConfig;
  readonly options: PublishOptions;
  readonly keys: readonly SigningKey[];
  readonly repository: Repository;
  readonly state: PublisherState;
  readonly published: Published | null;
  readonly gathered: Gathered;
  readonly table: Measure;
  /** The table's gzip member, if it is being made. */
  readonly member: Promise<Uint8Array> | null;
  readonly now: Date;
}

interface Judged {
  /** Why the guard refuses the table; null if it does not. */
  readonly refusal: string | null;
  /** The delta to it, if the guard has seen it on its way. */
  readonly found: Step['found'];
}

/** @throws PublishError, HostError */
export async function publish(
  config: PublisherConfig,
  keys: readonly SigningKey[],
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
    throw new PublishError('OUTPUT', `cannot write ${file}: ${(error as Error).message}`, error);
  }
}

async function run(
  config: PublisherConfig,
  keys: readonly SigningKey[],
  options: PublishOptions,
  repository: Repository,
  now: Date,
): Promise<PublishResult> {
  const published = repository.published(keys);
  const state = continued(config, repository.state(), published, options.nextVersion);
  const behind = options.acceptClock === true ? null : clockBehind(published, now);
  if (behind !== null && !options.dryRun) {
    const goOn = 'Set the clock right; if it is right: relaymap-publish publish --accept-clock, once and by hand';
    throw new PublishError('CLOCK', `${behind}. ${goOn}`);
  }
  const gathered = await gather(config, now, { apart: apart(config) });
  const sha256 = hashOf(gathered.table);
  const same = published?.manifest.tables.recipients.sha256 === sha256;
  // Goes on in another thread while the table is judged here. What is judged unfit was compressed in vain.
  const member = options.dryRun || same || repository.hasKept(sha256) ? null : packed(gathered.table);
  member?.catch(() => undefined); // whoever waits for it hears of it
  const table = measure(gathered.table, sha256);
  const work: Work = { config, options, keys, repository, state, published, gathered, table, member, now };
  const result = (outcome: PublishResult['outcome'], version = published?.manifest.version ?? null) => ({
    outcome,
    version,
    rows: table.rows,
    domains: table.domains.size,
    deltas: 0,
    skipped: gathered.skipped,
    leftOut: gathered.leftOut,
    difference: null,
  });

  const few = tooFew(work);
  if (few !== null && !options.dryRun) {
    throw new PublishError('TOO_FEW', `${few}. No option lifts this: mend the source, or set another min_rows`);
  }
  if (!options.dryRun && same && !isDue(work)) {
    repository.dropUnnamed(state, namedBy(published.manifest.tables.recipients), now);
    return result('unchanged');
  }
  const { refusal: shrunken, found: delta } = await guard(work);
  const refusal = behind ?? few ?? shrunken;
  if (options.dryRun) {
    const base = baseOf(work);
    const found = await difference(base === null ? null : repository.table(base), gathered.table);
    return { ...result('dry-run'), difference: { ...(await attributed(found, gathered, repository)), refusal } };
  }
  if (refusal !== null) {
    const goOn = 'Look at it with --dry-run; if it is meant: relaymap-publish publish --allow-shrink';
    throw new PublishError('SHRUNK', `${refusal}. ${goOn}`);
  }
  const { version, tables } = await goOut(work, same, delta);
  return { ...result(same ? 'renewed' : 'published', version), deltas: tables.recipients.deltas.length };
}

/** Why the clock of this host cannot be right, in words; null if it can (docs/bundle-format.md section 3). */
function clockBehind(published: Published | null, now: Date): string | null {
  if (published === null) return null;
  const { created, version } = published.manifest;
  if (created.getTime() - now.getTime() <= CLOCK_SLACK) return null;
  return `the clock of this host says ${isoTime(now)}, but the published version ${version} was made at ${isoTime(created)}`;
}

/** `created` of a new manifest: now, or that of the published one where the clock is a little behind it. Gateways never see it go back. */
function createdAt(published: Published | null, now: Date): Date {
  const before = published?.manifest.created ?? now;
  return before > now && clockBehind(published, now) === null ? before : now;
}

const approvalOf = ({ approval }: PublisherState): Approval | undefined =>
  approval === null ? undefined : { ...approval, until: new Date(approval.until) };

/** Why there are too few rows to be published at all (`min_rows`), in words; null if there are enough. */
function tooFew({ config, gathered, table }: Work): string | null {
  for (const { name, min_rows: least = 0 } of config.source) {
    const rows = gathered.sources.get(name)?.rows ?? 0;
    if (rows < least) return `${name} gave ${rows} rows, its min_rows is ${least}`;
  }
  const { min_rows: least } = config.policy;
  return table.rows < least ? `the list has ${table.rows} rows, policy.min_rows is ${least}` : null;
}

/** Whether an unchanged table must be signed again: half of its time has passed, blobs or signatures are missing, or it is asked for. */
function isDue(work: Work): boolean {
  const { published, config, keys, options, now } = work;
  if (published === null || options.nextVersion !== null || options.allowShrink) return true;
  const { created, expires, version } = published.manifest;
  // Older than what was signed last: a backup of the output, or a run killed before its manifest went out.
  if (version !== work.state.highest) return true;
  const validFor = Math.min(expires.getTime() - created.getTime(), config.valid_for);
  if (now.getTime() >= created.getTime() + validFor / 2) return true;
  if (clockBehind(published, now) !== null) return true; // accepted by hand, or this would not be asked
  return !isWhole(work, published.manifest.tables.recipients) || !isSignedBy(published.envelope, keys);
}

/** Whether every blob that an entry names is there, and the table that the next deltas start from. */
function isWhole({ repository }: Work, entry: TableEntry): boolean {
  return (
    repository.hasKept(entry.sha256) &&
    repository.sizeOf(`${entry.sha256}.gz`) === entry.wireBytes &&
    entry.deltas.every((d) => repository.sizeOf(`${d.from}-${entry.sha256}.delta.gz`) === d.wireBytes)
  );
}

const namedBy = ({ sha256, deltas }: TableEntry): Set<string> =>
  new Set([`${sha256}.gz`, ...deltas.map((d) => `${d.from}-${sha256}.delta.gz`)]);

/** The table that gateways have now. After a lost output it is the last one on record. */
function baseOf({ published, state }: Work): string | null {
  return published?.manifest.tables.recipients.sha256 ?? state.tables.at(-1)?.sha256 ?? null;
}

/**
 * Why the new table has shrunk too far against the published one, by the gateways' own rule, or a source against what it gave then;
 * null where it has not, or where that is meant. A whole domain that goes is named, meant or not.
 */
async function guard(work: Work): Promise<Judged> {
  const { config, options, repository, state, gathered, table, now } = work;
  const base = baseOf(work);
  if (base === null || base === table.sha256) return { refusal: null, found: null };
  const next = { rows: table.rows, domains: table.domains.size };
  const meant = options.allowShrink || approves(approvalOf(state), next, now);
  if (!repository.hasTable(base)) {
    if (meant) return { refusal: null, found: null };
    const goOn = 'publish with --allow-shrink to go on without comparing';
    throw new PublishError(
      'STATE',
      `the table published now (${base.slice(0, 16)}) is gone from output and state; ${goOn}`,
    );
  }
  const change = await changeOf(repository.tableText(base), gathered.table, table.domains);
  const { installed, removed, domainsGone, delta } = change;
  if (!options.dryRun)
    for (const domain of domainsGone) log('warning', `the whole domain ${domain} goes with this list`);
  const found = delta === null ? null : { from: base, delta };
  if (meant) return { refusal: null, found };
  const percent = config.policy.max_shrink_percent;
  const reason = shrunk({ percent, installed, removed, next, dayAgoRows: dayAgoRows(state.history, now) });
  return { refusal: reason ?? (await sourceRefusal(config, repository, gathered.sources)), found };
}

async function goOut(work: Work, same: boolean, found: Step['found']): Promise<VerifiedManifest['manifest']> {
  const { config, options, keys, repository, state, published, table, now } = work;
  const { rows, sha256 } = table;
  const entry = await entryOf(work, same, found);
  const version = options.nextVersion ?? state.highest + 1;
  const created = createdAt(published, now);
  const carried = approvalOf(state);
  const stands = carried !== undefined && now < carried.until ? carried : null;
  const approval = options.allowShrink ? approvalFor(rows, table.domains.size, created) : stands;
  const facts = { name: config.name, version, created, validFor: config.valid_for, entry, approval };
  const signed = signManifest(facts, keys);
  await verifyTable(repository, signed.manifest.tables.recipients);
  if (!same) await keepSources(repository, apart(config) ? work.gathered.sources : new Map());

  const current = same ? state.tables.find((t) => t.sha256 === sha256) : undefined;
  const earlier = state.tables.filter((t) => t.sha256 !== sha256);
  const named = namedBy(entry);
  const next: PublisherState = {
    ...state,
    // What is named again has no date to be deleted on, even if this run ends before it tidies up.
    unnamed: Object.fromEntries(Object.entries(state.unnamed).filter(([name]) => !named.has(name))),
    highest: version,
    digest: signed.digest,
    approval: approval === null ? null : { ...approval, until: approval.until.toISOString() },
    tables: [...earlier, current ?? { sha256, at: now.toISOString() }].slice(-config.keep_deltas - 1),
    history: same && state.history.length > 0 ? state.history : remembered(state.history, rows, now),
  };
  repository.writeState(next); // before it goes out: a version is never signed twice
  repository.writeManifest(signed.envelope);
  try {
    repository.writeState(repository.clean(next, named, now));
  } catch (error) {
    // It is published, and the next run cleans up: no reason to call it failed.
    log('warning', `old files were not cleaned up: ${(error as Error).message}`);
  }
  return signed.manifest;
}

/** The manifest's entry for the table; its files are there afterwards. */
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
