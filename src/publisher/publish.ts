/**
 * One publish, in order: read all sources -> normalise -> guard -> compare with what is published -> tables, deltas -> sign -> verify as
 * a gateway would -> manifest last. Whatever fails before the last step leaves the published manifest as it is.
 */
import { approves, shrunk } from '../bundle/guard.ts';
import { encodeEnvelope, MANIFEST_TYPE, pae } from '../bundle/envelope.ts';
import { isoTime, type DeltaEntry, type Manifest, type TableEntry } from '../bundle/manifest.ts';
import { RemovedRows } from '../bundle/removed-rows.ts';
import { verifyManifest, type Ring } from '../bundle/verify.ts';
import { takeLock } from '../io/lock.ts';
import type { PublisherConfig } from './config.ts';
import { difference, type Difference } from './difference.ts';
import { PublishError } from './errors.ts';
import { gather, type Gathered } from './gather.ts';
import { Repository, type Published, type PublishedTable, type PublisherState } from './repository.ts';
import type { SigningKey } from './signing-key.ts';
import { measure, verifyTable, writeDelta, writeTable, type Measure } from './tables.ts';

const DAY = 86_400_000;
const LOCK_WAIT = 30;

export interface PublishOptions {
  readonly dryRun: boolean;
  readonly allowShrink: boolean;
  readonly nextVersion: number | null;
}

export interface PublishResult {
  readonly outcome: 'published' | 'renewed' | 'unchanged' | 'dry-run';
  readonly version: number | null;
  readonly rows: number;
  readonly domains: number;
  readonly deltas: number;
  readonly skipped: readonly string[];
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
  readonly now: Date;
}

/** @throws PublishError, HostError */
export async function publish(
  config: PublisherConfig,
  keys: readonly SigningKey[],
  options: PublishOptions,
  now: Date,
): Promise<PublishResult> {
  const repository = new Repository(config.output, config.state_dir);
  if (options.dryRun) return run(config, keys, options, repository, now);
  repository.makeStateFolder();
  const lock = await takeLock(repository.lockFile, LOCK_WAIT);
  try {
    return await run(config, keys, options, repository, now);
  } finally {
    lock.release();
  }
}

async function run(
  config: PublisherConfig,
  keys: readonly SigningKey[],
  options: PublishOptions,
  repository: Repository,
  now: Date,
): Promise<PublishResult> {
  const published = repository.published();
  const state = continued(config, repository.state(), published, options.nextVersion);
  const gathered = await gather(config);
  const table = measure(gathered.sorter.blocks());
  const work: Work = { config, options, keys, repository, state, published, gathered, table, now };
  const facts = { rows: table.rows, domains: table.domains.size, skipped: gathered.skipped };
  if (options.dryRun) {
    const base = state.tables.at(-1);
    const found = await difference(
      base === undefined ? null : repository.keptRows(base.sha256),
      gathered.sorter.blocks(),
    );
    const refusal = options.allowShrink ? null : await guard(work);
    return {
      outcome: 'dry-run',
      version: published?.manifest.version ?? null,
      deltas: 0,
      ...facts,
      difference: { ...found, refusal },
    };
  }
  const same = published?.manifest.tables.recipients.sha256 === table.sha256;
  if (same && !isDue(work)) {
    return {
      outcome: 'unchanged',
      version: published?.manifest.version ?? null,
      deltas: 0,
      ...facts,
      difference: null,
    };
  }
  const refusal = options.allowShrink ? null : await guard(work);
  if (refusal !== null) {
    throw new PublishError(
      'SHRUNK',
      `${refusal}. Look at it with --dry-run; if it is meant: relaymap-publish publish --allow-shrink`,
    );
  }
  const manifest = await goOut(work, same);
  const { version } = manifest;
  return {
    outcome: same ? 'renewed' : 'published',
    version,
    deltas: manifest.tables.recipients.deltas.length,
    ...facts,
    difference: null,
  };
}

/** The record to go on from. @throws PublishError STATE where output and state do not belong together. */
function continued(
  config: PublisherConfig,
  state: PublisherState | null,
  published: Published | null,
  nextVersion: number | null,
): PublisherState {
  const highest = Math.max(state?.highest ?? 0, published?.manifest.version ?? 0);
  const goOn = `to go on, publish with --next-version ${highest + 1} or, if gateways may have seen a higher version, above that`;
  if (state !== null && state.name !== config.name) {
    throw new PublishError(
      'STATE',
      `${config.state_dir} belongs to the bundle "${state.name}", the configuration says "${config.name}"`,
    );
  }
  if (published !== null && published.manifest.name !== config.name) {
    throw new PublishError(
      'STATE',
      `${config.output} holds the bundle "${published.manifest.name}", the configuration says "${config.name}"`,
    );
  }
  if (nextVersion === null) {
    if (state !== null && state.highest > 0 && published === null) {
      throw new PublishError(
        'STATE',
        `version ${state.highest} was signed, but ${config.output} has no manifest.json; ${goOn}`,
      );
    }
    if (state === null && published !== null) {
      throw new PublishError(
        'STATE',
        `${config.output} has version ${highest}, but ${config.state_dir} knows of none; ${goOn}`,
      );
    }
  } else if (nextVersion <= highest) {
    throw new PublishError(
      'STATE',
      `--next-version ${nextVersion} is not above version ${highest}, which was signed already`,
    );
  }
  return state ?? { format: 1, name: config.name, highest, tables: [], unnamed: {} };
}

