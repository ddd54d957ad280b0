/**
 * The table of next hops on its way out (docs/bundle-format.md section 8): compared with the published one, guarded,
 * written below `transport/` with its deltas. The bundle's other table goes the same way in publish.ts.
 */
import { createHash } from 'node:crypto';
import { approves, hopsShrunk, rememberRows, rowsDayAgo } from '../../bundle/offer/guard.ts';
import { nextHopsOf, type TableEntry } from '../../bundle/offer/manifest.ts';
import { splitRoute, TransportChecker } from '../../bundle/table/transport.ts';
import type { PublisherConfig } from '../config.ts';
import { PublishError } from '../errors.ts';
import type { Repository } from '../repository/repository.ts';
import type { Approval } from '../repository/sign-manifest.ts';
import type { Published, PublisherState } from '../repository/state.ts';
import type { RowSpace } from '../gather/row-space.ts';
import { packed } from '../tables/compress.ts';
import { basesOf, makeDeltas, soundDeltas, writeDeltas } from '../tables/deltas.ts';
import { sizeOfSound, verifyTable, writeTable } from '../tables/tables.ts';
import { gatherRoutes, type GatheredRoutes } from './gather-routes.ts';

export interface NextHops {
  /** Of the files below `transport/`. */
  readonly repository: Repository;
  readonly space: RowSpace;
  /** Null where no source gives next hops: then the bundle has no such table. */
  readonly gathered: GatheredRoutes | null;
  readonly sha256: string | null;
  readonly rows: number;
  /** What is published; null for none. */
  readonly entry: TableEntry | null;
  /** `-ROW` and `+ROW`, in the order of the rows. */
  readonly changes: readonly string[];
  /** Why the table has shrunk too far; null if it has not. */
  readonly shrunken: string | null;
}

export interface HopsContext {
  readonly config: PublisherConfig;
  /** Of the bundle. */
  readonly repository: Repository;
  readonly state: PublisherState;
  readonly published: Published | null;
  /** A shrinking is allowed by hand. */
  readonly allowed: boolean;
  readonly now: Date;
  readonly space: RowSpace;
}

/** Reads the sources and judges. Writes nothing. @throws PublishError, HostError */
export async function readNextHops(cx: HopsContext): Promise<NextHops> {
  const { config, state, published, now } = cx;
  const repository = cx.repository.ofTransport();
  const gathered = await gatherRoutes(config, now);
  const entry = published === null ? null : nextHopsOf(published.manifest).entry;
  const rows = gathered === null ? 0 : checked(gathered);
  const sha256 = gathered === null ? null : createHash('sha256').update(gathered.table.text).digest('hex');
  const base = entry?.sha256 ?? (published === null ? state.transport.tables.at(-1)?.sha256 : undefined) ?? null;
  const hops = { repository, space: cx.space, gathered, sha256, rows, entry };
  if (base === null || base === sha256) return { ...hops, changes: added(gathered, []), shrunken: null };
  if (!(await repository.hasTable(base))) {
    if (cx.allowed) return { ...hops, changes: [], shrunken: null };
    const goOn = 'publish with --allow-shrink to go on without comparing';
    const what = `the table of next hops published now (${base.slice(0, 16)}) is gone from output and state`;
    throw new PublishError('STATE', `${what}; ${goOn}`);
  }
  const before: string[] = [];
  for await (const text of repository.tableText(base)) before.push(...linesOf(text));
  return { ...hops, changes: added(gathered, before), shrunken: refusalOf(cx, before, rows, gathered) };
}

const linesOf = (text: Uint8Array): string[] => Buffer.from(text).toString().split('\n').slice(0, -1);

function added(gathered: GatheredRoutes | null, before: readonly string[]): string[] {
  const now = gathered === null ? [] : linesOf(gathered.table.text);
  const [old, next] = [new Set(before), new Set(now)];
  const gone = before.filter((row) => !next.has(row)).map((row) => `-${row}`);
  const come = now.filter((row) => !old.has(row)).map((row) => `+${row}`);
  return [...gone, ...come].sort((a, b) => (a.slice(1) < b.slice(1) ? -1 : a.slice(1) > b.slice(1) ? 1 : 0));
}

/** @returns its rows. @throws PublishError VERIFY if it is not canonical, which is a fault of the publisher. */
function checked({ table }: GatheredRoutes): number {
  const checker = new TransportChecker();
  for (const block of table.blocks()) checker.push(block);
  const { fault, rows } = checker;
  if (fault !== null) throw new PublishError('VERIFY', `row ${fault.row} of the new table of next hops ${fault.rule}`);
  return rows;
}

