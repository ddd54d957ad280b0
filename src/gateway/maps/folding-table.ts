/**
 * Unicode's case folding as a cdb beside the maps, for servers that fold A to Z alone and can look a character up:
 * without it `STRAßE@` would miss the row `strasse@`. Writes that file, and only where it is not there as it should
 * be.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { foldings } from '../../bundle/address/case-folding.ts';
import { AtomicFile, makeFolder } from '../../io/atomic-file.ts';
import { smallCdb } from '../../map/small-cdb.ts';
import type { GatewayConfig } from '../config.ts';
import { KINDS } from '../mta-kinds.ts';
import { lstatOrNull } from './live-maps.ts';

export const FOLDING_TABLE = 'case_folding.cdb';

const fileOf = ({ map_dir: folder }: Pick<GatewayConfig, 'map_dir'>): string => path.join(folder, FOLDING_TABLE);

/** Whether the configured server needs the table and has none. */
export const lacksFoldingTable = (config: Pick<GatewayConfig, 'map_dir' | 'mta'>): boolean =>
  KINDS[config.mta.kind].folds === 'table' && lstatOrNull(fileOf(config))?.isFile() !== true;

/** Needs the lock. @throws what writing a file throws */
export function writeFoldingTable(config: Pick<GatewayConfig, 'map_dir' | 'mta'>, gid: number | null): void {
  if (KINDS[config.mta.kind].folds !== 'table') return;
  const rows = foldings().map(([from, to]) => [Buffer.from(from), Buffer.from(to)] as const);
  const bytes = Buffer.from(smallCdb(rows));
  if (!lacksFoldingTable(config) && readFileSync(fileOf(config)).equals(bytes)) return;
  makeFolder(config.map_dir, 0o755);
  const file = new AtomicFile(fileOf(config), 0o640);
  try {
    if (gid !== null) file.giveToGroup(gid);
    file.write(bytes);
    file.commit();
  } finally {
    file.discard();
  }
}
