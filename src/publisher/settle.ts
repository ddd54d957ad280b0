/**
 * The end of a publish that puts nothing out: the list is out already, or another publisher's is and stays
 * (docs/commands.md section 3.1). What the sources gave is remembered, so that the next run sees whether they changed.
 */
import { isoTime } from '../bundle/offer/manifest.ts';
import { tableDifference } from './keys/table-difference.ts';
import { isSignedBy } from './repository/sign-manifest.ts';
import { isSameTables, judgeReading, withReading, type Tables } from './repository/several-publishers.ts';
import { keepRemovals } from './removals/removals.ts';
import type { StateFolder } from './repository/state-folder.ts';
import type { PublisherState } from './repository/state.ts';
import type { RowSpace } from './gather/row-space.ts';
import type { RowTable } from './gather/row-table.ts';
import { packedToKeep } from './tables/compress.ts';
import { apart, keepSources, sourceHistories } from './tables/source-guard.ts';
import { streamed, writeFiles } from './tables/tables.ts';
import type { Work } from './work.ts';

/** What the sources give now. */
export const readingOf = ({ table, hops }: Pick<Work, 'table' | 'hops'>): Tables => ({
  recipients: table.sha256,
  transport: hops.sha256,
});

/** Why the list of another publisher stays; null if nothing of the kind stands against the own one. */
export async function divergence(work: Work): Promise<string | null> {
  const { options, published, isOthers, keys, repository, state, gathered, hops } = work;
  if (published === null || !isOthers || options.nextVersion !== null) return null;
  const { recipients } = published.manifest.tables;
  const now = readingOf(work);
  const own = state.tables.map((t) => t.sha256).filter((sha256) => sha256 !== state.sent);
  const earlier = new Set([...own, ...recipients.deltas.map((d) => d.from)]);
  earlier.delete(recipients.sha256);
  const out = {
    tables: { recipients: recipients.sha256, transport: hops.entry?.sha256 ?? null },
    isOthers,
    earlier,
  };
  if (judgeReading({ now, before: state.readings }, out) !== 'diverged') return null;
  const { added, removed } = await tableDifference(
    repository.table(recipients.sha256),
    streamed(gathered.table.blocks()),
    0,
  );
  const last = state.readings.at(-1);
  const { version } = published.manifest;
  const key = keys.own.find((each) => isSignedBy(published.envelope, [each], 1));
  const who = key === undefined ? '' : ` (${key.label}, ${key.keyid.slice(0, 16)})`;
  const what = `version ${version}, of another publisher${who}, has ${rows(removed)} that the sources here do not give, and lacks ${rows(added)} that they give`;
  const changes = hops.changes.length === 0 ? '' : `, and differs in ${hops.changes.length} rows of next hops`;
  const why =
    last === undefined
      ? 'they are read here for the first time'
      : isSameTables(last, now)
        ? 'they have not changed since they were last read here'
        : 'they gave what was out before: a replica that lags?';
  const until = isoTime(published.manifest.expires);
  return `${what}${changes}; ${why}, so that list stays, and only the other publisher renews it before ${until}`;
}

/** How to go on from there, by hand. */
export const divergedGoOn = ({ published, state }: Work): string =>
  `If the list of this host is the right one: relaymap-publish publish --next-version ${
    Math.max(state.highest, published?.manifest.version ?? 0) + 1
  }`;

const rows = (count: number): string => `${count} ${count === 1 ? 'row' : 'rows'}`;

/** Remembers the reading, and keeps what the next deltas and guards start from. Writes only what is new. */
export async function settle(work: Work): Promise<void> {
  const { config, repository, state, published, gathered, waits, isOthers } = work;
  const reading = readingOf(work);
  const last = state.readings.at(-1);
  const isNew = last === undefined || !isSameTables(last, reading);
  if (isNew && isOthers)
    await keepSources(repository.kept, apart(config) ? gathered.sources : new Map(), gathered.space);
  await keepRemovals(repository.kept, waits, !(isNew && isOthers));
  const next: PublisherState = {
    ...state,
    sent: published?.manifest.tables.recipients.sha256 === state.sent ? null : state.sent,
    seen: published === null || published.digest === state.digest ? state.seen : published.digest,
    readings: withReading(state.readings, reading),
    sources: isNew && isOthers ? sourceHistories(work) : state.sources,
  };
  if (JSON.stringify(next) !== JSON.stringify(repository.kept.record())) repository.kept.writeRecord(next);
}

/** Keeps the tables of another publisher that are out and are what the sources give: later deltas start from them. */
export async function keepPublished({ repository, gathered, table, hops, published }: Work): Promise<void> {
  if (published?.manifest.tables.recipients.sha256 === table.sha256)
    await keepTable(repository.kept, table.sha256, gathered.table, gathered.space);
  if (hops.gathered !== null && hops.sha256 !== null && hops.entry?.sha256 === hops.sha256)
    await keepTable(repository.kept.ofTransport(), hops.sha256, hops.gathered.table, gathered.space);
}

async function keepTable(kept: StateFolder, sha256: string, table: RowTable, space: RowSpace): Promise<void> {
  if (!kept.hasKept(sha256)) writeFiles([kept.keptTable(sha256)], await packedToKeep(table, space));
}