/** The gateways' own rule: a next hop that changes is a row that goes, and one that comes. */
function refusalOf(
  { config, state, now }: HopsContext,
  before: readonly string[],
  rows: number,
  gathered: GatheredRoutes | null,
): string | null {
  const next = new Set(gathered === null ? [] : linesOf(gathered.table.text));
  const domains = (all: Iterable<string>) => new Set([...all].map((row) => splitRoute(row).domain));
  const [inUse, left] = [domains(before), domains(next)];
  return hopsShrunk({
    percent: hopsPercent(config),
    installed: { rows: before.length, domains: inUse.size },
    removed: {
      rows: before.filter((row) => !next.has(row)).length,
      domains: [...inUse].filter((domain) => !left.has(domain)).length,
    },
    next: { rows, domains: left.size },
    dayAgoRows: rowsDayAgo(state.transport.history, now),
  });
}

/** `max_shrink_percent` of the next hops: the least of the sources' own, or the policy's. */
export function hopsPercent({ policy, transport }: PublisherConfig): number {
  const percents = transport.flatMap(({ max_shrink_percent: own }) => own ?? []);
  return Math.min(...(percents.length === 0 ? [policy.max_shrink_percent] : percents));
}

/** Why it is not published; null if it may be. */
export function hopsRefusal(
  { shrunken, rows }: NextHops,
  approval: Approval | undefined,
  allowed: boolean,
  now: Date,
): string | null {
  const approved = approvedHops(approval);
  if (shrunken === null || allowed) return null;
  if (approval !== undefined && approved !== null) {
    const size = { rows: approved, domains: 0, until: approval.until };
    if (approves(size, { rows, domains: 0 }, now)) return null;
  }
  return shrunken;
}

/** The rows that were allowed by hand; null if none were. */
export function approvedHops(approval: Approval | undefined): number | null {
  const { rows } = (approval?.transport ?? {}) as { rows?: unknown };
  return typeof rows === 'number' ? rows : null;
}

export const isSameHops = ({ sha256, entry }: NextHops): boolean => sha256 === (entry?.sha256 ?? null);

/** Whether every blob that the published entry names exists, and the table from which the next deltas start. */
export const areHopsWhole = async ({ repository, entry }: NextHops): Promise<boolean> =>
  entry === null || (await repository.isWhole(entry));

/** Writes the table's files. @returns the manifest's entry, verified as a gateway would; null for no table. */
export async function writeNextHops(hops: NextHops, config: PublisherConfig, state: PublisherState) {
  const { repository, gathered, sha256, rows, entry } = hops;
  if (gathered === null || sha256 === null) return null;
  const { table } = gathered;
  const newest = <T>(list: readonly T[]): readonly T[] => list.slice(Math.max(0, list.length - config.keep_deltas));
  if (isSameHops(hops) && entry !== null && (await areHopsWhole(hops)))
    return { ...entry, deltas: await soundDeltas(repository, table, entry, newest(entry.deltas)) };
  const there = repository.kept.hasKept(sha256) ? await sizeOfSound(repository, `${sha256}.gz`, sha256) : null;
  const member = there === null ? await packed(table, hops.space) : null;
  const expected = member?.length ?? there ?? 0;
  const bases = basesOf(repository, state.transport.tables, entry).filter((base) => base !== sha256);
  const step = { table, space: hops.space, sha256, wireBytes: Promise.resolve(expected), before: entry, found: null };
  const deltas = await makeDeltas(repository, step, newest(bases));
  const wireBytes = member === null ? expected : await writeTable(repository, sha256, member);
  const made = { rows, bytes: table.text.length, sha256, encoding: 'gzip' as const, wireBytes };
  const written: TableEntry = { ...made, deltas: await writeDeltas(repository, sha256, deltas) };
  await verifyTable(repository, written);
  return written;
}

/** The files that an entry names. */
export const namedByHops = (entry: TableEntry | null): Set<string> =>
  new Set(
    entry === null ? [] : [`${entry.sha256}.gz`, ...entry.deltas.map((d) => `${d.from}-${entry.sha256}.delta.gz`)],
  );

/** What is remembered once this table is out. */
export function nextHopsState(
  hops: NextHops,
  entry: TableEntry | null,
  { keep_deltas: keep }: PublisherConfig,
  state: PublisherState,
  now: Date,
): PublisherState['transport'] {
  const { tables, history, unnamed } = state.transport;
  const named = namedByHops(entry);
  const left = Object.fromEntries(Object.entries(unnamed).filter(([name]) => !named.has(name)));
  if (entry === null) return { tables: [], history: [], unnamed: left };
  const current = tables.find((t) => t.sha256 === entry.sha256) ?? { sha256: entry.sha256, at: now.toISOString() };
  const earlier = tables.filter((t) => t.sha256 !== entry.sha256);
  return {
    tables: [...earlier, current].slice(-keep - 1),
    history: rememberRows(history, entry.rows, now, hops.shrunken !== null),
    unnamed: left,
  };
}
