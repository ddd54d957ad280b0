/**
 * A cosigner's own readings of its sources in the last ten minutes, and which rows of a candidate none of them
 * explains (docs/commands.md section 3.3): two readings of a live database are never equal. Keeps the tables in
 * state_dir.
 */
import { presentRows } from '../../bundle/table/present-rows.ts';
import type { RowStream } from '../../bundle/table/rows.ts';
import type { PublisherConfig } from '../config.ts';
import { PublishError } from '../errors.ts';
import { gather } from '../gather/gather.ts';
import { RowSpace } from '../gather/row-space.ts';
import { domainWords, tableDifference } from '../keys/table-difference.ts';
import { hasRemovals, keepRemovals, removals } from '../removals/removals.ts';
import type { StateFolder } from '../repository/state-folder.ts';
import { packedToKeep } from '../tables/compress.ts';
import { apart, keepSources } from '../tables/source-guard.ts';
import { writeFiles } from '../tables/tables.ts';

const KEPT = 600_000;
/** A candidate that differs in more rows is refused without looking at older readings. */
const MOST = 10_000;

interface Reading {
  readonly sha256: string;
  /** When the sources said so last, in milliseconds. */
  readonly at: number;
}

export class Readings {
  readonly #config: PublisherConfig;
  readonly #kept: StateFolder;
  /** The newest first. */
  #readings: Reading[] = [];

  constructor(config: PublisherConfig, kept: StateFolder) {
    this.#config = config;
    this.#kept = kept;
  }

  /** Reads the sources. @throws PublishError SOURCE and the like */
  async read(now: Date): Promise<void> {
    const space = new RowSpace(this.#config.state_dir);
    try {
      await this.#readIn(space, now);
    } finally {
      space.close();
    }
  }

  async #readIn(space: RowSpace, now: Date): Promise<void> {
    const config = this.#config;
    const given = await gather(config, now, { apart: apart(config), space });
    const waits = await removals(config, given, { kept: this.#kept, base: null, sources: [] }, now);
    if (hasRemovals(config)) {
      await keepSources(this.#kept, apart(config) ? waits.gathered.sources : new Map(), space);
      await keepRemovals(this.#kept, waits, false);
    }
    const { table } = waits.gathered;
    const { sha256 } = table;
    if (!this.#kept.hasKept(sha256)) writeFiles([this.#kept.keptTable(sha256)], await packedToKeep(table, space));
    const young = this.#readings.filter((r) => r.sha256 !== sha256 && now.getTime() - r.at <= KEPT);
    this.#readings = [{ sha256, at: now.getTime() }, ...young];
  }

  /** Tables that are needed yet. */
  get tables(): readonly string[] {
    return this.#readings.map(({ sha256 }) => sha256);
  }

  /**
   * @param candidate its rows. May be called again.
   * @throws PublishError UNSIGNED, by count and domain
   */
  async compare(candidate: () => RowStream): Promise<void> {
    const [newest, ...older] = this.#readings;
    if (newest === undefined) return;
    const { added, removed, rows, domains } = await tableDifference(this.#kept.table(newest.sha256), candidate(), MOST);
    if (added + removed === 0) return;
    if (added + removed > MOST) throw differs(added, removed, domains);
    let wrong: readonly string[] = rows;
    for (const { sha256 } of older) {
      const there = await presentRows(
        this.#kept.table(sha256),
        wrong.map((row) => row.slice(1)),
      );
      // What the candidate has and the newest reading has not may have been there before; and the reverse.
      wrong = wrong.filter((row) => there.has(row.slice(1)) !== row.startsWith('+'));
      if (wrong.length === 0) return;
    }
    const by = new Map<string, number>();
    for (const row of wrong) {
      const domain = row.slice(row.lastIndexOf('@') + 1);
      by.set(domain, (by.get(domain) ?? 0) + 1);
    }
    const more = wrong.filter((row) => row.startsWith('+')).length;
    throw differs(
      more,
      wrong.length - more,
      [...by].sort(([, a], [, b]) => b - a),
    );
  }
}

const differs = (more: number, fewer: number, domains: readonly (readonly [string, number])[]): PublishError =>
  new PublishError(
    'UNSIGNED',
    `the sources here differ: it has ${more} rows that they have not, and lacks ${fewer}: ${domainWords(domains)}`,
  );
