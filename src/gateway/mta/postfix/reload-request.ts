/**
 * The request by which an unprivileged process has Postfix reloaded: a file that a root-owned path unit removes
 * when it has done so.
 */
import { existsSync } from 'node:fs';

export const RELOAD_FOLDER = '/run/relaymap';
export const RELOAD_REQUEST = `${RELOAD_FOLDER}/reload`;

/** Whether a reload that is on record is still due: where the path unit serves, until it has taken the request away. */
export const reloadRequested = (): boolean => !existsSync(RELOAD_FOLDER) || existsSync(RELOAD_REQUEST);
