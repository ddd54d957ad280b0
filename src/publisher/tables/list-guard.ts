/**
 * Whether a new list has shrunk too far (docs/commands.md section 2.3, Guard). Compares the list with the published
 * one by the gateways' own rule, and each source with what it gave for that. Reads through the repository, writes
 * nothing.
 */
import { rowsDayAgo, shrunk } from '../../bundle/offer/guard.ts';
import type { PublisherConfig } from '../config.ts';
import { PublishError } from '../errors.ts';
import type { Gathered } from '../gather/gather.ts';
import type { Repository } from '../repository/repository.ts';
import type { PublisherState } from '../repository/state.ts';
import { changeOf } from './compare-tables.ts';
import type { Step } from './deltas.ts';
import { lossWords, type DomainLoss } from './loss-words.ts';
import { sourceRefusals } from './source-guard.ts';
import type { Measure } from './tables.ts';

export interface Judged {
  /** Why the list has shrunk too far; null if it has not. */
  readonly list: string | null;
  /** The same for each source that has, by its name. */
  readonly sources: ReadonlyMap<string, string>;
  /** Rows that go, by domain. */
  readonly lost: readonly DomainLoss[];
  /** The delta to the new list, if the guard has made it. */
  readonly found: Step['found'];
}

const NOTHING_LOST: Judged = { list: null, sources: new Map(), lost: [], found: null };

export interface Candidate {
  readonly config: PublisherConfig;
  readonly repository: Repository;
  readonly state: PublisherState;
  readonly gathered: Gathered;
  readonly table: Measure;
  readonly now: Date;
}

/**
 * @param base the table that gateways have now; null if there is none.
 * @param meant a shrinking is allowed, so a missing base need not be compared with.
 * @throws PublishError STATE
 */
export async function judgeList(
  { config, repository, state, gathered, table, now }: Candidate,
  base: string | null,
  meant: boolean,
): Promise<Judged> {
  if (base === null || base === table.sha256) return NOTHING_LOST;
  if (!(await repository.hasTable(base))) {
    if (meant) return NOTHING_LOST;
    const goOn = 'publish with --allow-shrink to go on without comparing';
    throw new PublishError(
      'STATE',
      `the table published now (${base.slice(0, 16)}) is gone from output and state; ${goOn}`,
    );
  }
  const change = await changeOf(repository.tableText(base), gathered.table, table.domains);
  const { installed, removed, lost, delta } = change;
  const next = { rows: table.rows, domains: table.domains.size };
  const percent = config.policy.max_shrink_percent;
  const reason = shrunk({ percent, installed, removed, next, dayAgoRows: rowsDayAgo(state.history, now) });
  return {
    list: reason === null ? null : `${reason}${lossWords(lost)}`,
    sources: await sourceRefusals(config, repository.kept, state, gathered.sources, now),
    lost,
    found: delta === null ? null : { from: base, delta },
  };
}

/** The first reason. */
export const refusalOf = ({ list, sources }: Judged): string | null => list ?? [...sources.values()][0] ?? null;
