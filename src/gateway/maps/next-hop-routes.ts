/**
 * What the map of next hops is made of: the tables of the bundles that are asked for them, in the order of the
 * configuration; and what there is to say of it. Touches nothing.
 */
import { hopMatcher } from '../../map/next-hops.ts';
import { nothingLeftOut, routes } from '../../map/routes.ts';
import { domainMatcher } from '../../map/domains.ts';
import type { BundleConfig, GatewayConfig } from '../config.ts';
import { mtaOf } from '../mta/of-config.ts';
import type { Copy } from '../record/copies.ts';
import type { CopyRef } from '../record/state.ts';
import type { Routes } from './compile.ts';

export interface HopMember {
  readonly bundle: BundleConfig;
  readonly copy: Copy;
  readonly installed: CopyRef;
}

export interface ToldRoutes extends Routes {
  /** Says what was left out, once all rows have been read. @param wasThere whether the map was made before */
  tell(wasThere: boolean): void;
}

export function nextHopsOf(
  { config, warn }: { readonly config: GatewayConfig; readonly warn: (message: string) => void },
  members: readonly HopMember[],
): ToldRoutes {
  const left = nothingLeftOut();
  const asked = members.flatMap(({ bundle, copy, installed }) => {
    const { next_hops: hops, domains } = bundle;
    if (hops === undefined || domains === undefined || copy.nextHops === null) return [];
    const limits = { speaksFor: domainMatcher(domains), allows: hopMatcher(hops) };
    return [{ ...limits, rows: copy.nextHops.rows(), expected: installed.transport?.rows ?? 0 }];
  });
  const mta = mtaOf(config);
  return {
    rows: routes(asked, left),
    expected: asked.reduce((sum, { expected }) => sum + expected, 0),
    value: (nextHop) => mta.route(nextHop),
    tell: (wasThere) => {
      const { clashes, clashing, foreign } = left;
      if (asked.length === 0 && !wasThere)
        warn(
          'next_hops is set and no table of next hops has come yet: the map transport is empty, mail follows the MX',
        );
      if (clashes > 0) {
        const more = clashes > clashing.length ? ` and ${clashes - clashing.length} more` : '';
        const which = `${clashing.join(', ')}${more}`;
        warn(`several bundles have a next hop for ${which}; that of the first bundle in the configuration counts`);
      }
      if (foreign > 0)
        warn(`${foreign} next hops are outside of domains or next_hops as they are now; their mail follows the MX`);
    },
  };
}
