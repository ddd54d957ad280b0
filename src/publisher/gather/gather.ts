/**
 * Reads all sources into one sorted table under the policy. If a source fails or is empty, or an entry is not an
 * address, the whole gathering fails: half a list is worse than an old list.
 */
import { domainOf } from '../../bundle/address/address.ts';
import { logOnce } from '../../io/log.ts';
import type { PublisherConfig } from '../config.ts';
import { addressOf, rowsOf, simpleRow } from '../entry.ts';
import { PublishError } from '../errors.ts';
import { ofSource } from '../failing-source.ts';
import { SimpleLines } from './simple-lines.ts';
import { RowRuns, settled } from './row-runs.ts';
import { RowSpace } from './row-space.ts';
import type { RowTable } from './row-table.ts';
import type { SourceConfig } from '../source-config.ts';
import { openSource } from '../sources/open.ts';
import { isNamedBy } from '../policy-domains.ts';
import type { Entries, SourceReader, Seen } from '../sources/source-reader.ts';
import { Omissions } from '../sources/text/omissions.ts';
import { listLine, type ListLine } from '../sources/text/list-line.ts';
import { DomainAliases } from './domain-aliases.ts';
import { Faults, formatHint } from './faults.ts';
import { placeOf, type Place } from './place.ts';
import { Postmasters } from './postmasters.ts';
import { RowPolicy, type LeftOut } from './row-policy.ts';

const HYPHEN = 0x2d;
const LF = 0x0a;

/** Where a row comes from. */
export interface Origin {
  readonly source: string;
  /** `line`, `row` or `entry`; the number starts at 1. */
  readonly unit: string;
  readonly number: number;
  /** The entry as the source writes it. */
  readonly entry: string;
}

export interface GatherOptions {
  /** Also keep the rows of each source. */
  readonly apart?: boolean;
  /** Where rows go that do not fit into memory. Without it all rows are held in memory. */
  readonly space?: RowSpace;
  /** Called with each invalid entry and what the message says about it. */
  readonly fault?: (entry: string, message: string) => void;
  /** Called with each row, every time it occurs. */
  readonly each?: (row: string, origin: Origin) => void;
}

export interface Gathered {
  readonly table: RowTable;
  /** About how many domains it has, and their bytes together: memory can be made for them. */
  readonly domains: { readonly domains: number; readonly bytes: number };
  /** The rows of each source, by its name. Empty unless asked for. */
  readonly sources: ReadonlyMap<string, RowTable>;
  /** Where the rows lie that are not in memory. Whoever has made it closes it when nothing is read any more. */
  readonly space: RowSpace;
  /** Entries skipped under `skip_invalid`: source, line and reason. */
  readonly skipped: readonly string[];
  /** Rows that a source's `skip_domains` leaves out. */
  readonly leftOut: readonly LeftOut[];
}

/** @throws PublishError SOURCE, INVALID_ENTRY, WILDCARD or FOREIGN_DOMAIN */
export async function gather(config: PublisherConfig, now: Date, options: GatherOptions = {}): Promise<Gathered> {
  const gathering = new Gathering(config, options);
  for (const source of config.source) {
    try {
      await gathering.read(source, await openSource(source), now);
    } catch (error) {
      throw ofSource(error, source.name);
    }
  }
  return gathering.result();
}

class Gathering {
  readonly #space: RowSpace;
  readonly #rows: RowRuns;
  readonly #postmasters: Postmasters;
  readonly #policy: RowPolicy;
  readonly #faults: Faults;
  readonly #options: GatherOptions;
  readonly #sources = new Map<string, RowTable>();
  readonly #aliases = new DomainAliases<Place>();
  #own: RowRuns | null = null;
  #entries = 0;

  constructor({ policy }: PublisherConfig, options: GatherOptions) {
    this.#options = options;
    this.#faults = new Faults(policy.skip_invalid, options.fault);
    this.#space = options.space ?? new RowSpace('', Infinity);
    this.#rows = new RowRuns(this.#space);
    this.#postmasters = new Postmasters(this.#space, policy.postmaster);
    this.#policy = new RowPolicy(policy);
  }

  async read(source: SourceConfig, { unit, domain, read }: SourceReader, now: Date): Promise<void> {
    const { name } = source;
    const before = this.#entries;
    this.#faults.hint = () => (this.#entries === before ? formatHint(source) : null);
    this.#own = this.#options.apart === true ? new RowRuns(this.#space) : null;
    const isSkipped = isNamedBy(source.skip_domains);
    const simple = new SimpleLines(
      this.#rows.rows,
      (each) => isSkipped(each) || this.#policy.isForeign(each),
      (domains) => this.#postmasters.addKnown(domains),
    );
    const left = new Omissions(name);
    const place: Place = { name, unit, domain, left, isSkipped, number: 0, begun: false };
    const seen: Seen = { lines: 0 };
    for await (const batch of read(now, seen)) {
      if (Buffer.isBuffer(batch)) {
        if (seen.lines === 0) this.#rows.expect(seen.bytes ?? 0);
        this.#lines(batch, place, simple);
        seen.lines = place.number;
      } else if ('unit' in batch) this.#listed(batch, place);
      else {
        for (const address of batch) {
          place.number++;
          this.#entry(address, place);
        }
      }
      this.#spillIfFull();
    }
    left.tell();
    simple.end();
    this.#faults.refuse();
    if (this.#entries === before) {
      const isLeftOut = this.#policy.leftOut().some((left) => left.source === name);
      const all = isLeftOut ? ' but those of its skip_domains' : '';
      throw new PublishError('SOURCE', `${name} gave no address${all}; an empty list would reject all mail`);
    }
    this.#keepOwn(name);
  }

