/**
 * How a table that was judged goes out: entry and blobs, manifest, signatures, state, manifest last
 * (docs/bundle-format.md section 1). Where more signatures are needed than are made here, the manifest waits as a
 * candidate until other hosts have signed it (docs/commands.md section 3.3). publish.ts decides whether it goes out.
 */
import { createHash } from 'node:crypto';
import { rememberRows, type RowCount } from '../bundle/offer/guard.ts';
import { isoTime, nextHopsOf, parseManifest, type Manifest, type TableEntry } from '../bundle/offer/manifest.ts';
import { encodeEnvelope, MANIFEST_TYPE } from '../bundle/trust/envelope.ts';
import type { VerifiedManifest } from '../bundle/trust/verify.ts';
import { log } from '../io/log.ts';
import type { PublisherConfig } from './config.ts';
import { PublishError } from './errors.ts';
import type { Gathered } from './gather/gather.ts';
import { writeFolder } from './keys/candidate-folder.ts';
import { collect } from './keys/collect.ts';
import { requireNewestStep } from './keys/newest-step.ts';
import { trustedBy, type PublisherKeys } from './keys/publisher-keys.ts';
import type { PublishOptions } from './publish-options.ts';
import { keepRemovals, type Removals } from './removals/removals.ts';
import { dropCandidates, readCandidate, writeCandidate, type WaitingManifest } from './repository/candidates.ts';
import { createdAt } from './repository/clock.ts';
import type { Repository } from './repository/repository.ts';
import {
  approvalFor,
  goodSignatures,
  manifestPayload,
  signaturesOf,
  signedManifest,
  type Approval,
} from './repository/sign-manifest.ts';
import type { Published, PublisherState } from './repository/state.ts';
import { packed } from './tables/compress.ts';
import { makeDeltas, soundDeltas, writeDeltas, type Step } from './tables/deltas.ts';
import type { Judged } from './tables/list-guard.ts';
import { apart, keepSources } from './tables/source-guard.ts';
import { sizeOfSound, verifyTable, writeFiles, type Measure } from './tables/tables.ts';
import { approvedHops, namedByHops, nextHopsState, writeNextHops, type NextHops } from './transport/next-hops.ts';

/** Milliseconds after which a waiting candidate is made again: cosigners refuse an old one. */
const FRESH = 300_000;
/**
 * A candidate so far above what is out is not signed here before the others have signed it, so that its version does
 * not count: with the other host down versions would climb, and above 100 that host never signs again.
 */
const AHEAD = 50;
/** The most candidates that are remembered. */
const REMEMBERED = 16;

