/**
 * Whether the live map of domains is the one that would be made: then it stays as it is. Its bytes are hashed for
 * that, so nothing is believed of a record alone.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { DomainSet } from '../../bundle/table/domain-set.ts';
import { fastHash } from '../../bundle/table/seeded-hash.ts';
import { ENDINGS } from '../map-files.ts';
import { lstatOrNull, type MapFiles } from './live-maps.ts';
import { bytesDamage } from './map-damage.ts';
import type { CompileRules, MapFile } from './map-pair.ts';

const DOMAINS = 'relay_domains';
const LF = 0x0a;

/**
 * The record of the live files, or null where one of them is not what was installed, has another mode or group than
 * what is made now, or is of other domains or another form.
 * @param live the record of the live maps. @param made a file that was just made
 */
export function sameDomains(live: MapFiles, names: DomainSet, rules: CompileRules, made: MapFile): MapFiles | null {
  const endings = new Set(['', ENDINGS.cdb, ...rules.types.map((type) => ENDINGS[type])]);
  const files: Record<string, MapFiles[string]> = {};
  const like = lstatOrNull(made.file.temp);
  for (const ending of endings) {
    const name = DOMAINS + ending;
    const record = live[name];
    const found = lstatOrNull(path.join(rules.mapDir, name));
    if (record === undefined || found?.isFile() !== true || like === null) return null;
    if (found.mode !== like.mode || found.gid !== like.gid || found.uid !== like.uid) return null;
    if (found.ino !== record.ino || found.mtimeMs !== record.mtimeMs) return null;
    files[name] = record;
  }
  if (bytesDamage(rules.mapDir, files, Object.keys(files)) !== null) return null;
  const text = readFileSync(path.join(rules.mapDir, DOMAINS));
  const end = Buffer.from(rules.text === 'list' ? '\n' : `\t${rules.value}\n`);
  return areThese(text, end, names) ? files : null;
}

/** Whether a text has exactly these domains, a line each, and each line ends so. A sorted text has none twice. */
function areThese(text: Buffer, end: Buffer, names: DomainSet): boolean {
  let lines = 0;
  for (let start = 0; start < text.length; lines++) {
    const past = text.indexOf(LF, start) + 1;
    const stop = past - end.length;
    if (past === 0 || stop < start || text.compare(end, 0, end.length, stop, past) !== 0) return false;
    if (!names.has(text, start, stop, fastHash(text, start, stop))) return false;
    start = past;
  }
  return lines === names.size;
}
