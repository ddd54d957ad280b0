/** What a cycle, a rollback and healing are handed. */
import type { TakeLock } from '../../io/lock.ts';
import type { BundleConfig, GatewayConfig } from '../config.ts';
import type { Source } from '../fetch/source.ts';
import type { TrustedBundle } from '../keys/trusted-keys.ts';

export interface SessionContext {
  readonly config: GatewayConfig;
  readonly bundles: readonly TrustedBundle[];
  readonly now: Date;
  readonly log: (level: 'warning' | 'notice', message: string) => void;
  /**
   * The live maps were hashed before (docs/commands.md section 2.3, Healing): `here` by this process, so that size,
   * mtime and inode are enough; `on record` by an earlier one, if the record says so.
   */
  readonly hashed?: 'here' | 'on record';
  /** How the lock is taken; else by a child for each time. */
  readonly takeLock?: TakeLock;
  /** The process is to end: nothing is begun any more, and no waiting goes on. */
  readonly signal?: AbortSignal;
}

export interface CycleOptions {
  readonly force: boolean;
  readonly acceptShrink: boolean;
  readonly partial: boolean;
  /** Judge what would be done; write nothing. */
  readonly dryRun: boolean;
  readonly rebuildState: boolean;
}

export interface CycleContext extends SessionContext {
  readonly options: CycleOptions;
  /** Null for a bundle that is not asked for in this cycle. */
  readonly sourceOf: (bundle: BundleConfig) => Source | null;
  /** The one bundle that is asked for; all of them without it. */
  readonly only?: string;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
}
