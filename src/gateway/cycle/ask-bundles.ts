/**
 * How a cycle begins: the bundles that are asked, each on its own, by the record as it was looked at. Holds no lock
 * and writes nothing but key ring steps.
 */
import type { VerifiedStep } from '../../bundle/trust/keyring.ts';
import type { Warnings } from '../health/report.ts';
import type { TrustedBundle } from '../keys/trusted-keys.ts';
import { brokenChain } from '../say/key-ring-words.ts';
import type { EarlyMaps } from '../maps/early-maps.ts';
import { currentRing } from '../record/chain.ts';
import { Notes } from '../record/remember.ts';
import { bundleState, type GatewayState } from '../record/state.ts';
import { noteSettings } from '../record/version-history.ts';
import { askBundle, takeBundle, type Way } from './bundle-way.ts';
import { Places, PLACES } from './places.ts';
import type { Chains, Recovery } from './recover.ts';
import { toolsOf } from './session.ts';
import { storeSteps } from './store-steps.ts';
import type { CycleContext } from './session-context.ts';

/** By bundle, what stands for its configuration: on record when the cycle began, and its own. */
export type Settings = ReadonlyMap<string, { readonly recorded: string; readonly own: string }>;

/** What a cycle begins with, and what it was told on the way. */
export interface Begun {
  readonly state: GatewayState;
  readonly chains: Chains;
  readonly settings: Settings;
  /** The copies could not serve to mend the maps: whole tables are needed. */
  readonly broken: boolean;
  readonly warnings: Warnings;
}

export function begin(cx: CycleContext, { state, chains }: Pick<Recovery, 'state' | 'chains'>, broken: boolean): Begun {
  const of = (name: string) => bundleState(state, name).settings;
  const recorded = new Map(cx.config.bundle.map(({ name }) => [name, of(name)]));
  noteSettings(cx.config, state);
  const settings = new Map(Array.from(recorded, ([name, was]) => [name, { recorded: was, own: of(name) }]));
  return { state, chains, settings, broken, warnings: new Map() };
}

type Asked = Way['cx'];

/** The bundles that are asked in this cycle. @param stores key ring steps are stored as they come */
export function asked(
  cx: CycleContext,
  { state, chains, broken, warnings }: Begun,
  early: EarlyMaps | null,
  stores: boolean,
): Asked[] {
  const { copiesOf } = toolsOf(cx);
  const { force, acceptShrink, dryRun } = cx.options;
  return cx.bundles.flatMap(({ bundle, ring: start }: TrustedBundle) => {
    const source = cx.sourceOf(bundle);
    if (source === null) return [];
    const { name } = bundle;
    const warn = (message: string) => {
      cx.log('warning', `${name}: ${message}`);
      warnings.set(name, [...(warnings.get(name) ?? []), message]);
    };
    const { config, now } = cx;
    const chain = chains.get(name);
    const ring = chain === undefined ? start : currentRing(chain);
    if (chain?.broken != null) warn(brokenChain(bundle, chain.broken));
    const own = { bundle, config, ring, source, now, warn, early, dryRun, acceptShrink, force: force || broken };
    const store = (steps: readonly VerifiedStep[]) => storeSteps(cx, name, ring, steps);
    return [
      {
        ...own,
        storeSteps: stores ? store : null,
        state: bundleState(state, name),
        copies: copiesOf(name),
        notes: new Notes(),
      },
    ];
  });
}

/** Asks all bundles and downloads what they need, each on its own. Without the lock. */
export function waysOf(cx: CycleContext, begun: Begun, early: EarlyMaps | null): Promise<Way>[] {
  const way = async (bundle: Asked) => takeBundle(await askBundle(bundle, cx.clock), cx.clock);
  return onTheirWay(asked(cx, begun, early, !cx.options.dryRun), way);
}

/** Each goes its way as soon as there is a place for it, and closes its source at the end. */
export function onTheirWay(bundles: readonly Asked[], way: (bundle: Asked) => Promise<Way>): Promise<Way>[] {
  const places = new Places(PLACES);
  return bundles.map((bundle) =>
    places.take(async () => {
      try {
        return await way(bundle);
      } finally {
        await bundle.source.close();
      }
    }),
  );
}
