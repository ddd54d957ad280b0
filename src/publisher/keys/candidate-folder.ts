/**
 * A candidate's folder, `publish --unsigned DIR`: its manifest, not yet signed by enough, and the table that it names.
 * Reads it and the published folder; writes the manifest with one signature more.
 */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { decodeEnvelope, encodeEnvelope, MANIFEST_TYPE, type Signature } from '../../bundle/trust/envelope.ts';
import { isoTime, nextHopsOf, parseManifest, type Manifest, type TableEntry } from '../../bundle/offer/manifest.ts';
import type { RowBlock } from '../../bundle/table/rows.ts';
import { TableChecker } from '../../bundle/table/table.ts';
import { StepError } from '../../errors.ts';
import { AtomicFile, makeFolder, writeFileAtomic } from '../../io/atomic-file.ts';
import { whyUnwritten } from '../../io/denied.ts';
import { PublishError } from '../errors.ts';
import type { Repository } from '../repository/repository.ts';
import { FolderStore } from '../repository/folder-store.ts';
import { MANIFEST, type Store } from '../repository/store.ts';
import { blocksOf, readText } from '../repository/table-text.ts';
import { checkedHops, hopDifference, hopsShrinkage, NO_HOPS, type Hops } from '../transport/hop-difference.ts';
import { shrinkageOf, tableDifference, type TableDifference } from './table-difference.ts';

/** What gateways refuse unless they are configured otherwise. */
const PERCENT = 20;
const SHOWN = 40;

export interface CandidateFolder {
  readonly manifest: Manifest;
  readonly payload: Uint8Array;
  /** Lower-case hex SHA-256 of the payload. */
  readonly digest: string;
  readonly envelope: Uint8Array;
  readonly signatures: readonly Signature[];
  readonly lines: readonly string[];
  /** Why the guard refuses it; null if it does not. */
  readonly refusal: string | null;
  readonly write: (signatures: readonly Signature[]) => readonly string[];
}

type Found = Omit<CandidateFolder, 'lines' | 'refusal' | 'write'>;

/** A manifest in a folder, whoever signed it. @throws PublishError KEY */
export const manifestIn = (folder: string): Promise<Found> => manifestOf(new FolderStore(folder));

async function manifestOf(store: Store): Promise<Found> {
  const file = store.place(MANIFEST);
  try {
    const stored = await store.get(MANIFEST);
    if (stored === null) throw new PublishError('KEY', `cannot use ${file}: it is not there`);
    const envelope = stored.bytes;
    const { payload, payloadType, signatures } = decodeEnvelope(envelope);
    if (payloadType !== MANIFEST_TYPE) throw new PublishError('KEY', `${file} is no manifest`);
    const digest = createHash('sha256').update(payload).digest('hex');
    return { manifest: parseManifest(payload), payload, digest, envelope, signatures };
  } catch (error) {
    if (error instanceof PublishError) throw error;
    if (!(error instanceof StepError)) throw error;
    throw new PublishError('KEY', `cannot use ${file}: ${error.message}`, error);
  }
}

/**
 * @param base what is published; null to compare with nothing.
 * @throws PublishError KEY, STATE for a table that is not the one that the manifest names
 */
export async function candidateIn(folder: string, base: Store | null): Promise<CandidateFolder> {
  const store = new FolderStore(folder);
  const found = await manifestOf(store);
  const before = base === null ? null : await manifestOf(base);
  const { manifest } = found;
  if (before !== null && before.manifest.name !== manifest.name)
    throw new PublishError(
      'KEY',
      `${base?.label} holds "${before.manifest.name}", the candidate is for "${manifest.name}"`,
    );
  if (before !== null && before.manifest.version >= manifest.version) {
    const versions = `version ${manifest.version}, version ${before.manifest.version} is out`;
    throw new PublishError('UNSIGNED', `nothing is signed: the candidate is ${versions}`);
  }
  const rows = tableIn(store, manifest.tables.recipients);
  const old = base === null || before === null ? none() : tableIn(base, before.manifest.tables.recipients);
  const change = await tableDifference(old, rows, SHOWN);
  const hops = await hopsOf(store, manifest);
  const oldHops = base === null || before === null ? null : await hopsOf(base, before.manifest);
  return {
    ...found,
    lines: [
      ...manifestWords(manifest, change),
      ...changeLines(change, before?.manifest.version ?? null),
      ...hopLines(oldHops, hops),
    ],
    refusal: oldHops === null ? null : (shrinkageOf(change, PERCENT) ?? hopsShrinkage(oldHops, hops, PERCENT)),
    write: (signatures) => {
      const file = path.join(folder, 'manifest.json');
      writeFileAtomic(file, encodeEnvelope(MANIFEST_TYPE, found.payload, signatures), 0o644);
      return [`${file} has ${signatures.length} ${signatures.length === 1 ? 'signature' : 'signatures'}`];
    },
  };
}

