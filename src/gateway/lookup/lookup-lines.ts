/** The answers of `relaymap lookup` in words. */
import type { Rejection } from '../../map/lookup.ts';
import type { KindFacts } from '../mta-kinds.ts';
import type { LookupAnswer } from './lookup-address.ts';
import type { AddressHistory } from './lookup-history.ts';

const REJECTED: Record<Rejection, string> = {
  'leading-hyphen': 'Postfix takes no local part that begins with a hyphen (allow_min_user)',
  'no-host-name': 'its domain is not a valid host name',
  'no-relay-domain': 'its domain is not a relay domain here',
  routed: 'Postfix takes the @, ! or % before its last @ for a route (allow_untrusted_routing)',
  unlisted: 'no such recipient',
};

/** @param unknownCode the parameter by which the server defers an unknown recipient, as `NAME = 450`; else null. */
export function lookupLine(
  a: LookupAnswer,
  { name, deferCode }: Pick<KindFacts, 'name' | 'deferCode'>,
  unknownCode: string | null = null,
): string {
  if (a.said !== undefined) return saidLine(a, a.said);
  if (a.outOfDate === 'deferred')
    return `${a.address}: deferred (${deferCode}), no such recipient, and the list of its domain is out of date`;
  if (a.rejection === 'unlisted' && unknownCode !== null)
    return `${a.address}: deferred, no such recipient (${unknownCode})`;
  if (a.outOfDate === 'not asked')
    return `${a.address}: rejected, no such recipient; the list of its domain is out of date, and ${name} does not ask stale_domains: relaymap check`;
  if (a.rejection !== null) return `${a.address}: rejected, ${REJECTED[a.rejection]}`;
  if (a.table !== undefined) return `${a.address}: accepted by the row ${a.row} of ${a.table}, not by a list`;
  const from = a.from.map((f) => `${f.name} version ${f.version}`).join(', ');
  return `${a.address}: accepted by the row ${a.row}${from === '' ? '' : ` of ${from}`}`;
}

/** The server's own word first, then what the list has to do with it. */
function saidLine(a: LookupAnswer, { by, code, text }: NonNullable<LookupAnswer['said']>): string {
  const verdict = code < 400 ? 'accepted' : code < 500 ? 'deferred' : 'rejected';
  const from = a.from.map((f) => `${f.name} version ${f.version}`).join(', ');
  const row = a.row === null ? null : `the row ${a.row}${from === '' ? '' : ` of ${from}`}`;
  const word = `${by} says ${code} ${text}`.trimEnd();
  if (code < 400) return `${a.address}: accepted by ${row ?? 'no row of the list'}; ${word}`;
  const why =
    row === null ? (a.rejection === null ? '' : `, ${REJECTED[a.rejection]}`) : `, although the list has ${row}`;
  return `${a.address}: ${verdict}${why}; ${word}`;
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
