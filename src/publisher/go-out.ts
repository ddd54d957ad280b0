/**
 * How a table that was judged goes out: entry and blobs, manifest, signatures, state, manifest last
 * (docs/bundle-format.md section 1). Where more signatures are needed than are made here, the manifest waits as a
 * candidate until other hosts have signed it (docs/commands.md section 3.3). publish.ts decides whether it goes out.
 */
import { createHash } from 'node:crypto';
import { rememberRows } from '../bundle/offer/guard.ts';
import { nextHopsOf, type Manifest, type TableEntry } from '../bundle/offer/manifest.ts';
import { encodeEnvelope, MANIFEST_TYPE } from '../bundle/trust/envelope.ts';
import type { VerifiedManifest } from '../bundle/trust/verify.ts';
import { HostError } from '../errors.ts';
import { log } from '../io/log.ts';
import { PublishError } from './errors.ts';
import { writeFolder } from './keys/candidate-folder.ts';
import { requireNewestStep } from './keys/newest-step.ts';
import { trustedBy, type PublisherKeys } from './keys/publisher-keys.ts';
import { keepRemovals } from './removals/removals.ts';
import { dropCandidates } from './repository/candidates.ts';
import { createdAt } from './repository/clock.ts';
import type { Repository } from './repository/repository.ts';
import { mayHaveOthers } from './repository/other-publisher.ts';
import { nextVersion, withReading, type Tables } from './repository/several-publishers.ts';
import { approvalFor, manifestPayload, signaturesOf, signedManifest } from './repository/sign-manifest.ts';
import type { Published, PublisherState } from './repository/state.ts';
import { packed } from './tables/compress.ts';
import { basesOf, makeDeltas, soundDeltas, writeDeltas, type Step } from './tables/deltas.ts';
import type { Judged } from './tables/list-guard.ts';
import { apart, keepSources, sourceHistories } from './tables/source-guard.ts';
import { sizeOfSound, verifyTable, writeTable } from './tables/tables.ts';
import { namedByHops, nextHopsState, writeNextHops } from './transport/next-hops.ts';
import { candidateOf, withCandidate, waitingCandidate, newCandidate, cosigned } from './candidate.ts';
import { readingOf } from './settle.ts';
import { type Work, type Result, namedBy, recorded, withoutUnnamed, approvalOf, isWhole } from './work.ts';

/**
 * An object store may do later what it did not answer, and another publisher may have seen what was signed here, so the
 * version counts before anything is signed: another run takes a higher one.
 */
function noteVersion(repository: Repository, state: PublisherState, version: number, payload: Uint8Array): void {
  const digest = createHash('sha256').update(payload).digest('hex');
  repository.kept.writeRecord({ ...(repository.kept.record() ?? state), highest: version, digest });
}

/** @throws PublishError UNSIGNED if other hosts have to sign yet */
export async function goOut(work: Work, same: boolean, judged: Judged): Promise<Manifest> {
  const { config, options, keys, repository, state, published, table, now } = work;
  if (options.unsigned === undefined && keys.signers.length + keys.others.length < keys.threshold)
    throw signsElsewhere(keys);
  const entry = await entryOf(work, same, judged.found);
  await verifyTable(repository, entry);
  const transport = await writeNextHops(work.hops, config, state);
  const created = createdAt(published, now);
  // A shrinking that another publisher has allowed stays allowed: gateways may not have taken its list yet.
  const others = repository.store.isShared ? published?.manifest.shrinkApproved : undefined;
  const carried = approvalOf(state) ?? others;
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
  const version = options.nextVersion ?? nextVersion(state.highest, published?.manifest.version ?? null);
  const result = { same, judged, entry, transport, approval };
  if (options.unsigned !== undefined) {
    const waiting = candidateOf(payloadOf(version), encodeEnvelope(MANIFEST_TYPE, payloadOf(version), []));
    repository.kept.writeRecord(withCandidate(work, result, waiting, true)); // this version is never used again
    await writeFolder(options.unsigned, waiting.envelope, repository, { recipients: entry, hops: transport });
    return waiting.manifest;
  }
  if (keys.signers.length >= keys.threshold) {
    const payload = payloadOf(version);
    if (repository.store.leastAge > 0 || mayHaveOthers(config)) noteVersion(repository, state, version, payload);
    const signatures = await signaturesOf(MANIFEST_TYPE, payload, keys.signers);
    return await commit(work, result, signedManifest(payload, signatures, trustedBy(keys), keys.threshold));
  }
  const found = waitingCandidate(work, result, keyring);
  const waiting = found ?? (await newCandidate(work, result, payloadOf(version)));
  return await commit(work, result, await cosigned(work, waiting));
}

