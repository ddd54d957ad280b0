/**
 * What a cycle did, as values: the answer of `fetch --json` and `import --json` (docs/commands.md section 2.5).
 * Touches nothing.
 */
import { exitStatus, type Code, type ExitStatus } from '../errors.ts';

export interface BundleOutcome {
  readonly name: string;
  readonly outcome: 'installed' | 'unchanged' | 'kept';
  readonly code: Code | null;
  readonly message: string | null;
  /** What is installed after the cycle; null for nothing. */
  readonly version: number | null;
  readonly rows: number | null;
  readonly via: 'full' | 'delta' | 'none';
  /** All body bytes received in the cycle. */
  readonly wireBytes: number;
  readonly ms: number;
  /** Only of a dry run: what would change. */
  readonly would?: string;
}

export interface Outcome {
  readonly outcome: 'installed' | 'unchanged' | 'kept';
  /** Only for a failure before any bundle. */
  readonly code?: Code;
  readonly message?: string;
  readonly bundles: readonly BundleOutcome[];
}

/** A failure that came before any bundle. */
export const failure = (code: Code, message: string): Outcome => ({ outcome: 'kept', code, message, bundles: [] });

export function overall(bundles: readonly BundleOutcome[]): Outcome {
  const any = (outcome: BundleOutcome['outcome']) => bundles.some((b) => b.outcome === outcome);
  return { outcome: any('kept') ? 'kept' : any('installed') ? 'installed' : 'unchanged', bundles };
}

/** The worst bundle decides; 1 (refused) beats 2 (could not). */
export function outcomeExit(outcome: Outcome): ExitStatus {
  const codes = [outcome.code, ...outcome.bundles.map((b) => b.code)].filter((c) => c !== undefined && c !== null);
  const statuses = codes.map((c) => exitStatus(c));
  return statuses.includes(1) ? 1 : statuses.includes(2) ? 2 : 0;
}
