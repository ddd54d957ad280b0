/**
 * Which gateways are expected: those that `[fleet] expect` names, and those that have a file in the `tokens` of `serve`
 * (docs/commands.md section 3.2). Reads the names in these folders.
 */
import type { PublisherConfig } from '../config.ts';
import { gatewayNames } from '../serve/token-folder.ts';

export interface Expected {
  readonly expected: ReadonlySet<string>;
  /** Those with a token of their own. */
  readonly tokens: ReadonlySet<string>;
}

/** @throws HostError CONFIG if a folder of tokens cannot be read */
export function expectedGateways({ fleet, serve, output }: PublisherConfig): Expected {
  const own = (serve?.site ?? []).filter((site) => site.output === output);
  const folders = [serve?.tokens, ...own.map((site) => site.tokens)].filter((folder) => folder !== undefined);
  const tokens = new Set(folders.flatMap(gatewayNames));
  return { expected: new Set([...fleet.expect, ...tokens]), tokens };
}
