/**
 * The domains of the bundles that are out of date, read from their live copies. A copy that cannot be read hides no
 * domain: the domains of the live map that the bundle may speak for stand in for it. Reads only, and takes no lock.
 */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { addDomains } from '../../bundle/address/row-domain.ts';
import { parseManifest } from '../../bundle/offer/manifest.ts';
import { DomainSet } from '../../bundle/table/domain-set.ts';
import { decodeEnvelope } from '../../bundle/trust/envelope.ts';
import { CompileError } from '../../errors.ts';
import { isAbsent } from '../../io/atomic-file.ts';
import { readRegularFile } from '../../io/regular-file.ts';
import { domainMatcher } from '../../map/domains.ts';
import type { GatewayConfig } from '../config.ts';
import type { Confirmation } from '../out-of-date.ts';
import { Copies } from '../record/copies.ts';
import { StateFiles } from '../record/state.ts';

/** What `status.json` says of a bundle. */
export interface BundleFacts extends Confirmation {
  /** Its live copy; null where nothing is installed. */
  readonly version: number | null;
  readonly digest: string | null;
}

/** Where the domains of a bundle are to be found. */
export interface Place {
  readonly name: string;
  /** SHA-256 of the table of its live copy; null where that cannot be told. */
  readonly table: string | null;
  /** Stands for the live map that is read in place of the copy. */
  readonly live: string | null;
}

/**
 * @param names the bundles that are out of date.
 * @param facts null where nothing is known of any.
 * @returns a place for each that has, or may have, a live copy.
 */
export function placesOf(
  config: GatewayConfig,
  names: readonly string[],
  facts: readonly BundleFacts[] | null,
): Place[] {
  const live = names.length === 0 ? null : liveMark(config);
  return names.flatMap((name) => {
    const known = facts?.find((b) => b.name === name);
    if (known?.version === null) return []; // nothing is installed of it
    const table = tableOf(config, name, known);
    // Nothing was ever installed here, or it is new in the configuration: it has no live copy.
    if (known === undefined && table === null && (facts !== null || live === null)) return [];
    return [{ name, table, live: table === null ? live : null }];
  });
}

/** By the record, or by the stored envelope where the record is damaged or tells of another copy. */
function tableOf({ state_dir: stateDir }: GatewayConfig, name: string, facts: BundleFacts | undefined): string | null {
  const state = new StateFiles(stateDir).read();
  const installed = state.is === 'whole' ? (state.value.bundles[name]?.installed ?? null) : null;
  if (facts === undefined) return installed?.table ?? null;
  const { version, digest } = facts;
  if (installed !== null && installed.version === version && installed.digest === digest) return installed.table;
  if (version === null || digest === null || !/^[0-9a-f]{64}$/.test(digest)) return null;
  try {
    const bytes = new Copies(stateDir, name, null).envelope({ version, digest });
    return bytes === null ? null : parseManifest(decodeEnvelope(bytes).payload).tables.recipients.sha256;
  } catch {
    return null; // no manifest that names its table in the open
  }
}

/** @throws CompileError COMPILE_FAILED where neither the copy of a bundle nor the live map can be read. */
export async function domainsOf(config: GatewayConfig, places: readonly Place[]): Promise<DomainSet> {
  const all = new DomainSet();
  for (const { name, table } of places) {
    const patterns = config.bundle.find((b) => b.name === name)?.domains;
    const speaksFor = patterns === undefined ? () => true : domainMatcher(patterns);
    const own = (table === null ? null : await ofCopy(config, name, table)) ?? liveDomains(config);
    if (own === null) {
      const why = 'neither its copy nor relay_domains can be read, so its domains are not known';
      throw new CompileError('COMPILE_FAILED', `${name} is out of date, and ${why}`);
    }
    for (let id = 0; id < own.size; id++) {
      const domain = own.name(id);
      if (speaksFor(Buffer.from(domain).toString())) all.add(domain, 0, domain.length, 0);
    }
  }
  return all;
}

/** Null where the copy is absent or not whole. */
async function ofCopy({ state_dir: stateDir }: GatewayConfig, name: string, table: string): Promise<DomainSet | null> {
  const domains = new DomainSet();
  try {
    for await (const block of new Copies(stateDir, name, null).rows(table)) addDomains(domains, block);
    return domains;
  } catch {
    return null;
  }
}

/** The domains of the live map, of all bundles; null where there is none. */
function liveDomains(config: GatewayConfig): DomainSet | null {
  const text = liveText(config);
  if (text === null) return null;
  const domains = new DomainSet();
  for (const row of text.toString().split('\n')) {
    const domain = Buffer.from(row.split('\t')[0] ?? '');
    if (domain.length > 0) domains.add(domain, 0, domain.length, 0);
  }
  return domains;
}

const liveMark = (config: GatewayConfig): string | null => {
  const text = liveText(config);
  return text === null ? null : createHash('sha256').update(text).digest('hex');
};

function liveText({ map_dir: mapDir }: GatewayConfig): Buffer | null {
  try {
    return readRegularFile(path.join(mapDir, 'relay_domains'));
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}
