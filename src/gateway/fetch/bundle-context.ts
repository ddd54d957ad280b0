/** What one bundle's way through a cycle goes by. Types only. */
import type { RootedRing, VerifiedStep } from '../../bundle/trust/keyring.ts';
import type { BundleConfig, GatewayConfig } from '../config.ts';
import type { EarlyMaps } from '../maps/early-maps.ts';
import type { Copies } from '../record/copies.ts';
import type { Notes } from '../record/remember.ts';
import type { BundleState } from '../record/state.ts';
import type { Source } from './source.ts';

export interface BundleContext {
  readonly bundle: BundleConfig;
  readonly config: GatewayConfig;
  /** The newest one that is known. */
  readonly ring: RootedRing;
  /** As it was when it was last read: another run may change it meanwhile. */
  readonly state: Readonly<BundleState>;
  readonly copies: Copies;
  readonly source: Source;
  readonly now: Date;
  readonly force: boolean;
  readonly acceptShrink: boolean;
  /** Makes the maps while the table is read, where it alone makes them. */
  readonly early: EarlyMaps | null;
  readonly warn: (message: string) => void;
  /** Nothing is written: a table is read and judged, and not spooled. */
  readonly dryRun: boolean;
  /** What this bundle's way wants remembered. */
  readonly notes: Notes;
  /** Stores verified key ring steps at once; null where nothing is to be written. @throws StepError */
  readonly storeSteps: ((steps: readonly VerifiedStep[]) => Promise<void>) | null;
}