async function commit(work: Work, result: Result, signed: VerifiedManifest): Promise<Manifest> {
  const { config, repository, state, table, now } = work;
  const { same, judged, entry } = result;
  const { sources, space } = work.gathered;
  if (!same) await keepSources(repository.kept, apart(config) ? sources : new Map(), space);
  await keepRemovals(repository.kept, work.waits, same);
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
    sources: same ? state.sources : sourceHistories(work, (name) => judged.list !== null || judged.sources.has(name)),
    transport: nextHopsState(work.hops, result.transport, config, state, now),
    candidates: [],
  };
  await putOut(repository, next, { signed, replaced: work.published, named, reading: readingOf(work) }, now);
  return signed.manifest;
}

/** Another publisher has put out a manifest while this one was made. */
export class LostRace extends HostError {
  constructor(message: string) {
    super('BUSY', message);
  }
}

/** A manifest on its way out. */
interface Outgoing {
  readonly signed: VerifiedManifest;
  /** What was published when this run began. */
  readonly replaced: Published | null;
  /** The blobs of recipients that it names. */
  readonly named: ReadonlySet<string>;
  /** What the sources gave for it, to be remembered once it is out; null if they were not read. */
  readonly reading: Tables | null;
}

/**
 * State first, manifest last, then what nothing names any more.
 * @throws PublishError VERIFY if gateways at the newest key ring step would refuse it; nothing is written; HostError
 *   BUSY if another publisher was faster
 */
export async function putOut(
  repository: Repository,
  next: PublisherState,
  { signed, replaced, named, reading }: Outgoing,
  now: Date,
): Promise<void> {
  const before = repository.kept.record();
  const waiting = before?.candidates ?? [];
  await requireNewestStep(repository.store, Math.max(next.keyring, signed.manifest.keyring), signed);
  const sent = signed.manifest.tables.recipients.sha256;
  repository.kept.writeRecord({ ...next, sent }); // before publishing: a version is never signed twice
  if (!(await repository.writeManifest(signed.envelope, replaced))) {
    const { label } = repository.store;
    const { highest, digest } = next;
    if (before !== null) repository.kept.writeRecord({ ...before, highest, digest }); // this list was never out
    throw new LostRace(`another publisher was faster at ${label}: version ${signed.manifest.version} is not out`);
  }
  try {
    const readings = reading === null ? next.readings : withReading(next.readings, reading);
    const out = { ...next, sent: null, readings };
    // What follows takes a while in a bucket, and another publisher may replace the list meanwhile.
    if (repository.store.isShared) repository.kept.writeRecord(out);
    await repository.mend();
    const hops = await repository
      .ofTransport()
      .clean(next.transport, namedByHops(nextHopsOf(signed.manifest).entry), now);
    repository.kept.writeRecord(await repository.clean({ ...out, transport: hops }, named, now));
    const digests = waiting.map(({ digest }) => digest);
    if (digests.length > 0) await dropCandidates(repository, digests, true);
  } catch (error) {
    // The list is published and the next run cleans up, so this is no failure.
    log(
      'warning',
      `files of older versions could not be removed, the next publish tries again: ${(error as Error).message}`,
    );
  }
}

function signsElsewhere({ own, threshold, signers }: PublisherKeys): PublishError {
  const labels = own.filter((key) => !('sign' in key)).map(({ label }) => label);
  const goOn = 'publish --unsigned DIR makes a candidate, sign signs it, release DIR puts it out';
  const why = `${signers.length} of ${threshold} signatures can be made here, ${labels.join(', ')} signs elsewhere`;
  return new PublishError('UNSIGNED', `nothing goes out: ${why}. ${goOn}`);
}

/** Makes the manifest's entry for the table and writes its files. */
async function entryOf(work: Work, same: boolean, found: Step['found']): Promise<TableEntry> {
  const { config, repository, state, published, gathered, table } = work;
  const entry = published?.manifest.tables.recipients;
  const newest = <T>(list: readonly T[]): readonly T[] => list.slice(Math.max(0, list.length - config.keep_deltas));
  if (same && entry !== undefined && (await isWhole(work, entry))) {
    return { ...entry, deltas: await soundDeltas(repository, gathered.table, entry, newest(entry.deltas)) };
  }
  const { sha256, rows, bytes } = table;
  const name = `${sha256}.gz`;
  const there = repository.kept.hasKept(sha256) ? await sizeOfSound(repository, name, sha256) : null;
  const member = there === null ? (work.member ?? packed(gathered.table, gathered.space)) : null;
  const wireBytes = member === null ? Promise.resolve(there ?? 0) : member.then(({ length }) => length);
  const bases = basesOf(repository, state.tables, entry ?? null).filter((base) => base !== sha256);
  const { table: rowTable, space } = gathered;
  const step = { table: rowTable, space, sha256, wireBytes, before: entry ?? null, found };
  const deltas = await makeDeltas(repository, step, newest(bases));
  const size = member === null ? await wireBytes : await writeTable(repository, sha256, await member);
  const made = { rows, bytes, sha256, encoding: 'gzip' as const, wireBytes: size };
  return { ...made, deltas: await writeDeltas(repository, sha256, deltas) };
}
