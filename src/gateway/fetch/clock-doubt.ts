/**
 * What a refused certificate says of this host's clock. A certificate that is not valid yet, or no longer, may be
 * right and the clock wrong: the message says both times, and what the installed list knows of them. Pure.
 */
import { SourceError, type StepError } from '../../errors.ts';
import { isoTime } from '../../bundle/offer/manifest.ts';

const MINUTE = 60_000;

/**
 * @param installed times of the live copy, which was signed elsewhere. @returns the same failure, or one that names
 * the clock.
 */
export function withClock(
  failure: StepError,
  now: Date,
  installed: { readonly created: string; readonly expires: string } | null,
): StepError {
  const reason = /\((CERT_NOT_YET_VALID|CERT_HAS_EXPIRED)\)/.exec(failure.message)?.[1];
  if (!(failure instanceof SourceError) || failure.code !== 'TLS' || reason === undefined) return failure;
  const behind = installed === null ? 0 : Date.parse(installed.created) - now.getTime();
  const past = installed !== null && now.getTime() >= Date.parse(installed.expires);
  const doubt =
    reason === 'CERT_NOT_YET_VALID' && behind > 0
      ? `${Math.ceil(behind / MINUTE)} min before the installed list was signed: set the clock`
      : reason === 'CERT_HAS_EXPIRED' && past
        ? 'when the installed list has expired as well: if that is not the time, set the clock'
        : 'is that the time?';
  return new SourceError('TLS', `${failure.message}; this host's clock says ${isoTime(now)}, ${doubt}`, failure);
}
