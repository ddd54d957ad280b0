/**
 * A configuration and what a cycle needs of files that perhaps only root may read: public keys and credentials. They are read while the
 * process still may; the cycle code is then the same for `fetch`, `import` and `run`.
 */
import type { BundleConfig, GatewayConfig } from '../config.ts';
import { urlClient, urlSource, type Source } from './source.ts';
import type { HttpClient } from '../../io/http.ts';
import { credentials } from '../keys/credentials.ts';

export type SourceOf = (bundle: BundleConfig) => Source | null;

/** Where bundles come from, cycle after cycle. */
export interface Sources {
  readonly of: SourceOf;
  /** Ends every connection; nothing is opened afterwards. */
  readonly close: () => Promise<void>;
}

/**
 * Clients are made at first use and kept from cycle to cycle.
 * @param clock monotonic milliseconds. @param signal ends what is under way. @param access read already. @throws HostError CONFIG
 */
export function urlSources(
  config: GatewayConfig,
  clock: () => number,
  env: Readonly<Record<string, string | undefined>>,
  signal?: AbortSignal,
  access = credentials(config),
): Sources {
  const clients = new Map<string, HttpClient>();
  const limits = { idle: config.limits.idle_timeout, total: config.limits.total_timeout };
  const clientOf = (name: string): HttpClient => {
    const client = clients.get(name) ?? urlClient(access.get(name) ?? {}, limits, env, signal);
    clients.set(name, client);
    return client;
  };
  return {
    of: ({ name, urls }) => {
      const client = clientOf(name);
      return urlSource(urls, client, limits, clock, () => client.rest());
    },
    close: async () => {
      await Promise.all([...clients.values()].map((client) => client.close()));
    },
  };
}