async function* none(): AsyncGenerator<RowBlock> {
  yield* [];
}

/** The rows of a table, checked against what the manifest says of it. */
async function* tableIn(store: Store, entry: TableEntry): AsyncGenerator<RowBlock> {
  const key = `recipients/${entry.sha256}.gz`;
  const file = store.place(key);
  const checker = new TableChecker();
  for await (const block of blocksOf(readText(store.read(key), file, entry.sha256))) {
    checker.push(block);
    yield block;
  }
  const { fault, rows } = checker;
  if (fault !== null) throw new PublishError('VERIFY', `${file}: row ${fault.row} ${fault.rule}`);
  if (rows !== entry.rows)
    throw new PublishError('VERIFY', `${file} has ${rows} rows, the manifest says ${entry.rows}`);
}

function manifestWords(manifest: Manifest, change: TableDifference): string[] {
  const { name, version, created, expires, keyring, shrinkApproved } = manifest;
  const { entry: hops, approvedRows } = nextHopsOf(manifest);
  const { rows, domains } = change.after;
  return [
    `version ${version} of "${name}", made ${isoTime(created)}, valid until ${isoTime(expires)}, key ring step ${keyring}`,
    `${rows} rows in ${domains} ${domains === 1 ? 'domain' : 'domains'}`,
    ...(hops === null ? [] : [`next hops for ${hops.rows} ${hops.rows === 1 ? 'domain' : 'domains'}`]),
    ...(shrinkApproved === undefined
      ? []
      : [
          `it lets gateways take a list that has shrunk to ${shrinkApproved.rows} rows in ${shrinkApproved.domains} ` +
            `domains${approvedRows === null ? '' : ` and ${approvedRows} next hops`}, until ${isoTime(shrinkApproved.until)}`,
        ]),
  ];
}

function changeLines(change: TableDifference, before: number | null): string[] {
  if (before === null) return ['it is compared with nothing: --base DIR names the published folder'];
  const rest = change.added + change.removed - change.rows.length;
  return [
    `against version ${before}: ${change.added} rows come, ${change.removed} rows go`,
    ...change.rows,
    ...(rest > 0 ? [`... and ${rest} more rows`] : []),
    ...change.domainsRemoved.map((domain) => `the whole domain ${domain} goes`),
    ...change.domainsAdded.map((domain) => `the domain ${domain} comes`),
  ];
}

/** The next hops that a manifest names, none without such a table. */
async function hopsOf(store: Store, manifest: Manifest): Promise<Hops> {
  const { entry } = nextHopsOf(manifest);
  if (entry === null) return NO_HOPS;
  const key = `transport/${entry.sha256}.gz`;
  const file = store.place(key);
  return await checkedHops(
    readText(store.read(key), file, entry.sha256),
    entry,
    (why) => new PublishError('VERIFY', `${file}: ${why}`),
  );
}

function hopLines(before: Hops | null, after: Hops): string[] {
  if (before === null) return [];
  const { come, go, change } = hopDifference(before, after);
  const all = [
    ...change.map(
      (domain) => `the next hop of ${domain} changes: ${before.get(domain)} goes, ${after.get(domain)} comes`,
    ),
    ...go.map((domain) => `the next hop of ${domain} goes: ${before.get(domain)}`),
    ...come.map((domain) => `a next hop of ${domain} comes: ${after.get(domain)}`),
  ];
  if (all.length === 0) return before.size + after.size === 0 ? [] : ['all next hops stay'];
  const rest = all.length - SHOWN;
  return [
    `next hops: ${come.length} come, ${go.length} go, ${change.length} change`,
    ...all.slice(0, SHOWN),
    ...(rest > 0 ? [`... and ${rest} more next hops`] : []),
  ];
}

/** Writes a candidate's folder: its manifest, and the tables for whoever looks at it before signing. */
export async function writeFolder(
  folder: string,
  envelope: Uint8Array,
  repository: Repository,
  { recipients, hops }: { readonly recipients: TableEntry; readonly hops: TableEntry | null },
): Promise<void> {
  try {
    await copyTable(path.join(folder, 'recipients'), repository, recipients);
    if (hops !== null) await copyTable(path.join(folder, 'transport'), repository.ofTransport(), hops);
    writeFileAtomic(path.join(folder, 'manifest.json'), envelope, 0o644);
  } catch (error) {
    if (error instanceof StepError || error instanceof PublishError) throw error;
    throw new PublishError('OUTPUT', `cannot write ${folder}: ${whyUnwritten(error, folder)}`, error);
  }
}

async function copyTable(folder: string, repository: Repository, { sha256 }: TableEntry): Promise<void> {
  makeFolder(folder, 0o750);
  const table = new AtomicFile(path.join(folder, `${sha256}.gz`), 0o644);
  try {
    for await (const chunk of repository.bytes(`${sha256}.gz`)) table.write(chunk);
    table.commit();
  } finally {
    table.discard();
  }
}
