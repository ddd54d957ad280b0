/** The lines that a person reads at a terminal: outcomes of a cycle and answers of a look-up. Words only. */
import { ADVICE } from './advice.ts';
import type { BundleOutcome } from '../outcome.ts';

export const number = (n: number): string => n.toString().replace(/\B(?=(\d{3})+$)/g, ',');

const bytes = (n: number): string =>
  n < 10_000 ? `${n} bytes` : n < 10_000_000 ? `${Math.round(n / 1000)} kB` : `${(n / 1e6).toFixed(1)} MB`;

const took = (ms: number): string => (ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`);

/** One line of what was done for a bundle that ended well. */
export function doneLine(b: BundleOutcome, dryRun = false): string {
  const what = `version ${b.version ?? 'none'}, ${number(b.rows ?? 0)} rows`;
  const how = { full: 'whole table', delta: 'delta', none: 'same list' }[b.via];
  const cost = `${bytes(b.wireBytes)} in ${took(b.ms)}`;
  if (dryRun && b.outcome === 'installed') return `${b.name}: would be installed: ${b.would ?? ''} (${how}, ${cost})`;
  return b.outcome === 'unchanged'
    ? `${b.name}: unchanged, ${what} (${cost})`
    : `${b.name}: installed ${what} (${how}, ${cost})`;
}

/** What was wrong, what that usually means, and what is in use now. */
export function keptLines(b: BundleOutcome): string[] {
  const code = b.code ?? 'INTERNAL';
  const now =
    b.version === null
      ? 'no version of this list is installed; as long as there are no maps, mail is deferred'
      : `version ${b.version} (${number(b.rows ?? 0)} rows) is still in use`;
  return [`${b.name}: ${code}: ${b.message ?? ''}`, `${b.name}: ${ADVICE[code]}`, `${b.name}: ${now}`];
}
