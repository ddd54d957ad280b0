// Memory of a Postfix: the proportional set size of the master and all its processes. A page that several of them
// map, such as one of a cdb, is counted once.
import { readFileSync } from 'node:fs';
import path from 'node:path';

/** @returns MiB and the number of processes. */
export function memoryOf({ configDir }) {
  const master = Number(readFileSync(path.join(configDir, '../queue/pid/master.pid'), 'utf8'));
  const sizes = tree(master).map(sizeOf);
  return { mib: Math.round(sizes.reduce((sum, size) => sum + size, 0) / 1024), processes: sizes.length };
}

function tree(pid) {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return [pid, ...(children === '' ? [] : children.split(' ').flatMap((child) => tree(Number(child))))];
}

/** KiB. */
const sizeOf = (pid) => Number(/^Pss:\s+([0-9]+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]);
