/** One publish: what it works on, what goes out, and how its record names it. Pure but for `isWhole`, which looks. */
import { type TableEntry } from '../bundle/offer/manifest.ts';
import type { PublisherConfig } from './config.ts';
import type { Gathered } from './gather/gather.ts';
import { type PublisherKeys } from './keys/publisher-keys.ts';
import type { PublishOptions } from './publish-options.ts';
import { type Removals } from './removals/removals.ts';
import type { Content } from './repository/content.ts';
import type { Repository } from './repository/repository.ts';
import { type Approval } from './repository/sign-manifest.ts';
import type { Published, PublisherState } from './repository/state.ts';
import type { Judged } from './tables/list-guard.ts';
import { type Measure } from './tables/tables.ts';
import { approvedHops, type NextHops } from './transport/next-hops.ts';

/** One publish: what was read and what it is compared with. */
export interface Work {
  readonly config: PublisherConfig;
  readonly options: PublishOptions;
  readonly keys: PublisherKeys;
  readonly repository: Repository;
  readonly state: PublisherState;
  readonly published: Published | null;
  /** Another publisher has put it out (docs/commands.md section 3.1). */
  readonly isOthers: boolean;
  /** Includes what waits to be removed. */
  readonly gathered: Gathered;
  readonly waits: Removals;
  readonly table: Measure;
  readonly hops: NextHops;
  /** The table's gzip member, if it is being made. */
  readonly member: Promise<Content> | null;
  readonly now: Date;
}

/** Whether every blob that an entry names exists, and the table from which the next deltas start. */
export const isWhole = ({ repository }: Pick<Work, 'repository'>, entry: TableEntry): Promise<boolean> =>
  repository.isWhole(entry);

export const namedBy = ({ sha256, deltas }: TableEntry): Set<string> =>
  new Set([`${sha256}.gz`, ...deltas.map((d) => `${d.from}-${sha256}.delta.gz`)]);

export const approvalOf = ({ approval }: PublisherState): Approval | undefined =>
  approval === null ? undefined : { ...approval, until: new Date(approval.until) };

/** What goes out. */
export interface Result {
  readonly same: boolean;
  readonly judged: Judged;
  readonly entry: TableEntry;
  /** The entry of the table of next hops; null without one. */
  readonly transport: TableEntry | null;
  readonly approval: Approval | null;
}

/** As the record has it. */
export function recorded(approval: Approval | null): PublisherState['approval'] {
  if (approval === null) return null;
  const { until, rows, domains } = approval;
  const hops = approvedHops(approval);
  return { until: until.toISOString(), rows, domains, ...(hops === null ? {} : { transport: { rows: hops } }) };
}

/** A blob that is named again has no deletion date any more, even if this run ends before it cleans up. */
export const withoutUnnamed = <S extends Pick<PublisherState, 'unnamed'>>(state: S, named: ReadonlySet<string>): S => ({
  ...state,
  unnamed: Object.fromEntries(Object.entries(state.unnamed).filter(([name]) => !named.has(name))),
});
