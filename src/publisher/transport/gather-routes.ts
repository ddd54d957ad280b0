/**
 * Reads all sources of next hops (`table = "transport"`) into one sorted table under the policy. A source that fails,
 * an entry that is none, or two next hops for one domain fail the whole: half a table would send mail astray.
 */
import { log } from '../../io/log.ts';
import { routeRow } from '../../bundle/table/transport.ts';
import type { PublisherConfig } from '../config.ts';
import { EntryError } from '../entry.ts';
import { PublishError } from '../errors.ts';
import { ofSource } from '../failing-source.ts';
import type { LeftOut } from '../gather/row-policy.ts';
import { RowCollection, type SortedRows } from '../gather/sorted-rows.ts';
import { isNamedBy } from '../policy-domains.ts';
import type { SourceConfig } from '../source-config.ts';
import { openSource } from '../sources/open.ts';
import type { Batch } from '../sources/source-reader.ts';
import { routesOf, splitLine, splitPair, type RouteEntry, type ValueForm } from './route-entry.ts';

/** The most faults reported before giving up. */
const NAMED_FAULTS = 20;
/** The most characters of a domain or a value that are shown. */
const SHOWN = 80;

export interface RouteOrigin {
  readonly nextHop: string;
  /** `FILE, line 7`. */
  readonly place: string;
  readonly source: string;
}

export interface GatheredRoutes {
  readonly table: SortedRows;
  /** By domain, in each of its forms. */
  readonly routes: ReadonlyMap<string, RouteOrigin>;
  readonly skipped: readonly string[];
  readonly leftOut: readonly LeftOut[];
  /** Entries that name a transport and no host, by source and transport. */
  readonly others: readonly { readonly source: string; readonly transport: string; readonly count: number }[];
}

/** @returns null without sources of next hops. @throws PublishError SOURCE, INVALID_ENTRY, FOREIGN_DOMAIN, TOO_FEW */
export async function gatherRoutes(config: PublisherConfig, now: Date): Promise<GatheredRoutes | null> {
  if (config.transport.length === 0) return null;
  const gathering = new RouteGathering(config);
  for (const source of config.transport) {
    try {
      await gathering.read(source, now);
    } catch (error) {
      throw ofSource(error, source.name);
    }
  }
  return gathering.result();
}

/** What a source's values are: Postfix transports, or next hops as well. */
const formOf = (source: SourceConfig): ValueForm =>
  source.type === 'postfix-map' ||
  ('format' in source && source.format === 'postfix') ||
  ('preset' in source && source.preset !== undefined)
    ? 'map'
    : 'plain';

class RouteGathering {
  readonly #routes = new Map<string, RouteOrigin>();
  readonly #policy: PublisherConfig['policy'];
  readonly #isForeign: (domain: string) => boolean;
  readonly #skipped: string[] = [];
  readonly #leftOut = new Map<string, { source: string; domain: string; rows: number }>();
  readonly #others: GatheredRoutes['others'][number][] = [];
  #faults: string[] = [];

  constructor({ policy }: PublisherConfig) {
    this.#policy = policy;
    const isOurs = isNamedBy(policy.domains);
    this.#isForeign = policy.domains === undefined ? () => false : (domain) => !isOurs(domain);
  }

  async read(source: SourceConfig, now: Date): Promise<void> {
    const { unit, read } = await openSource(source);
    const form = formOf(source);
    const isSkipped = isNamedBy(source.skip_domains);
    const others = new Map<string, number>();
    let [entries, taken] = [0, 0];
    for await (const batch of read(now)) {
      for (const { place, text } of placed(batch, source.name, unit, () => entries)) {
        entries++;
        const entry = this.#split(text, form, place);
        if (entry === null) continue;
        const added = this.#take(entry, form, { place, source: source.name }, isSkipped);
        if (added === true) taken++;
        else if (added !== false) others.set(added, (others.get(added) ?? 0) + 1);
      }
    }
    this.#refuseFaults();
    for (const [transport, count] of others) {
      const what = count === 1 ? '1 domain is' : `${count} domains are`;
      log('notice', `${source.name}: ${what} left out: ${transport} transport, no next hop`);
      this.#others.push({ source: source.name, transport, count });
    }
    if (entries === 0) throw new PublishError('SOURCE', `${source.name} gave no next hop; is it cut short?`);
    if (taken < (source.min_rows ?? 0)) {
      const why = `${source.name} gave ${taken} next hops, its min_rows is ${source.min_rows}`;
      throw new PublishError('TOO_FEW', `${why}. No option lifts this: mend the source, or set another min_rows`);
    }
  }

