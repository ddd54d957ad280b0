/**
 * Whether the live map of domains is the one that would be made: then it stays as it is. Its bytes are hashed for
 * that, so nothing is believed of a record alone.
 */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import path from 'node:path';
import type { DomainSet } from '../../bundle/table/domain-set.ts';
import { compareBytes, RowSplitter, type RowBlock } from '../../bundle/table/rows.ts';
import { fastHash } from '../../bundle/table/seeded-hash.ts';
import { ENDINGS } from '../map-files.ts';
import { lstatOrNull, type MapFiles } from './live-maps.ts';
import { bytesDamage } from './map-damage.ts';
import type { CompileRules, MapFile } from './map-pair.ts';

const DOMAINS = 'relay_domains';
const CHUNK = 256 * 1024;

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
  const end = Buffer.from(rules.text === 'list' ? '' : `\t${rules.value}`);
  return areThese(path.join(rules.mapDir, DOMAINS), end, names) ? files : null;
}

/** Whether a text has exactly these domains, a line each, and each line ends so. A sorted text has none twice. */
function areThese(file: string, end: Buffer, names: DomainSet): boolean {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const chunk = Buffer.allocUnsafe(CHUNK);
    const splitter = new RowSplitter();
    let lines = 0;
    for (let read = readSync(fd, chunk); read > 0; read = readSync(fd, chunk)) {
      const block = splitter.push(chunk.subarray(0, read));
      for (let i = 0; i < block.count; i++) if (!isOne(block, i, end, names)) return false;
      lines += block.count;
    }
    splitter.end();
    return splitter.fault === null && lines === names.size;
  } finally {
    closeSync(fd);
  }
}

function isOne({ bytes, starts }: RowBlock, line: number, end: Buffer, names: DomainSet): boolean {
  const start = starts[line] ?? 0;
  const past = (starts[line + 1] ?? 1) - 1;
  const stop = past - end.length;
  if (stop < start || compareBytes(bytes, stop, past, end, 0, end.length) !== 0) return false;
  return names.has(bytes, start, stop, fastHash(bytes, start, stop));
}
