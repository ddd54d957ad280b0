/**
 * Explains why an address is or is not in the list: source, entry, rule (docs/commands.md section 3, `explain`).
 * Reads all sources, writes nothing.
 */
import { domainOf } from '../bundle/address/address.ts';
import { isoTime } from '../bundle/offer/manifest.ts';
import { presentRows } from '../bundle/table/present-rows.ts';
import { HostError } from '../errors.ts';
import type { PublisherConfig } from './config.ts';
import { addressOf, EntryError, rowsOf } from './entry.ts';
import { gather, type Gathered, type Origin } from './gather/gather.ts';
import { RowSpace } from './gather/row-space.ts';
import { isNamedBy } from './policy-domains.ts';
import { removals, waitingRows, type WaitingRow } from './removals/removals.ts';
import { othersOf } from './repository/other-publisher.ts';
import type { Repository } from './repository/repository.ts';
import type { Published } from './repository/state.ts';
import { MANIFEST } from './repository/store.ts';
import { lookAt } from './repository/with-repository.ts';
import { apart } from './tables/source-guard.ts';
import { gatherRoutes } from './transport/gather-routes.ts';

/** The most entries shown for a row. A whole domain may have thousands. */
const NAMED = 20;

export interface Explanation {
  /** Whether the list that would be published now accepts the address. */
  readonly accepted: boolean;
  readonly lines: readonly string[];
}

/**
 * @throws PublishError if the sources cannot be read or would be refused; HostError CONFIG if it is not an address.
 */
export const explain = (config: PublisherConfig, address: string, now: Date): Promise<Explanation> =>
  lookAt(config, async (repository) => {
    const space = new RowSpace(config.state_dir);
    try {
      return await explained(config, repository, address, now, space);
    } finally {
      space.close();
    }
  });

async function explained(
  config: PublisherConfig,
  repository: Repository,
  address: string,
  now: Date,
  space: RowSpace,
): Promise<Explanation> {
  const rows = wanted(address);
  const domains = rows.map(domainOf);
  const wildcards = new Set(domains.map((domain) => `@${domain}`));
  const found = new Map<string, Origin[]>();
  const neighbours = new Map<string, number>();
  const each = (row: string, origin: Origin) => {
    if (rows.includes(row) || wildcards.has(row)) found.set(row, [...(found.get(row) ?? []), origin]);
    const domain = domains.find((d) => row.endsWith(`@${d}`));
    if (domain !== undefined) neighbours.set(origin.source, (neighbours.get(origin.source) ?? 0) + 1);
  };
  // Faults that would stop a publish must not stop the answer. Invalid entries are skipped, and listed if they
  // contain this address.
  const lenient = { ...config, policy: { ...config.policy, skip_invalid: true, domains: undefined } };
  const typed = address.toLowerCase();
  const meant: string[] = [];
  const fault = (entry: string, message: string) => {
    if (entry.toLowerCase().includes(typed)) meant.push(`not an address: ${message}`);
  };
  const given = await gather(lenient, now, { each, fault, apart: apart(config), space });
  const published = await repository.publishedHere(othersOf(config));
  const lines: string[] = [];
  for (const row of [...rows, ...wildcards]) {
    const origins = found.get(row);
    if (origins !== undefined) lines.push(...origin(row, origins));
  }
  for (const waiting of await waitingOf(config, given, repository, published, now)) {
    const { row, source, since, until } = waiting;
    if (!rows.includes(row) && !wildcards.has(row)) continue;
    const who = source === null ? 'no source has had' : `${source} has not had`;
    if (!found.has(row)) {
      lines.push(`${row} stays in the list until ${isoTime(until)}: ${who} it since ${isoTime(since)} (remove_after)`);
    }
  }
  const byPolicy = rows.filter((row) => isPostmaster(row) && neighbours.size > 0 && config.policy.postmaster);
  for (const row of byPolicy.filter((r) => !found.has(r))) {
    lines.push(`${row} is in the list by policy.postmaster: its domain has other addresses`);
  }
  const accepted = lines.length > 0;
  if (!accepted) lines.push(...absent(address, domains, config, neighbours));
  lines.push(...meant);
  const isOurs = config.policy.domains === undefined ? () => true : isNamedBy(config.policy.domains);
  if (!domains.every(isOurs)) {
    lines.push('its domain is not one of policy.domains: a publish with it is refused (FOREIGN_DOMAIN)');
  }
  lines.push(...(await hopLines(config, domains, now)));
  lines.push(await publishedLine(repository, published, [...rows, ...wildcards], accepted));
  return { accepted, lines };
}

