/**
 * A configuration and what a cycle needs of files that perhaps only root may read: public keys and credentials. They are read while the
 * process still may; the cycle code is then the same for `fetch`, `import` and `run`.
 */
import { readAccess } from './access.ts';
import type { BundleConfig, GatewayConfig } from './config.ts';
import type { TrustedBundle } from './session.ts';
import { urlSource, type Source } from './source.ts';
import { startingRing } from './trust.ts';

export type SourceOf = (bundle: BundleConfig) => Source | null;

/** @throws HostError CONFIG */
export const trustedBundles = (config: GatewayConfig): TrustedBundle[] =>
  config.bundle.map((bundle) => ({ bundle, ring: startingRing(bundle) }));

/**
 * Reads the credentials; what it returns opens a bundle's URLs for one cycle.
 * @param clock monotonic milliseconds. @throws HostError CONFIG
 */
export function urlSources(
  config: GatewayConfig,
  clock: () => number,
  env: Readonly<Record<string, string | undefined>>,
): (signal?: AbortSignal) => SourceOf {
  const access = new Map(config.bundle.map((b) => [b.name, readAccess(b)]));
  const { idle_timeout: idle, total_timeout: total } = config.limits;
  return (signal) => (b) => urlSource(b.urls, access.get(b.name) ?? {}, { idle, total }, clock, env, signal);
}
