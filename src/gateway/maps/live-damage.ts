/** Whether the live maps are the files that were installed. */
import { type MapFiles, lookAtMaps } from './live-maps.ts';

/**
 * What is wrong with the live maps, in words: by their looks, and by their bytes where that is asked for or they
 * were touched.
 */
export async function liveDamage(mapDir: string, files: MapFiles, deep: boolean): Promise<string | null> {
  const { damage, unsure } = lookAtMaps(mapDir, files);
  const names = deep ? Object.keys(files) : unsure;
  if (damage !== null || names.length === 0) return damage;
  const { bytesDamage } = await import('./map-damage.ts'); // seldom needed, and hashing takes its time to load
  return bytesDamage(mapDir, files, names);
}