/** Where mail for the address's domain goes by the sources of next hops. */
async function hopLines(config: PublisherConfig, domains: readonly string[], now: Date): Promise<string[]> {
  const lenient = { ...config, policy: { ...config.policy, skip_invalid: true, domains: undefined } };
  const gathered = await gatherRoutes(lenient, now);
  if (gathered === null) return [];
  const found = domains.flatMap((domain) => {
    const route = gathered.routes.get(domain);
    return route === undefined ? [] : [`mail for ${domain} goes to ${route.nextHop} (${route.place})`];
  });
  return found.length > 0 ? found : [`no source has a next hop for ${domains[0] ?? ''}: its mail follows its MX`];
}

/** The rows that `remove_after` keeps in the list. */
async function waitingOf(
  config: PublisherConfig,
  given: Gathered,
  repository: Repository,
  published: Published | null,
  now: Date,
): Promise<Iterable<WaitingRow>> {
  const sha256 = published?.manifest.tables.recipients.sha256 ?? null;
  const base = sha256 !== null && (await repository.hasTable(sha256)) ? () => repository.table(sha256) : null;
  const sources = Object.keys(repository.kept.record()?.sources ?? {});
  return waitingRows(await removals(config, given, { kept: repository.kept, base, sources }, now));
}

/** The rows for the address, one for each form of its domain. */
function wanted(address: string): string[] {
  try {
    return rowsOf(addressOf(address));
  } catch (error) {
    if (!(error instanceof EntryError)) throw error;
    throw new HostError('CONFIG', `${address} ${error.message}`, error);
  }
}

const isPostmaster = (row: string): boolean => row.startsWith('postmaster@') && row.lastIndexOf('@') === 10;

function origin(row: string, origins: readonly Origin[]): string[] {
  const more = origins.length - NAMED;
  return [
    row.startsWith('@') ? `the whole domain is accepted by ${row}:` : `${row} is in the list:`,
    ...origins.slice(0, NAMED).map(({ source, unit, number, entry }) => `  ${source}, ${unit} ${number}: ${entry}`),
    ...(more > 0 ? [`  ... and ${more} more`] : []),
  ];
}

function absent(
  address: string,
  domains: readonly string[],
  config: PublisherConfig,
  neighbours: ReadonlyMap<string, number>,
): string[] {
  const count = (n: number) => (n === 0 ? 'no address' : n === 1 ? '1 other address' : `${n} other addresses`);
  return [
    `${address} is not in the list: no source has it`,
    ...config.source.map(({ name }) => `  ${name}: ${count(neighbours.get(name) ?? 0)} of ${domains[0] ?? ''}`),
  ];
}

/** Whether the list that gateways have now gives the same answer. */
async function publishedLine(
  repository: Repository,
  published: Published | null,
  rows: readonly string[],
  accepted: boolean,
): Promise<string> {
  if (published === null)
    return (await repository.store.look(MANIFEST)) === null
      ? 'nothing is published yet: relaymap-publish publish'
      : `what is out in ${repository.store.label} was not put out here: relaymap-publish inspect shows it`;
  const { version, tables } = published.manifest;
  const there = (await presentRows(repository.table(tables.recipients.sha256), rows)).size > 0;
  if (there === accepted) return `the published version ${version} ${there ? 'has it' : 'does not have it either'}`;
  return `the published version ${version} ${there ? 'still has it' : 'does not have it yet'}: relaymap-publish publish`;
}
