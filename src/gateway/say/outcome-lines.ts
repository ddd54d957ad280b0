/** The lines that a person reads at a terminal: outcomes of a cycle and answers of a look-up. Words only. */
import type { Rejection } from '../../map/lookup.ts';
import { ADVICE } from './advice.ts';
import type { LookupAnswer } from '../lookup/lookup-address.ts';
import type { AddressHistory } from '../lookup/lookup-history.ts';
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
      ? 'nothing is installed yet; mail waits'
      : `version ${b.version} (${number(b.rows ?? 0)} rows) is still in use`;
  return [`${b.name}: ${code}: ${b.message ?? ''}`, `${b.name}: ${ADVICE[code]}`, `${b.name}: ${now}`];
}

const REJECTED: Record<Rejection, string> = {
  'leading-hyphen': 'Postfix takes no local part that begins with a hyphen (allow_min_user)',
  'no-host-name': 'its domain is not a valid host name',
  'no-relay-domain': 'its domain is not a relay domain here',
  routed: 'Postfix takes the @, ! or % before its last @ for a route (allow_untrusted_routing)',
  unlisted: 'no such recipient',
};

export function lookupLine(a: LookupAnswer): string {
  if (a.rejection !== null) return `${a.address}: rejected, ${REJECTED[a.rejection]}`;
  const from = a.from.map((f) => `${f.name} version ${f.version}`).join(', ');
  return `${a.address}: accepted by the row ${a.row}${from === '' ? '' : ` of ${from}`}`;
}

export function historyLine({ name, accepted, since, oldest }: AddressHistory): string {
  if (since === null) {
    return accepted
      ? `  ${name}: accepted since version ${oldest}, the oldest kept, or earlier`
      : `  ${name}: in no kept version, the oldest is ${oldest}`;
  }
  const { version, created, before } = since;
  return accepted
    ? `  ${name}: accepted since version ${version} of ${created}; version ${before.version} did not have it`
    : `  ${name}: gone since version ${version} of ${created}; version ${before.version} had the row ${before.row ?? ''}`;
}