  result(): GatheredRoutes {
    const rows = new RowCollection();
    for (const [domain, { nextHop }] of this.#routes) rows.add(routeRow({ domain, nextHop }));
    return {
      table: rows.sorted(),
      routes: this.#routes,
      skipped: this.#skipped,
      leftOut: [...this.#leftOut.values()],
      others: this.#others,
    };
  }

  #split(text: string, form: ValueForm, place: string): RouteEntry | null {
    try {
      return form === 'map' ? splitPair(text) : splitLine(text);
    } catch (error) {
      return this.#fault(text, place, error);
    }
  }

  /** @returns whether it was taken; or the transport that is no route. @throws PublishError FOREIGN_DOMAIN */
  #take(
    entry: RouteEntry,
    form: ValueForm,
    origin: Pick<RouteOrigin, 'place' | 'source'>,
    isSkipped: (domain: string) => boolean,
  ): boolean | string {
    try {
      const found = routesOf(entry, form);
      if (found.is === 'left out') return found.transport;
      let taken = false;
      for (const domain of found.domains) {
        if (isSkipped(domain)) this.#skip(origin.source, domain);
        else {
          this.#add(domain, { ...origin, nextHop: found.nextHop });
          taken = true;
        }
      }
      return taken;
    } catch (error) {
      this.#fault(entry.domain, origin.place, error);
      return false;
    }
  }

  #add(domain: string, origin: RouteOrigin): void {
    if (this.#isForeign(domain)) {
      throw new PublishError(
        'FOREIGN_DOMAIN',
        `${origin.place}: its domain ${domain} is not one of policy.domains. If this list may speak for it, name it there; ` +
          'else leave it out with skip_domains of the source',
      );
    }
    const before = this.#routes.get(domain);
    if (before === undefined) this.#routes.set(domain, origin);
    else if (before.nextHop !== origin.nextHop)
      throw new EntryError(`has the next hop ${origin.nextHop}, and ${before.nextHop} in ${before.place}`);
  }

  #skip(source: string, domain: string): void {
    const key = `${source}\n${domain}`;
    const left = this.#leftOut.get(key);
    if (left === undefined) this.#leftOut.set(key, { source, domain, rows: 1 });
    else left.rows++;
  }

  #fault(entry: string, place: string, cause: unknown): null {
    if (!(cause instanceof EntryError)) throw cause;
    const domain = /^[^\s]*/.exec(entry.trimStart())?.[0] ?? '';
    this.#faults.push(`${place}: ${JSON.stringify(domain.slice(0, SHOWN))} ${cause.message}`);
    if (this.#faults.length === NAMED_FAULTS && !this.#policy.skip_invalid) this.#refuseFaults();
    return null;
  }

  #refuseFaults(): void {
    if (this.#policy.skip_invalid) this.#skipped.push(...this.#faults);
    else if (this.#faults.length > 0) throw new PublishError('INVALID_ENTRY', this.#faults);
    this.#faults = [];
  }
}

interface Placed {
  readonly place: string;
  /** A domain, white space and a value. */
  readonly text: string;
}

function* placed(batch: Batch, name: string, unit: string, count: () => number): Generator<Placed> {
  if (Buffer.isBuffer(batch)) throw new PublishError('SOURCE', `${name} gives addresses, and no next hops`);
  if ('unit' in batch) {
    for (const { number, text } of batch.entries) yield { place: `${name}, ${batch.unit} ${number}`, text };
  } else for (const text of batch) yield { place: `${name}, ${unit} ${count() + 1}`, text };
}
