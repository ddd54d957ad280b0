/**
 * Since which kept version an address has been accepted, or not: `relaymap lookup --history`. Reads the record and
 * the copies only.
 */
import { presentRows } from '../../bundle/table/present-rows.ts';
import { keysOf, type Habits } from '../../map/lookup.ts';
import type { GatewayConfig } from '../config.ts';
import { Copies } from '../record/copies.ts';
import { StateFiles } from '../record/state.ts';
import { keptCopiesOf, type Kept } from '../record/kept-copies.ts';

/** What one bundle's kept copies, up to the live one, say of an address. */
export interface AddressHistory {
  readonly name: string;
  /** Whether the live copy accepts it. */
  readonly accepted: boolean;
  /**
   * Where it changed: the first version of the present answer, and the one before it with the row it had; null if
   * no kept copy differs.
   */
  readonly since: { readonly version: number; readonly created: string; readonly before: Verdict } | null;
  /** Oldest version that could be read. */
  readonly oldest: number;
}

interface Verdict {
  readonly version: number;
  readonly created: string;
  /** The row by which the copy accepts the address; null where it does not. */
  readonly row: string | null;
}

/** By address, in the order of the bundles; a bundle without a live copy says nothing. */
export async function histories(
  config: GatewayConfig,
  addresses: readonly string[],
  habits: Habits,
  warn: (message: string) => void,
): Promise<Map<string, AddressHistory[]>> {
  const found = new Map(addresses.map((address): [string, AddressHistory[]] => [address, []]));
  const state = new StateFiles(config.state_dir).read();
  if (state.is !== 'whole') return found;
  const names = config.bundle.map((b) => b.name);
  const keys = new Map(addresses.map((address) => [address, keysOf({ ...habits, address })]));
  for (const kept of keptCopiesOf(state.value, names)) {
    const verdicts = await verdictsOf(config, kept, keys, warn);
    for (const [address, list] of verdicts) {
      const history = historyOf(kept.name, list);
      if (history !== null) found.get(address)?.push(history);
    }
  }
  return found;
}

/** By address, what each copy says of it, oldest first, the live copy last. */
async function verdictsOf(
  config: GatewayConfig,
  { name, copies }: Kept,
  keys: ReadonlyMap<string, readonly string[]>,
  warn: (message: string) => void,
): Promise<Map<string, Verdict[]>> {
  const store = new Copies(config.state_dir, name, null);
  const verdicts = new Map([...keys.keys()].map((address): [string, Verdict[]] => [address, []]));
  const live = copies.findIndex((c) => c.live);
  for (const { version, created, table } of copies.slice(0, live + 1)) {
    try {
      const present = await presentRows(store.rows(table), [...keys.values()].flat());
      for (const [address, list] of keys) {
        verdicts.get(address)?.push({ version, created, row: list.find((key) => present.has(key)) ?? null });
      }
    } catch (error) {
      warn(`${name}: the copy of version ${version} cannot be read: ${(error as Error).message}`);
    }
  }
  return verdicts;
}

function historyOf(name: string, verdicts: readonly Verdict[]): AddressHistory | null {
  const live = verdicts.at(-1);
  const [oldest] = verdicts;
  if (live === undefined || oldest === undefined) return null;
  const accepted = live.row !== null;
  const changed = verdicts.map((v) => (v.row !== null) === accepted).lastIndexOf(false);
  const [before, first] = [verdicts[changed], verdicts[changed + 1]];
  const since =
    before === undefined || first === undefined ? null : { version: first.version, created: first.created, before };
  return { name, accepted, since, oldest: oldest.version };
}