/** Whether an unchanged table must be signed again: half of its time has passed, or other keys sign now, or it is asked for. */
function isDue({ published, config, keys, options, now }: Work): boolean {
  if (published === null || options.nextVersion !== null || options.allowShrink) return true;
  const { created, expires } = published.manifest;
  const half = Math.min(
    created.getTime() + (expires.getTime() - created.getTime()) / 2,
    created.getTime() + config.valid_for / 2,
  );
  if (now.getTime() >= half) return true;
  try {
    verifyManifest(published.envelope, ringOf(keys));
    return false;
  } catch {
    return true; // not signed by all of today's keys
  }
}

/** Every key that signs must have signed. */
const ringOf = (keys: readonly SigningKey[]): Ring => ({
  keys: new Map(keys.map((k) => [k.keyid, k.publicKey])),
  threshold: keys.length,
  step: 0,
});

/** Why the new table has shrunk too far against the published one; the gateways' own rule. */
async function guard({ config, repository, state, published, gathered, table, now }: Work): Promise<string | null> {
  const base = state.tables.at(-1);
  if (base === undefined || base.sha256 === table.sha256) return null;
  const next = { rows: table.rows, domains: table.domains.size };
  if (approves(published?.manifest.shrinkApproved, next, now)) return null;
  const removed = new RemovedRows(repository.keptRows(base.sha256));
  for (const block of gathered.sorter.blocks()) await removed.push(block);
  await removed.end();
  const dayAgo = state.tables.filter((t) => Date.parse(t.at) <= now.getTime() - DAY).at(-1);
  return shrunk({
    percent: config.policy.max_shrink_percent,
    installed: { rows: base.rows, domains: base.domains },
    removed: { rows: removed.rows, domains: removed.domains.missingIn(table.domains) },
    next,
    dayAgoRows: dayAgo?.rows ?? null,
  });
}

async function goOut(work: Work, same: boolean): Promise<Manifest> {
  const { repository, state, published, now, options } = work;
  const entry =
    same && published !== null && isThere(repository, published)
      ? published.manifest.tables.recipients
      : await writeFiles(work);
  const version = options.nextVersion ?? Math.max(state.highest, published?.manifest.version ?? 0) + 1;
  const envelope = signed(work, version, entry);
  const { manifest } = verifyManifest(envelope, ringOf(work.keys));
  await verifyTable(repository, manifest.tables.recipients);
  const { sha256, rows } = entry;
  const current: PublishedTable = { sha256, rows, domains: work.table.domains.size, at: now.toISOString() };
  const earlier = state.tables.filter((t) => t.sha256 !== sha256);
  const next: PublisherState = {
    ...state,
    highest: version,
    tables: [...earlier, same ? (state.tables.find((t) => t.sha256 === sha256) ?? current) : current].slice(
      -work.config.keep_deltas - 1,
    ),
  };
  repository.writeState(next); // before it goes out: a version is never signed twice
  repository.writeManifest(envelope);
  const named = new Set([`${sha256}.gz`, ...entry.deltas.map((d) => `${d.from}-${sha256}.delta.gz`)]);
  repository.writeState(repository.clean(next, named, now));
  return manifest;
}

/** Whether every blob that the published manifest names is still there, and the table that the next deltas start from. */
function isThere(repository: Repository, { manifest }: Published): boolean {
  const { sha256, deltas } = manifest.tables.recipients;
  const names = [`${sha256}.gz`, ...deltas.map((d) => `${d.from}-${sha256}.delta.gz`)];
  return repository.hasKept(sha256) && names.every((name) => repository.has(name));
}

async function writeFiles({ config, repository, state, gathered, table }: Work): Promise<TableEntry> {
  const { sha256, rows, bytes } = table;
  const wireBytes = await writeTable(gathered.sorter.blocks(), [
    repository.blob(`${sha256}.gz`),
    repository.keptTable(sha256),
  ]);
  const deltas: DeltaEntry[] = [];
  const bases =
    config.keep_deltas === 0 ? [] : state.tables.filter((t) => t.sha256 !== sha256).slice(-config.keep_deltas);
  for (const base of bases) {
    if (!repository.hasKept(base.sha256)) continue;
    const delta = await writeDelta(repository, base.sha256, gathered.sorter.blocks(), { sha256, wireBytes });
    if (delta !== null) deltas.push(delta);
  }
  return { rows, bytes, sha256, encoding: 'gzip', wireBytes, deltas };
}

function signed(
  { config, options, keys, published, table, now }: Work,
  version: number,
  entry: TableEntry,
): Uint8Array {
  const created = new Date(Math.floor(now.getTime() / 1000) * 1000);
  const carried = published?.manifest.shrinkApproved;
  const approval = options.allowShrink
    ? { until: isoTime(new Date(created.getTime() + DAY)), rows: table.rows, domains: table.domains.size }
    : carried !== undefined && now < carried.until
      ? { ...carried, until: isoTime(carried.until) }
      : null;
  const payload = Buffer.from(
    JSON.stringify({
      format: 1,
      name: config.name,
      version,
      created: isoTime(created),
      expires: isoTime(new Date(created.getTime() + config.valid_for)),
      keyring: 0,
      ...(approval === null ? {} : { shrinkApproved: approval }),
      tables: { recipients: entry },
    }),
  );
  const message = pae(MANIFEST_TYPE, payload);
  return encodeEnvelope(
    MANIFEST_TYPE,
    payload,
    keys.map((k) => ({ keyid: k.keyid, sig: k.sign(message) })),
  );
}
