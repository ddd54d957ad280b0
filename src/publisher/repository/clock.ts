/**
 * Whether this host's clock can be right, given the published manifest, and what a new manifest says as `created`
 * (docs/bundle-format.md section 3). Pure.
 */
import { isoTime } from '../../bundle/offer/manifest.ts';
import type { Published } from './state.ts';

/** How far the clock may be behind the published manifest. */
const SLACK = 600_000;

/** Why the clock cannot be right, naming both times; null if it can. */
export function clockBehind(published: Published | null, now: Date): string | null {
  if (published === null) return null;
  const { created, version } = published.manifest;
  if (created.getTime() - now.getTime() <= SLACK) return null;
  return `the clock of this host says ${isoTime(now)}, but the published version ${version} was made at ${isoTime(created)}`;
}

/** Now, or the published manifest's time if the clock is slightly behind it: gateways never see time go back. */
export function createdAt(published: Published | null, now: Date): Date {
  const before = published?.manifest.created ?? now;
  return before > now && clockBehind(published, now) === null ? before : now;
}