  #spillIfFull(): void {
    this.#rows.spillIfFull();
    this.#own?.spillIfFull();
  }

  /** Ends a source's own rows. They stay in memory if there is room for them beside the list. */
  #keepOwn(name: string): void {
    const own = this.#own?.sorted();
    if (own !== undefined) this.#sources.set(name, settled(this.#space, own));
  }

  /** @param lines whole lines as bytes. Plain addresses never become strings. */
  #lines(lines: Buffer, place: Place, simple: SimpleLines): void {
    for (let at = 0; at < lines.length;) {
      // A caller that wants each row also gets its line, so it needs text.
      if (this.#options.each === undefined) {
        const before = this.#rows.rows.count;
        at = simple.take(lines, at);
        const taken = this.#rows.rows.count - before;
        place.number += taken;
        this.#entries += taken;
        if (taken > 0) place.begun = true;
        this.#own?.rows.addFrom(this.#rows.rows, before);
        if (at === lines.length) break;
      }
      const end = lines.indexOf(LF, at);
      place.number++;
      this.#line(lines.toString('utf8', at, end), place);
      at = end + 1;
    }
  }

  #line(line: string, place: Place): void {
    const simple = simpleRow(line);
    let found: ListLine | null = null;
    try {
      found = simple === null ? listLine(line, place.begun, place.domain) : [line];
    } catch (error) {
      this.#faults.add(line, place, error);
    }
    if (found === 'header') logOnce('notice', `${placeOf(place)}: taken for a header and skipped, since it has no @`);
    else if (found === 'refusing' || found === 'other') place.left.add(found, place.unit);
    else for (const each of found ?? []) this.#entry(each, place);
    if (found !== null) place.begun = true;
  }

  #listed({ unit, entries }: Entries, place: Place): void {
    place.unit = unit;
    for (const { number, text, target } of entries) {
      place.number = number;
      if (target === undefined) this.#entry(text, place);
      else this.#alias(text, target, place);
    }
  }

  /** @param entry one address. An empty text is not an entry. */
  #entry(entry: string, place: Place): void {
    if (entry === '') return;
    const simple = simpleRow(entry);
    if (simple !== null) {
      if (this.#take(simple, place, entry)) this.#entries++;
      return;
    }
    try {
      this.#add(entry, place);
    } catch (error) {
      this.#faults.add(entry, place, error);
    }
  }

  #alias(alias: string, target: string, place: Place): void {
    try {
      this.#aliases.add(alias, target, { ...place });
      this.#entries++;
    } catch (error) {
      this.#faults.add(alias, place, error);
    }
  }

  /**
   * Adds the rows of domain aliases: after all sources are read, before postmasters are added. @throws PublishError
   * WILDCARD
   */
  #expandAliases(): void {
    if (this.#aliases.size === 0) return;
    const { rows, empty } = this.#aliases.expand(this.#rows.localParts(this.#aliases.targets()));
    for (const { alias, domains, target, origin } of empty) {
      if (domains.every((domain) => this.#policy.allowsWildcard(domain))) this.#add(alias, origin);
      else if (!domains.every(origin.isSkipped)) {
        throw new PublishError(
          'WILDCARD',
          `${placeOf(origin)}: ${alias} stands for @${target}, of which no source has an address: name the source that has them, or ` +
            `name ${alias.slice(1)} in policy.wildcards to accept every address of it`,
        );
      }
    }
    for (const name of new Set(rows.map(({ origin }) => origin.name))) {
      this.#own = this.#reopened(name);
      for (const { row, origin } of rows) {
        if (origin.name !== name) continue;
        if (row.startsWith('@')) this.#add(row, origin);
        else this.#take(row, origin, row);
        this.#spillIfFull();
      }
      this.#keepOwn(name);
    }
  }

  /** Makes a source's own rows a collection again, so that more can be added. */
  #reopened(name: string): RowRuns | null {
    if (this.#options.apart !== true) return null;
    const own = new RowRuns(this.#space);
    const before = this.#sources.get(name);
    if (before !== undefined) own.addTable(before);
    return own;
  }

  /** @throws PublishError WILDCARD or FOREIGN_DOMAIN, for a domain alias. */
  result(): Gathered {
    this.#expandAliases();
    this.#faults.end();
    this.#postmasters.addTo(this.#rows);
    const leftOut = this.#policy.leftOut();
    const table = this.#rows.sorted();
    const domains = this.#postmasters.expected;
    return { table, domains, sources: this.#sources, skipped: this.#faults.named, leftOut, space: this.#space };
  }

  #add(field: string, place: Place): void {
    const rows = rowsOf(addressOf(field));
    let taken = false;
    for (const row of rows) {
      this.#policy.requireWildcard(row, place);
      if (this.#take(row, place, field)) taken = true;
    }
    if (taken) this.#entries++;
  }

  /** @returns false if the source's `skip_domains` leaves the row out. @throws PublishError FOREIGN_DOMAIN */
  #take(row: string, place: Place, entry: string): boolean {
    const domain = domainOf(row);
    if (!this.#policy.admits(domain, place)) return false;
    const { name: source, unit, number } = place;
    if (row.charCodeAt(0) === HYPHEN || /[!%]|@.*@/.test(row)) this.#faults.noteStrangers(row, place);
    this.#rows.rows.add(row);
    this.#own?.rows.add(row);
    this.#options.each?.(row, { source, unit, number, entry });
    this.#postmasters.add(domain);
    return true;
  }
}
