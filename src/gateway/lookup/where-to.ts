/**
 * Where mail for an accepted address would go: the next hop of its domain, and which bundle says so, or another table
 * of transport_maps that counts before it. Reads only.
 */
import path from 'node:path';
import { foldCase } from '../../bundle/address/case-folding.ts';
import type { RowStream } from '../../bundle/table/rows.ts';
import { splitRoute } from '../../bundle/table/transport.ts';
import type { GatewayConfig } from '../config.ts';
import { asksNextHops, NEXT_HOPS } from '../map-files.ts';
import { openMap } from '../maps/open-map.ts';
import { KINDS } from '../mta-kinds.ts';
import { mtaOf } from '../mta/of-config.ts';
import { MX_SCHEME } from '../mta/opensmtpd/route.ts';
import { instancesOf } from '../mta/postfix/instances.ts';
import { readPostfix } from '../mta/postfix/main-cf.ts';
import { isOurs } from '../mta/postfix/map-references.ts';
import { isTable, queryTable, words } from '../mta/postfix/tables.ts';
import { HOP_MAPS } from '../mta/postfix/uses.ts';
import { Copies } from '../record/copies.ts';
import { StateFiles } from '../record/state.ts';
import type { LookupAnswer } from './lookup-address.ts';

/** By answer: a sentence; null for one that is not accepted, and where no next hops are asked for. */
export async function whereTo(config: GatewayConfig, answers: readonly LookupAnswer[]): Promise<(string | null)[]> {
  if (!asksNextHops(config)) return answers.map(() => null);
  const map = openMap(path.join(config.map_dir, `${NEXT_HOPS}.cdb`));
  const tables = tablesOf(config);
  const isUnasked = config.mta.kind !== 'postfix' && unasked(config);
  try {
    const found: (string | null)[] = [];
    for (const { accepted, address } of answers) {
      const domain = foldCase(address.slice(address.lastIndexOf('@') + 1));
      const value = map?.get(domain) ?? null;
      if (!accepted) found.push(null);
      else if (config.mta.kind === 'postfix')
        found.push(await sentence(config, tables, foldCase(address), domain, value));
      else found.push(await byRouter(config, isUnasked, domain, value));
    }
    return found;
  } finally {
    map?.close();
  }
}

/** Whether a server other than Postfix is known not to ask the map of next hops: where it could be asked. */
function unasked(config: GatewayConfig): boolean {
  const uses = mtaOf(config).look()[0]?.uses ?? null;
  return uses !== null && !uses.some(({ map }) => map === NEXT_HOPS);
}

/** Of a server other than Postfix, which has no tables before the map. */
async function byRouter(config: GatewayConfig, isUnasked: boolean, domain: string, value: string | null) {
  const { name } = KINDS[config.mta.kind];
  if (value === null) return `has no next hop: goes to where ${name} sends mail for ${domain} otherwise`;
  if (isUnasked)
    return `goes to where ${name} sends mail otherwise: it does not ask relaymap's map, which has ${value}`;
  const by = await source(config, domain);
  const from = by === null ? '' : `, the next hop of ${by.name} version ${by.version}`;
  // OpenSMTPD takes no next hop that is to go by its MX records (mta/opensmtpd/route.ts).
  if (value.startsWith(MX_SCHEME))
    return `waits in the queue: ${name} cannot go by the MX of ${by?.nextHop ?? value}${from}`;
  return `goes to ${by?.nextHop ?? value}${from}`;
}

/** What Postfix's transport_maps names, in order; null where it cannot be asked. */
function tablesOf(config: GatewayConfig): string[] | null {
  const here = config.mta.kind === 'postfix' ? readPostfix(instancesOf(config)[0]) : null;
  return here?.is === 'here' ? words(here.config.main.get(HOP_MAPS) ?? '').filter(isTable) : null;
}

async function sentence(
  config: GatewayConfig,
  tables: readonly string[] | null,
  address: string,
  domain: string,
  value: string | null,
): Promise<string> {
  const place = tables?.findIndex((table) => isOurs(config, NEXT_HOPS, table)) ?? 0;
  const others = (tables ?? []).filter((_, i) => i !== place);
  // Postfix asks all tables for the address before it asks any for the domain.
  const before = place < 0 ? others : others.slice(0, place);
  const earlier = (await hit(others, address)) ?? (await hit(before, domain));
  if (earlier !== null) return `goes to ${earlier}`;
  if (value !== null && place >= 0) {
    const by = await source(config, domain);
    return by === null ? `goes to ${value}` : `goes to ${by.nextHop}, the next hop of ${by.name} version ${by.version}`;
  }
  const later = await hit(others.slice(before.length), domain);
  if (later !== null) return `goes to ${later}`;
  return value === null
    ? `has no next hop: goes to the MX of ${domain}, unless relay_transport or relayhost says otherwise`
    : `goes to the MX of ${domain}: transport_maps does not name relaymap's map, which has ${value}`;
}

async function hit(tables: readonly string[], key: string): Promise<string | null> {
  for (const table of tables) {
    const value = (await queryTable(table, [key]))?.get(key);
    if (value !== undefined) return `${value} by ${table} (${HOP_MAPS})`;
  }
  return null;
}

/** The first bundle that has a next hop for a domain: its table is read through. */
async function source(
  config: GatewayConfig,
  domain: string,
): Promise<{ name: string; version: number; nextHop: string } | null> {
  const state = new StateFiles(config.state_dir).read();
  if (state.is !== 'whole') return null;
  for (const { name, next_hops: hops } of config.bundle) {
    const installed = state.value.bundles[name]?.installed ?? null;
    if (hops === undefined || installed?.transport == null) continue;
    const { table } = installed.transport;
    const nextHop = await nextHopIn(new Copies(config.state_dir, name, null).rows(table), domain);
    if (nextHop !== null) return { name, version: installed.version, nextHop };
  }
  return null;
}

async function nextHopIn(rows: RowStream, domain: string): Promise<string | null> {
  try {
    for await (const { bytes, starts, count } of rows) {
      for (let i = 0; i < count; i++) {
        const row = Buffer.from(bytes.subarray(starts[i] ?? 0, (starts[i + 1] ?? 1) - 1)).toString();
        const route = splitRoute(row);
        if (route.domain === domain) return route.nextHop;
      }
    }
    return null;
  } catch {
    return null; // a copy that cannot be read tells nothing; the map has answered all the same
  }
}
