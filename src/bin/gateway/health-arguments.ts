/**
 * Reads the command line of a plain `relaymap health` without commander. It runs every minute and must start in
 * milliseconds.
 */
import type { HealthOptions } from './health-command.ts';

export const DEFAULT_CONFIG = '/etc/relaymap/relaymap.toml';

/** @returns null unless the line has the plain form. commander handles help, mistakes and other commands. */
export function healthArguments([command, ...rest]: readonly string[]): HealthOptions | null {
  if (command !== 'health') return null;
  const options = { config: DEFAULT_CONFIG, json: false, deep: false };
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i];
    if (word === '--json') options.json = true;
    else if (word === '--deep') options.deep = true;
    else if (word === '--config' && rest[i + 1] !== undefined) options.config = rest[++i] ?? '';
    else return null;
  }
  return options;
}
