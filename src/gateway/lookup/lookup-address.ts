/**
 * What Postfix will answer from the installed maps, and which row of which bundle makes it so: `relaymap lookup`.
 * Reads only.
 */
import path from 'node:path';
import { presentRows } from '../../bundle/table/present-rows.ts';
import { lookup, namesDomain, type Answer, type Habits } from '../../map/lookup.ts';
import type { GatewayConfig } from '../config.ts';
import { toAscii } from '../domain-forms.ts';
import { STALE_MAP } from '../map-files.ts';
import { Copies } from '../record/copies.ts';
import { StateFiles, type CopyRef } from '../record/state.ts';
import type { InstanceLook } from '../mta/mta.ts';
import { openMap } from '../maps/open-map.ts';

export interface LookupAnswer extends Answer {
  readonly address: string;
  /** The bundles whose installed copies hold the row, with their versions. */
  readonly from: readonly { readonly name: string; readonly version: number }[];
  /**
   * For one that is unlisted: its list is out of date, and so it is deferred; or it would be, if Postfix asked
   * `stale_domains`.
   */
  readonly outOfDate?: 'deferred' | 'not asked' | undefined;
  /** Another table of Postfix's that accepts it, where relaymap's maps do not. */
  readonly table?: string;
  /** What the server itself said, where it was asked, and its name. */
  readonly said?: { readonly by: string; readonly code: number; readonly text: string };
}

/** The answers with what the server said of them: it decides, whatever the maps say. */
export const withWord = (
  answers: readonly LookupAnswer[],
  by: string,
  said: ReadonlyMap<string, { readonly code: number; readonly text: string }>,
): LookupAnswer[] =>
  answers.map((answer) => {
    const word = said.get(answer.address);
    return word === undefined ? answer : { ...answer, accepted: word.code < 400, said: { by, ...word } };
  });

/** The answers of a server that was not asked: without `stale_domains` in its configuration it defers nobody. */
export const unlessAsked = (answers: readonly LookupAnswer[], looks: readonly InstanceLook[]): LookupAnswer[] => {
  const isAsked = looks.some(({ uses }) => uses === null || uses.some(({ map }) => map === STALE_MAP));
  return answers.map((a) => (a.outOfDate === undefined || isAsked ? a : { ...a, outOfDate: 'not asked' }));
};

/**
 * @param addresses in internal form.
 * @returns null where there is no map.
 * @throws CompileError READBACK_FAILED for a damaged map, or what opening it threw.
 */
export async function answers(
  config: GatewayConfig,
  addresses: readonly string[],
  habits: Habits,
  sees: (row: string) => boolean = () => true,
): Promise<LookupAnswer[] | null> {
  const recipients = openMap(path.join(config.map_dir, 'relay_recipients.cdb'));
  const domains = openMap(path.join(config.map_dir, 'relay_domains.cdb'));
  const stale = openMap(path.join(config.map_dir, `${STALE_MAP}.cdb`));
  try {
    if (recipients === null || domains === null) return null;
    const found: LookupAnswer[] = [];
    for (const address of addresses) {
      const answer = lookup({ ...habits, address, toAscii }, (row) => sees(row) && recipients.has(row), domains.has);
      const from = answer.row === null ? [] : await holders(config, answer.row);
      const isStale = answer.rejection === 'unlisted' && namesDomain(habits, address, stale?.has ?? (() => false));
      found.push({ ...answer, address, from, ...(isStale ? { outOfDate: 'deferred' } : {}) });
    }
    return found;
  } finally {
    recipients?.close();
    domains?.close();
    stale?.close();
  }
}

/** Which installed copies hold a row: they are read through, so it takes a moment for a large list. */
async function holders(config: GatewayConfig, row: string): Promise<{ name: string; version: number }[]> {
  const found: { name: string; version: number }[] = [];
  for (const { name, installed } of installedCopies(config)) {
    try {
      const present = await presentRows(new Copies(config.state_dir, name, null).rows(installed.table), [row]);
      if (present.size > 0) found.push({ name, version: installed.version });
    } catch {
      // A copy that cannot be read tells nothing; the map has answered all the same.
    }
  }
  return found;
}

function installedCopies(config: GatewayConfig): { name: string; installed: CopyRef }[] {
  const state = new StateFiles(config.state_dir).read();
  if (state.is !== 'whole') return [];
  return config.bundle.flatMap(({ name }) => {
    const installed = state.value.bundles[name]?.installed ?? null;
    return installed === null ? [] : [{ name, installed }];
  });
}
