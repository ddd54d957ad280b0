/**
 * Whether the package's service runs, by what systemd leaves in the file system: its control group and its links.
 * Reads only.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

export interface ServiceState {
  readonly isActive: boolean;
  readonly isEnabled: boolean;
  readonly hasStaleTimer: boolean;
}

const UNIT = 'relaymap.service';

/** @param root `/`. @returns null where there is no systemd or no such unit: something else may run the daemon */
export function serviceState(root = '/'): ServiceState | null {
  const at = (...names: string[]) => path.join(root, ...names);
  const hasUnit = [at('usr/lib/systemd/system', UNIT), at('lib/systemd/system', UNIT), at('etc/systemd/system', UNIT)];
  if (!existsSync(at('run/systemd/system')) || !hasUnit.some((file) => existsSync(file))) return null;
  const groups = ['sys/fs/cgroup/system.slice', 'sys/fs/cgroup/systemd/system.slice'];
  const isActive = groups.some((group) => hasProcesses(at(group, UNIT, 'cgroup.procs')));
  const wanted = (target: string, unit: string) => existsSync(at(`etc/systemd/system/${target}.target.wants`, unit));
  return {
    isActive,
    isEnabled: wanted('multi-user', UNIT),
    hasStaleTimer: wanted('timers', 'relaymap-stale.timer'),
  };
}

function hasProcesses(file: string): boolean {
  try {
    return readFileSync(file, 'utf8').trim() !== '';
  } catch {
    return false; // no control group: nothing of it runs
  }
}
