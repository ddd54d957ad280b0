/**
 * Writes `status.json` after every cycle, above all after a failed one: facts and times only, no addresses;
 * `health` grades them when asked, so that a dead daemon does not stay OK.
 */
import path from 'node:path';
import { writeFileAtomic } from '../../io/atomic-file.ts';
import type { GatewayConfig } from '../config.ts';
import { counted, countersOf } from './counters.ts';
import { mtaOf } from '../mta/of-config.ts';
import { allCopies, isTrusted } from '../record/version-history.ts';
import { lookAgain } from './asking.ts';
import { keyringStatus, type Trust } from './keyring-status.ts';
import { withCreated, type Rhythm } from './rhythm.ts';
import type { BundleOutcome, Outcome } from '../outcome.ts';
import { freshBundle, type GatewayState } from '../record/state.ts';
import { readStatus, type BundleStatus, type Status } from './status.ts';

/** By bundle: what was wrong beside the outcome. */
export type Warnings = Map<string, string[]>;

/**
 * @param trust null where it is not known: what the last report says of the keys then stays.
 * @param state null where it could not be read: the last report's facts then stay.
 */
export function report(
  config: GatewayConfig,
  state: GatewayState | null,
  outcome: Outcome,
  warnings: Warnings,
  now: Date,
  trust: Trust | null = null,
): void {
  const last = readStatus(config.state_dir);
  const before = last.is === 'whole' ? last.value : null;
  const names = config.bundle.map((b) => b.name);
  const status: Status = {
    format: 1,
    endedAt: now.toISOString(),
    failure: outcome.code === undefined ? null : { code: outcome.code, message: outcome.message ?? '' },
    maps: state === null ? (before?.maps ?? null) : (state.maps?.files ?? null),
    reloadPending: state === null ? (before?.reloadPending ?? null) : state.reloadPending,
    bundles: config.bundle.map((bundle) => {
      const { name } = bundle;
      const earlier = before?.bundles.find((b) => b.name === name) ?? null;
      const run = outcome.bundles.find((b) => b.name === name) ?? null;
      const found = bundleStatus(name, state, earlier, run, warnings.get(name) ?? [], now);
      if (state === null || trust === null) return { ...found, keyring: earlier?.keyring ?? null };
      return { ...found, keyring: keyringStatus(bundle, state.bundles[name] ?? freshBundle(), trust, earlier) };
    }),
    counters: counted(countersOf(before), outcome, names),
  };
  writeFileAtomic(path.join(config.state_dir, 'status.json'), `${JSON.stringify(status, null, 1)}\n`, 0o644);
  try {
    lookAgain(config.state_dir, mtaOf(config), now);
  } catch {
    // What was seen is looked at again in the next cycle; the maps are more than this record.
  }
}

function bundleStatus(
  name: string,
  state: GatewayState | null,
  earlier: BundleStatus | null,
  run: BundleOutcome | null,
  warnings: string[],
  now: Date,
): BundleStatus {
  const time = now.toISOString();
  const facts = state === null ? earlier : liveFacts(name, state);
  const succeeded = run !== null && run.outcome !== 'kept';
  return {
    name,
    version: facts?.version ?? null,
    digest: facts?.digest ?? null,
    rows: facts?.rows ?? null,
    nextHops: facts?.nextHops ?? null,
    created: facts?.created ?? null,
    expires: facts?.expires ?? null,
    installedAt: facts?.installedAt ?? null,
    held: facts?.held ?? null,
    trusted: facts?.trusted ?? true,
    ring: facts?.ring ?? '',
    checkedAt: run === null ? (earlier?.checkedAt ?? null) : time,
    succeededAt: succeeded ? time : (earlier?.succeededAt ?? null),
    outcome: run === null ? (earlier?.outcome ?? null) : run.outcome,
    code: run === null ? (earlier?.code ?? null) : run.code,
    message: run === null ? (earlier?.message ?? null) : run.message,
    warnings: run === null ? (earlier?.warnings ?? []) : warnings,
    rhythm: rhythmOf(name, state, earlier),
  };
}

/** Where none is on record yet, the kept copies tell what has been so far. */
function rhythmOf(name: string, state: GatewayState | null, earlier: BundleStatus | null): Rhythm | null {
  const before = earlier?.rhythm ?? null;
  const st = state?.bundles[name];
  if (st === undefined) return before;
  const times = allCopies(st).map(({ created }) => created);
  return times.sort((a, b) => Date.parse(a) - Date.parse(b)).reduce<Rhythm | null>(withCreated, before);
}

function liveFacts(name: string, state: GatewayState) {
  const st = state.bundles[name] ?? freshBundle();
  const live = state.maps === null ? null : st.installed;
  return {
    version: live?.version ?? null,
    digest: live?.digest ?? null,
    rows: live?.rows ?? null,
    nextHops: live?.transport?.rows ?? null,
    created: live?.created ?? null,
    expires: live?.expires ?? null,
    installedAt: live?.at ?? null,
    held: st.held,
    trusted: live === null || isTrusted(st, live),
    ring: st.ring,
  };
}
