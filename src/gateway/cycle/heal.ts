/**
 * Checks the live maps and rebuilds them from the copies, without the network (docs/commands.md section 2.3,
 * Healing).
 */
import { isOfNextHops } from '../map-files.ts';
import { FOLDING_TABLE, lacksFoldingTable } from '../maps/folding-table.ts';
import type { LiveMaps, MapFiles } from '../maps/live-maps.ts';
import { installedCopies, makeMaps, UNMADE, type MapMaker } from '../maps/make-maps.ts';
import { hashedToday, mapDamage, recordedDamage, removeDamaged, touchedDamage } from '../maps/map-damage.ts';
import type { GatewayState } from '../record/state.ts';
import { asStepError } from '../step-error.ts';
import type { SessionContext } from './session-context.ts';

/** Null where the live maps are what was installed. `damage` in words; null where they are gone from the record too. */
export function illnessOf(
  { config, now, hashed }: SessionContext,
  state: GatewayState,
): { damage: string | null } | null {
  const installed = config.bundle.filter((b) => state.bundles[b.name]?.installed);
  if (state.maps === null) return installed.length === config.bundle.length ? { damage: null } : null;
  if (state.maps.inputs === UNMADE) return { damage: 'the map of next hops could not be made when the others were' };
  const damage = damageOf(config.map_dir, state.maps, hashed, now);
  if (damage === null && lacksFoldingTable(config)) return { damage: `${FOLDING_TABLE} is missing` };
  return damage === null ? null : { damage };
}

/**
 * Makes the live maps again from the copies, without the network. It looks at neither expiry nor keys: mail comes
 * first. A map that is damaged and cannot be made again is removed; that of next hops stays where it is. Needs the
 * lock.
 * @returns whether the copies could not serve, so that whole tables are needed again.
 */
export async function heal(maker: MapMaker, state: GatewayState, damage: string | null): Promise<boolean> {
  const { config } = maker;
  const hopsFault = await faultOfHops(maker, state);
  if (hopsFault !== null && state.maps !== null && mapDamage(config.map_dir, others(state.maps)) === null) {
    maker.warn(`${damage ?? 'the map transport is not whole'}; ${unmendable(hopsFault)}`);
    return true;
  }
  if (damage !== null) maker.warn(`${damage}; the maps are made again from the last good copies`);
  try {
    await makeMaps(maker, state, installedCopies(maker, state), { keepsHops: hopsFault !== null });
    if (hopsFault !== null) maker.warn(`the map of next hops: ${unmendable(hopsFault)}`);
    return hopsFault !== null;
  } catch (error) {
    const { code, message } = asStepError(error);
    if (code === 'NO_SPACE' || code === 'INSTALL_FAILED') throw error;
    maker.warn(
      `the maps cannot be made again (${code}: ${message})${damage === null ? '' : '; the damaged ones are removed, mail is deferred'}`,
    );
    if (state.maps !== null) removeDamaged(config.map_dir, state.maps.files);
    state.maps = null;
    maker.files.write(state);
    maker.files.dropPending(); // it would come back over what the cycles from here on remember
    return true;
  }
}

const unmendable = (fault: string): string =>
  `it cannot be made again from the copies (${fault}) and stays as it is until a good table comes`;

/** The files of all maps but that of next hops. */
const others = ({ files }: LiveMaps): MapFiles =>
  Object.fromEntries(Object.entries(files).filter(([name]) => !isOfNextHops(name)));

/** What is wrong with a copy that the map of next hops is made of, in words; null for nothing. */
async function faultOfHops({ config, copiesOf }: MapMaker, state: GatewayState): Promise<string | null> {
  for (const { name, next_hops: hops } of config.bundle) {
    const table = state.bundles[name]?.installed?.transport?.table;
    const fault = hops === undefined || table === undefined ? null : await copiesOf(name).fault(table);
    if (fault !== null) return `${name}: ${fault}`;
  }
  return null;
}

function damageOf(mapDir: string, maps: LiveMaps, hashed: SessionContext['hashed'], now: Date): string | null {
  if (hashed === 'here') return touchedDamage(mapDir, maps.files);
  return hashed === 'on record' && hashedToday(maps, now)
    ? recordedDamage(mapDir, maps)
    : mapDamage(mapDir, maps.files);
}
