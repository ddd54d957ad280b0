/**
 * The request by which an unprivileged process has the mail server told: a file that a root-owned path unit removes
 * when it has done so.
 */
import { existsSync } from 'node:fs';
import { writeFileAtomic } from '../../io/atomic-file.ts';

export const RELOAD_FOLDER = '/run/relaymap';
export const RELOAD_REQUEST = `${RELOAD_FOLDER}/reload`;

/** Whether a reload that is on record is still due: where the path unit serves, until it has taken the request away. */
export const reloadRequested = (): boolean => !existsSync(RELOAD_FOLDER) || existsSync(RELOAD_REQUEST);

/** Asks the path unit. Where there is none, no server is told, and nothing is pending. */
export function requestReload(): 'done' | 'asked' | 'pending' {
  if (!existsSync(RELOAD_FOLDER)) return 'done';
  try {
    writeFileAtomic(RELOAD_REQUEST, '', 0o644);
    return 'asked';
  } catch {
    return 'pending'; // asked again in the next cycle
  }
}

/** Whether the path unit has taken the request away. */
export const requestServed = (): boolean =>
  process.geteuid?.() !== 0 && existsSync(RELOAD_FOLDER) && !existsSync(RELOAD_REQUEST);
