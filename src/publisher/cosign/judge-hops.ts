/**
 * The table of next hops of a candidate, judged by a cosigner (docs/commands.md section 3.3): as a gateway checks it,
 * by the own guard and policy, and by the own sources of next hops where there are some. A next hop counts as right if
 * one of the own readings of the last ten minutes had it so. Keeps the readings in memory.
 */
import { createHash } from 'node:crypto';
import type { TableEntry } from '../../bundle/offer/manifest.ts';
import type { PublisherConfig } from '../config.ts';
import { PublishError } from '../errors.ts';
import { isNamedBy } from '../policy-domains.ts';
import type { StateFolder } from '../repository/state-folder.ts';
import { gatherRoutes } from '../transport/gather-routes.ts';
import {
  checkedHops,
  hopDifference,
  hopDomainWords,
  hopsIn,
  hopsShrinkage,
  NO_HOPS,
  type Hops,
} from '../transport/hop-difference.ts';
import { hopsPercent } from '../transport/next-hops.ts';

const KEPT = 600_000;

interface HopReading {
  readonly sha256: string;
  readonly text: Uint8Array;
  /** When the sources said so last, in milliseconds. */
  readonly at: number;
}

const refusal = (why: string) => new PublishError('UNSIGNED', why);

export class HopReadings {
  readonly #config: PublisherConfig;
  /** The newest first. */
  #readings: HopReading[] = [];

  constructor(config: PublisherConfig) {
    this.#config = config;
  }

  /** Reads the sources of next hops, where there are some. @throws PublishError SOURCE and the like */
  async read(now: Date): Promise<void> {
    const gathered = await gatherRoutes(this.#config, now);
    if (gathered === null) return;
    const { text } = gathered.table;
    const sha256 = createHash('sha256').update(text).digest('hex');
    const young = this.#readings.filter((r) => r.sha256 !== sha256 && now.getTime() - r.at <= KEPT);
    this.#readings = [{ sha256, text, at: now.getTime() }, ...young];
  }

  /** @throws PublishError UNSIGNED, by count and domain */
  async compare(candidate: Hops): Promise<void> {
    let wrong: readonly string[] | null = null;
    for (const { text } of this.#readings) {
      const { come, go, change } = hopDifference(await hopsIn([text]), candidate);
      const here = new Set([...come, ...go, ...change]);
      wrong = wrong === null ? [...here] : wrong.filter((domain) => here.has(domain));
      if (wrong.length === 0) return;
    }
    if (wrong !== null) throw refusal(`the sources here have other next hops for ${hopDomainWords(wrong)}`);
  }
}

/**
 * @param kept the tables of next hops.
 * @param entry null where the candidate has no such table, which counts as no rows.
 * @param base the table that is out; null for none.
 * @param granted a shrinking was allowed on this host, and the candidate names it.
 * @throws PublishError UNSIGNED
 */
export async function judgeHops(
  config: PublisherConfig,
  kept: StateFolder,
  entry: TableEntry | null,
  base: string | null,
  granted: boolean,
): Promise<Hops> {
  const hops = entry === null ? NO_HOPS : await checkedHops(kept.tableText(entry.sha256), entry, refusal);
  const { domains } = config.policy;
  if (domains !== undefined) {
    const isOurs = isNamedBy(domains);
    const [first] = [...hops.keys()].filter((domain) => !isOurs(domain));
    if (first !== undefined) throw refusal(`it has a next hop for ${first}, which policy.domains does not list`);
  }
  const before = base === null ? NO_HOPS : await hopsIn(kept.tableText(base));
  const shrunk = hopsShrinkage(before, hops, hopsPercent(config));
  if (shrunk !== null && !granted) {
    const { go, change } = hopDifference(before, hops);
    const words = hopDomainWords([...go, ...change]);
    throw refusal(`${shrunk}: ${words}. If it is meant: cosign --allow-shrink here`);
  }
  return hops;
}