/** One publish: what was read and what it is compared with. */
export interface Work {
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

/** Whether every blob that an entry names exists, and the table from which the next deltas start. */
export function isWhole({ repository }: Work, entry: TableEntry): boolean {
  return (
    repository.hasKept(entry.sha256) &&
    repository.sizeOf(`${entry.sha256}.gz`) === entry.wireBytes &&
    entry.deltas.every((d) => repository.sizeOf(`${d.from}-${entry.sha256}.delta.gz`) === d.wireBytes)
  );
}

export const namedBy = ({ sha256, deltas }: TableEntry): Set<string> =>
  new Set([`${sha256}.gz`, ...deltas.map((d) => `${d.from}-${sha256}.delta.gz`)]);

export const approvalOf = ({ approval }: PublisherState): Approval | undefined =>
  approval === null ? undefined : { ...approval, until: new Date(approval.until) };

/** @throws PublishError UNSIGNED if other hosts have to sign yet */
export async function goOut(work: Work, same: boolean, judged: Judged): Promise<Manifest> {
  const { config, options, keys, repository, state, published, table, now } = work;
  if (options.unsigned === undefined && keys.signers.length + keys.others.length < keys.threshold)
    throw signsElsewhere(keys);
  const entry = await entryOf(work, same, judged.found);
  await verifyTable(repository, entry);
  const transport = await writeNextHops(work.hops, config, state);
  const created = createdAt(published, now);
  const carried = approvalOf(state);
  const stands = carried !== undefined && now < carried.until ? carried : null;
  const hadHops = transport !== null || work.hops.entry !== null;
  const hopRows = hadHops ? (transport?.rows ?? 0) : null;
  const approval = options.allowShrink ? approvalFor(table.rows, table.domains.size, created, hopRows) : stands;
  const keyring = Math.max(state.keyring, published?.manifest.keyring ?? 0);
  const payloadOf = (version: number) =>
    manifestPayload({
      name: config.name,
      version,
      created,
      validFor: config.valid_for,
      keyring,
      entry,
      transport,
      approval,
    });
  const version = options.nextVersion ?? state.highest + 1;
  const result = { same, judged, entry, transport, approval };
  if (options.unsigned !== undefined) {
    const waiting = candidateOf(payloadOf(version), encodeEnvelope(MANIFEST_TYPE, payloadOf(version), []));
    repository.writeState(withCandidate(work, result, waiting, true)); // this version is never used again
    await writeFolder(options.unsigned, waiting.envelope, repository, { recipients: entry, hops: transport });
    return waiting.manifest;
  }
  if (keys.signers.length >= keys.threshold) {
    const payload = payloadOf(version);
    const signatures = await signaturesOf(MANIFEST_TYPE, payload, keys.signers);
    return await commit(work, result, signedManifest(payload, signatures, trustedBy(keys), keys.threshold));
  }
  const found = waitingCandidate(work, result, keyring);
  const waiting = found ?? (await newCandidate(work, result, payloadOf(version)));
  return await commit(work, result, await cosigned(work, waiting));
}

interface Result {
  readonly same: boolean;
  readonly judged: Judged;
  readonly entry: TableEntry;
  /** The entry of the table of next hops; null without one. */
  readonly transport: TableEntry | null;
  readonly approval: Approval | null;
}

async function commit(work: Work, result: Result, signed: VerifiedManifest): Promise<Manifest> {
  const { config, repository, state, table, now } = work;
  const { same, judged, entry } = result;
  if (!same) await keepSources(repository, apart(config) ? work.gathered.sources : new Map());
  await keepRemovals(repository, work.waits, same);
  const { sha256 } = table;
  const current = same ? state.tables.find((t) => t.sha256 === sha256) : undefined;
  const earlier = state.tables.filter((t) => t.sha256 !== sha256);
  const { version } = signed.manifest;
  const named = namedBy(entry);
  const next: PublisherState = {
    ...withoutUnnamed(state, named),
    highest: Math.max(version, work.options.nextVersion ?? 0),
    digest: signed.digest,
    approval: recorded(result.approval),
    tables: [...earlier, current ?? { sha256, at: now.toISOString() }].slice(-config.keep_deltas - 1),
    // If a shrinking was accepted, the smaller size is the new measure.
    history: rememberRows(state.history, table.rows, now, judged.list !== null),
    sources: same ? state.sources : sourceHistories(work, judged),
    transport: nextHopsState(work.hops, result.transport, config, state, now),
    candidates: [],
  };
  putOut(repository, next, signed, named, now);
  return signed.manifest;
}

/**
 * State first, manifest last, then what nothing names any more.
 * @throws PublishError VERIFY if gateways at the newest key ring step would refuse it; nothing is written
 */
export function putOut(
  repository: Repository,
  next: PublisherState,
  signed: VerifiedManifest,
  named: ReadonlySet<string>,
  now: Date,
): void {
  const waiting = repository.state()?.candidates ?? [];
  requireNewestStep(repository.output, next.keyring, signed);
  repository.writeState(next); // before publishing: a version is never signed twice
  repository.writeManifest(signed.envelope);
  try {
    const hops = repository.ofTransport().clean(next.transport, namedByHops(nextHopsOf(signed.manifest).entry), now);
    repository.writeState(repository.clean({ ...next, transport: hops }, named, now));
    const digests = waiting.map(({ digest }) => digest);
    if (digests.length > 0) dropCandidates(repository, digests, true);
  } catch (error) {
    // The list is published and the next run cleans up, so this is no failure.
    log(
      'warning',
      `files of older versions could not be removed, the next publish tries again: ${(error as Error).message}`,
    );
  }
}

/** As the record has it. */
function recorded(approval: Approval | null): PublisherState['approval'] {
  if (approval === null) return null;
  const { until, rows, domains } = approval;
  const hops = approvedHops(approval);
  return { until: until.toISOString(), rows, domains, ...(hops === null ? {} : { transport: { rows: hops } }) };
}

/** A blob that is named again has no deletion date any more, even if this run ends before it cleans up. */
const withoutUnnamed = (state: PublisherState, named: ReadonlySet<string>): PublisherState => ({
  ...state,
  unnamed: Object.fromEntries(Object.entries(state.unnamed).filter(([name]) => !named.has(name))),
});

const candidateOf = (payload: Uint8Array, envelope: Uint8Array): WaitingManifest => ({
  manifest: parseManifest(payload),
  payload,
  envelope,
  digest: createHash('sha256').update(payload).digest('hex'),
});

/** The state once a candidate is on its way. @param counts its version is never used again. */
function withCandidate(
  { state }: Work,
  { entry, approval }: Result,
  made: WaitingManifest,
  counts: boolean,
): PublisherState {
  const { manifest, digest } = made;
  return {
    ...withoutUnnamed(state, namedBy(entry)),
    ...(counts ? { highest: manifest.version, digest } : {}),
    approval: recorded(approval),
    candidates: [...state.candidates, { version: manifest.version, digest }].slice(-REMEMBERED),
  };
}

/** The newest candidate, if it says what a new one would say. */
function waitingCandidate(
  { repository, state, options, now }: Work,
  { entry, transport, approval }: Result,
  keyring: number,
) {
  const last = state.candidates.at(-1);
  if (last === undefined || options.allowShrink || options.nextVersion !== null) return null;
  const found = readCandidate(repository, last.digest);
  if (found === null) return null;
  const { manifest: m } = found;
  const approved = (a: Approval | null | undefined) =>
    a == null ? null : [isoTime(a.until), a.rows, a.domains].join();
  const isSame =
    m.version >= state.highest &&
    m.keyring === keyring &&
    m.tables.recipients.sha256 === entry.sha256 &&
    nextHopsOf(m).entry?.sha256 === transport?.sha256 &&
    approved(m.shrinkApproved) === approved(approval) &&
    Math.abs(now.getTime() - m.created.getTime()) < FRESH;
  return isSame ? found : null;
}

async function newCandidate(work: Work, result: Result, payload: Uint8Array): Promise<WaitingManifest> {
  const { keys, repository, state, published, options } = work;
  const bare = candidateOf(payload, new Uint8Array());
  const counts = bare.manifest.version <= (published?.manifest.version ?? 0) + AHEAD || options.nextVersion !== null;
  const next = withCandidate(work, result, bare, counts);
  repository.writeState(next); // before signing: a version is never signed twice
  const signatures = counts ? await signaturesOf(MANIFEST_TYPE, payload, keys.signers) : [];
  const made = { ...bare, envelope: encodeEnvelope(MANIFEST_TYPE, payload, signatures) };
  writeCandidate(repository, made);
  const remembered = new Set(next.candidates.map(({ digest }) => digest));
  const forgotten = state.candidates.map(({ digest }) => digest).filter((digest) => !remembered.has(digest));
  if (forgotten.length > 0) dropCandidates(repository, forgotten, false);
  return made;
}

/** @throws PublishError UNSIGNED */
async function cosigned(
  { config, keys, repository, published }: Work,
  waiting: WaitingManifest,
): Promise<VerifiedManifest> {
  const { manifest, payload, envelope } = waiting;
  const needed = keys.threshold - keys.signers.length;
  const { signatures, missing } = await collect(waiting, config.cosigners, keys.others, needed);
  if (signatures.length >= needed) {
    const made = goodSignatures(envelope, keys.signers);
    const own = made.length === keys.signers.length ? made : await ownSignatures(repository, waiting, keys);
    return signedManifest(payload, [...own, ...signatures], trustedBy(keys), keys.threshold);
  }
  await giveUpVersion(repository, waiting, { config, keys });
  const there = keys.signers.length + signatures.length;
  const stays = published === null ? 'nothing is out' : `version ${published.manifest.version} stays published`;
  const elsewhere = keys.own.filter((key) => !('sign' in key)).map((key) => `${key.label} signs elsewhere`);
  const why = [...missing, ...elsewhere].join('; ');
  throw new PublishError(
    'UNSIGNED',
    `version ${manifest.version} has ${there} of ${keys.threshold} signatures: ${why}; ${stays}`,
  );
}

function signsElsewhere({ own, threshold, signers }: PublisherKeys): PublishError {
  const labels = own.filter((key) => !('sign' in key)).map(({ label }) => label);
  const goOn = 'publish --unsigned DIR makes a candidate, sign signs it, release DIR puts it out';
  const why = `${signers.length} of ${threshold} signatures can be made here, ${labels.join(', ')} signs elsewhere`;
  return new PublishError('UNSIGNED', `nothing goes out: ${why}. ${goOn}`);
}

/** The own signatures of a candidate that was not signed here yet: its version counts from now on. */
async function ownSignatures(
  repository: Repository,
  { manifest, payload, digest }: WaitingManifest,
  keys: PublisherKeys,
) {
  const state = repository.state();
  if (state === null) throw new PublishError('STATE', `${repository.stateDir} is gone`);
  repository.writeState({ ...state, highest: manifest.version, digest });
  return await signaturesOf(MANIFEST_TYPE, payload, keys.signers);
}

/** Another payload of this version was signed by another host: it signs no second one, so the next one is higher. */
async function giveUpVersion(
  repository: Repository,
  { manifest, digest }: WaitingManifest,
  { config, keys }: Pick<Work, 'config' | 'keys'>,
): Promise<void> {
  const state = repository.state();
  if (state === null || state.highest >= manifest.version) return;
  for (const other of state.candidates.filter((c) => c.version === manifest.version && c.digest !== digest)) {
    const found = readCandidate(repository, other.digest);
    if (found === null) continue;
    const { signatures } = await collect(found, config.cosigners, keys.others, 1, 1);
    if (signatures.length === 0) continue;
    repository.writeState({ ...state, highest: manifest.version, digest: other.digest });
    return;
  }
}

/** How many rows each source in the configuration has had. Drops other sources. */
function sourceHistories({ gathered, state, now }: Work, { list, sources }: Judged): PublisherState['sources'] {
  const histories = [...gathered.sources].map(([name, { rows }]): [string, RowCount[]] => [
    name,
    rememberRows(state.sources[name] ?? [], rows, now, list !== null || sources.has(name)),
  ]);
  return Object.fromEntries(histories);
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
