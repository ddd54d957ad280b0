/** Finds the query of a preset. Each file in presets/ says for one mail software which addresses it accepts at RCPT. Reads nothing. */
import { HostError } from '../../../errors.ts';
import { chimailmadmin } from './presets/chimailmadmin.ts';
import { iredmail } from './presets/iredmail.ts';
import { mailcow } from './presets/mailcow.ts';
import { modoboa } from './presets/modoboa.ts';
import { postfixadmin } from './presets/postfixadmin.ts';
import { vimbadmin } from './presets/vimbadmin.ts';
import type { Queries } from './presets/dialects.ts';
import type { Dialect } from './url.ts';

const PRESETS: Record<string, Queries> = { postfixadmin, vimbadmin, mailcow, iredmail, modoboa, chimailmadmin };

/**
 * One statement that gives one column of addresses, catch-alls as `@domain`.
 * @param now what a date of validity is compared with.
 * @throws HostError CONFIG: no such preset, or not for this database.
 */
export function presetQuery(preset: string, dialect: Dialect, now: Date): string {
  const queries = Object.hasOwn(PRESETS, preset) ? PRESETS[preset] : undefined;
  if (queries === undefined) {
    throw new HostError('CONFIG', `preset "${preset}" is not known; there are ${Object.keys(PRESETS).join(', ')}`);
  }
  const query = queries[dialect];
  if (query === undefined) {
    throw new HostError(
      'CONFIG',
      `preset "${preset}" is for ${Object.keys(queries).join(' and ')}, not for ${dialect}; set query`,
    );
  }
  return query
    .replaceAll('{epoch}', String(Math.floor(now.getTime() / 1000)))
    .replaceAll('{utc}', now.toISOString().slice(0, 19).replace('T', ' '));
}
