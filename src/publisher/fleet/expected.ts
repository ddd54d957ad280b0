/** Which gateways are expected: `[fleet] expect` (docs/commands.md section 3.2). */
import type { PublisherConfig } from '../config.ts';

export interface Expected {
  readonly expected: ReadonlySet<string>;
  /** Those with a token of their own. */
  readonly tokens: ReadonlySet<string>;
}

export function expectedGateways(config: PublisherConfig): Expected {
  return { expected: new Set(config.fleet.expect), tokens: new Set() };
}
