/**
 * Which bundles are out of date (docs/commands.md section 2.6): no cycle has ended installed or unchanged within
 * `[stale] after`. Pure: the facts are those of `status.json`.
 */
import type { GatewayConfig } from './config.ts';

export interface Confirmation {
  readonly name: string;
  /** When a cycle last ended installed or unchanged; null for never. */
  readonly succeededAt: string | null;
}

/** A cycle may begin and end after the clock was read. Milliseconds. */
const AT_ONCE = 60_000;

/** A time in the future counts as never. */
export function isOutOfDate({ succeededAt }: Confirmation, after: number, now: Date): boolean {
  const age = succeededAt === null ? Infinity : now.getTime() - Date.parse(succeededAt);
  return !(age >= -AT_ONCE && age <= after);
}

/**
 * The bundles of the configuration that are out of date, in its order; none without `[stale]`.
 * @param known null where nothing is known: then all are.
 */
export function outOfDate(
  { stale, bundle }: Pick<GatewayConfig, 'stale' | 'bundle'>,
  known: readonly Confirmation[] | null,
  now: Date,
): string[] {
  if (stale === undefined) return [];
  return bundle
    .map(({ name }) => known?.find((b) => b.name === name) ?? { name, succeededAt: null })
    .filter((b) => isOutOfDate(b, stale.after, now))
    .map(({ name }) => name);
}
