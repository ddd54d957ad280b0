/**
 * Finds a preset's query. Each file in presets/ says which addresses one mail software accepts at RCPT. Reads
 * nothing.
 */
import { HostError } from '../../../errors.ts';
import { chimailmadmin } from './presets/chimailmadmin.ts';
import { wordsFor, type SqlPreset } from './presets/dialects.ts';
import { froxlor } from './presets/froxlor.ts';
import { iredmail } from './presets/iredmail.ts';
import { ispconfig } from './presets/ispconfig.ts';
import { mailcow } from './presets/mailcow.ts';
import { mailu } from './presets/mailu.ts';
import { mailman3 } from './presets/mailman3.ts';
import { modoboa } from './presets/modoboa.ts';
import { postfixadmin } from './presets/postfixadmin.ts';
import { vexim } from './presets/vexim.ts';
import { vimbadmin } from './presets/vimbadmin.ts';
import type { Schema } from './schema.ts';
import type { Dialect } from './url.ts';

const PRESETS: Record<string, SqlPreset> = {
  postfixadmin,
  vimbadmin,
  mailcow,
  iredmail,
  modoboa,
  chimailmadmin,
  ispconfig,
  mailu,
  froxlor,
  vexim,
  mailman3,
};

/** @throws HostError CONFIG if there is no such preset, or not for this database. */
export function presetFor(name: string, dialect: Dialect, table: 'recipients' | 'transport' = 'recipients'): SqlPreset {
  const known = Object.hasOwn(PRESETS, name) ? PRESETS[name] : undefined;
  const preset = table === 'transport' && known !== undefined ? nextHopsOf(name, known) : known;
  if (preset === undefined) {
    throw new HostError('CONFIG', `preset "${name}" is not known; there are ${Object.keys(PRESETS).join(', ')}`);
  }
  if (!preset.dialects.includes(dialect)) {
    throw new HostError(
      'CONFIG',
      `preset "${name}" is for ${preset.dialects.join(' and ')}, not for ${dialect}; set query`,
    );
  }
  return preset;
}

/** @throws HostError CONFIG */
function nextHopsOf(name: string, { transport }: SqlPreset): SqlPreset {
  if (transport !== undefined) return transport;
  const having = Object.entries(PRESETS).flatMap(([each, preset]) => (preset.transport === undefined ? [] : [each]));
  throw new HostError('CONFIG', `preset "${name}" has no next hops; those of ${having.join(', ')} have; set query`);
}

/** What this database lacks for the preset, to follow its name in a message; null if nothing is missing. */
export function lacking({ needs, software }: SqlPreset, schema: Schema): string | null {
  for (const [table, columns] of Object.entries(needs)) {
    if (!schema.has(table))
      return `has no table "${table}", or this user may not read it; the preset is for ${software}`;
    const missing = columns.split(' ').find((column) => !schema.has(table, column));
    if (missing !== undefined) {
      return `has no column "${missing}" in table "${table}", or this user may not read it; the preset is for ${software}`;
    }
  }
  return null;
}

/** @param now compared with dates of validity. */
export const queryOf = (preset: SqlPreset, dialect: Dialect, schema: Schema, now: Date): string =>
  preset.query(wordsFor(dialect, schema, preset.tables, now), schema);
