/**
 * A configuration and what a cycle needs of files that perhaps only root may read: public keys and credentials.
 * They are read while the process still may; the cycle code is then the same for `fetch`, `import` and `run`.
 */
import type { BundleConfig, GatewayConfig } from '../config.ts';
import { urlClient, urlSource, type Source } from './source.ts';
import type { Access, HttpClient } from '../../io/http.ts';
import { credentials, type BundleAccess } from '../keys/credentials.ts';

export type SourceOf = (bundle: BundleConfig) => Source | null;

/** Where bundles come from, cycle after cycle. */
export interface Sources {
  readonly of: SourceOf;
  /** Ends every connection; nothing is opened afterwards. */
  readonly close: () => Promise<void>;
}

/**
 * Clients are made at first use and kept from cycle to cycle, for as long as they have the credentials of now.
 * @param clock monotonic milliseconds. @param userAgentOf what the origin of a bundle's first URL is told of this
 * gateway, now; null for nothing. @param signal ends what is under way. @param accessOf what a bundle's URLs are
 * asked with, now.
 * @throws HostError CONFIG
 */
export function urlSources(
  config: GatewayConfig,
  clock: () => number,
  env: Readonly<Record<string, string | undefined>>,
  userAgentOf: (bundle: string) => string | null,
  signal?: AbortSignal,
  accessOf = accessOnce(config),
): Sources {
  const clients = new Map<string, Map<Access, HttpClient>>();
  const limits = { idle: config.limits.idle_timeout, total: config.limits.total_timeout };
  return {
    of: ({ name, urls }) => {
      const access = accessOf(name);
      const own = clients.get(name) ?? new Map<Access, HttpClient>();
      clients.set(name, own);
      const now = new Set(access.values());
      for (const [of, client] of own) {
        if (now.has(of)) continue;
        own.delete(of);
        void client.close(); // asks with credentials of before
      }
      const clientOf = (url: string): HttpClient => {
        const of = access.get(url) ?? {};
        const client = own.get(of) ?? urlClient(of, limits, env, signal);
        own.set(of, client);
        return client;
      };
      const close = async () => void (await Promise.all([...own.values()].map((client) => client.rest())));
      return urlSource(urls, clientOf, limits, clock, close, userAgentOf(name));
    },
    close: async () => {
      const all = [...clients.values()].flatMap((own) => [...own.values()]);
      await Promise.all(all.map((client) => client.close()));
    },
  };
}

/** Read once, for a command that ends. @throws HostError CONFIG */
function accessOnce(config: GatewayConfig): (bundle: string) => BundleAccess {
  const access = credentials(config);
  return (bundle) => access.get(bundle) ?? new Map();
}
