/**
 * Grades the facts of the last report against the clock and the live maps (docs/commands.md sections 2.3 and 2.5),
 * so that a daemon that is dead does not stay OK. Reads only: no root, no network, no lock.
 */
import { printable } from '../../io/printable.ts';
import { exitStatus } from '../../errors.ts';
import { ADVICE } from '../say/advice.ts';
import type { BundleConfig, GatewayConfig } from '../config.ts';
import { reloadRequested } from '../mta/reload-request.ts';
import { KINDS } from '../mta-kinds.ts';
import { reloadLineOf } from '../mta/reload-line.ts';
import { lostMaps, type AskingRecord } from './asking.ts';
import { STALE_MAP } from '../map-files.ts';
import type { Read } from '../record/state.ts';
import { isOutOfDate, outOfDate } from '../out-of-date.ts';
import { overdue } from './rhythm.ts';
import { knownAt, type BundleStatus, type Status } from './status.ts';

export type Grade = 'ok' | 'warning' | 'critical' | 'unknown';

export interface BundleHealth {
  readonly name: string;
  readonly status: Grade;
  readonly version: number | null;
  readonly rows: number | null;
  /** Null where it has no table of next hops. */
  readonly nextHops: number | null;
  readonly created: string | null;
  readonly expires: string | null;
  readonly installedAt: string | null;
  readonly checkedAt: string | null;
  readonly outcome: string | null;
  readonly code: string | null;
  readonly held: { readonly version: number; readonly since: string } | null;
  /** Which key ring step counts, since when, and which keyids signed the live copy. */
  readonly keyring: {
    readonly step: number;
    readonly since: string | null;
    readonly signedBy: readonly string[];
  } | null;
  readonly reasons: readonly Reason[];
}

export interface Health {
  readonly status: Grade;
  readonly bundles: readonly BundleHealth[];
}

export const RANK: Record<Grade, number> = { ok: 0, unknown: 1, warning: 2, critical: 3 };
const worse = (a: Grade, b: Grade): Grade => (RANK[b] > RANK[a] ? b : a);

/** What can be wrong, as a word for a machine: each comes and goes with its cause. */
export const CONDITIONS = [
  'not_installed',
  'stale',
  'expiring',
  'expired',
  'held',
  'refused',
  'untrusted',
  'keyring_broken',
  'map_damaged',
  'reload_pending',
  'not_asked',
  'overdue',
  'out_of_date',
] as const;
export type Condition = (typeof CONDITIONS)[number];

/** What is wrong, and a sentence that says so and what to do. */
export interface Reason {
  readonly grade: Grade;
  readonly condition: Condition;
  readonly text: string;
}

export interface HealthFacts {
  readonly config: GatewayConfig;
  /** Null when no cycle has ever ended here. */
  readonly status: Status | null;
  /** What is wrong with the live maps, in words; null for nothing. */
  readonly mapDamage: string | null;
  readonly now: Date;
  /**
   * Whether the live copy verifies under the keys as they are now: a change since the last cycle; null for no
   * change.
   */
  readonly verifies: (bundle: BundleConfig, status: BundleStatus) => boolean | null;
  /** What `stale_domains` was last written for, and what is wrong with it; absent where it never was. */
  readonly stale?: {
    readonly outOfDate: readonly string[];
    readonly damage: string | null;
    /** The server was still to be told of it when it was written. */
    readonly untold?: boolean;
  };
  /** What was seen of the mail server; absent where nobody has looked. */
  readonly asking?: Read<AskingRecord>;
}

/** Bundles in the config's order. */
export function health(given: HealthFacts): Health {
  const facts = given.status === null ? given : { ...given, status: knownAt(given.status, given.now) };
  const host = hostReasons(facts);
  const bundles = facts.config.bundle.map((bundle) => {
    const status = facts.status?.bundles.find((b) => b.name === bundle.name) ?? null;
    const reasons = [...bundleReasons(facts, bundle, status), ...host]
      .sort((a, b) => RANK[b.grade] - RANK[a.grade])
      .map((reason) => ({ ...reason, text: printable(reason.text) })); // what was refused may speak in it
    return {
      name: bundle.name,
      status: reasons.reduce<Grade>((grade, r) => worse(grade, r.grade), 'ok'),
      version: status?.version ?? null,
      rows: status?.rows ?? null,
      nextHops: status?.nextHops ?? null,
      created: status?.created ?? null,
      expires: status?.expires ?? null,
      installedAt: status?.installedAt ?? null,
      checkedAt: status?.checkedAt ?? null,
      outcome: status?.outcome ?? null,
      code: status?.code ?? facts.status?.failure?.code ?? null,
      held: status?.held ?? null,
      keyring: keyringOf(status),
      reasons,
    };
  });
  return { status: bundles.reduce<Grade>((grade, b) => worse(grade, b.status), 'ok'), bundles };
}

/** Nothing to say where no step has come and none can. */
function keyringOf(status: BundleStatus | null): BundleHealth['keyring'] {
  if (status?.keyring == null || !(status.keyring.isRooted || status.keyring.step > 0)) return null;
  const { step, since, signedBy } = status.keyring;
  return { step, since, signedBy };
}

/** What concerns every bundle: the maps they share, a reload that is due, a failure before any bundle. */
function hostReasons(facts: HealthFacts): Reason[] {
  const { status, mapDamage: damage } = facts;
  if (status === null) return [];
  const reasons: Reason[] = [];
  if (damage !== null)
    reasons.push({
      grade: 'critical',
      condition: 'map_damaged',
      text: `map damaged: ${damage}; the next cycle makes it again: relaymap fetch`,
    });
  if ((status.reloadPending !== null || facts.stale?.untold === true) && reloadRequested()) {
    reasons.push({
      grade: 'critical',
      condition: 'reload_pending',
      text: reloadText(facts.config),
    });
  }
  reasons.push(...staleReasons(facts), ...askingReasons(facts));
  const { failure } = status;
  if (failure !== null && exitStatus(failure.code) === 1) {
    reasons.push({
      grade: 'warning',
      condition: 'refused',
      text: `${failure.code}: ${failure.message}. ${ADVICE[failure.code]}`,
    });
  }
  return reasons;
}

/** The map of what is out of date: damaged, or not what it should be by now (docs/commands.md section 2.6). */
function staleReasons({ config, status, stale, now }: HealthFacts): Reason[] {
  if (stale === undefined) return [];
  if (stale.damage !== null) {
    const text = `map damaged: ${stale.damage}; relaymap stale makes it again`;
    return [{ grade: 'critical', condition: 'map_damaged', text }];
  }
  const live = (name: string) => status?.bundles.some((b) => b.name === name && b.version !== null) === true;
  const due = outOfDate(config, status?.bundles ?? null, now).filter(live);
  const missing = due.filter((name) => !stale.outOfDate.includes(name));
  if (missing.length === 0) return [];
  const text = `${missing.join(', ')}: out of date, and stale_domains does not say so; does relaymap-stale.timer run? relaymap stale`;
  return [{ grade: 'warning', condition: 'out_of_date', text }];
}

function reloadText(config: GatewayConfig): string {
  const { name, reloadAfter } = KINDS[config.mta.kind];
  const sees = reloadAfter === 'change' ? 'does not see the new rows' : 'does not see the maps';
  return `reload pending: ${name} ${sees} before: ${reloadLineOf(config)}`;
}

/** A mail server that no longer asks a map takes mail for everybody, or for nobody (docs/commands.md section 2.5). */
function askingReasons({ asking, config }: HealthFacts): Reason[] {
  if (asking === undefined || asking.is === 'absent') return [];
  if (asking.is === 'corrupt') {
    const text = `mta.json is damaged (${asking.why}), so whether the maps are asked is not known; the next cycle writes it`;
    return [{ grade: 'warning', condition: 'not_asked', text }];
  }
  const { server } = asking.value;
  const lost = lostMaps(asking.value).filter(({ map }) => map !== STALE_MAP || config.stale !== undefined);
  return lost.map(({ instance, map, last }) => ({
    grade: 'critical',
    condition: 'not_asked',
    text: `${server} (${instance}) no longer asks the map ${map}, as it did until ${last}; the lines to type: relaymap check`,
  }));
}

function bundleReasons(
  { config, now, verifies, status }: HealthFacts,
  bundle: BundleConfig,
  b: BundleStatus | null,
): Reason[] {
  if (b?.version == null) {
    const why = b?.code == null ? 'try: relaymap fetch' : `the last cycle ended ${b.code}: ${ADVICE[b.code]}`;
    return [{ grade: 'critical', condition: 'not_installed', text: `nothing is installed; ${why}` }];
  }
  const reasons: Reason[] = [];
  const add = (grade: Grade, condition: Condition, text: string) => reasons.push({ grade, condition, text });
  const [created, expires] = [Date.parse(b.created ?? ''), Date.parse(b.expires ?? '')];
  const since = b.succeededAt ?? b.installedAt;
  const late = since === null ? Infinity : now.getTime() - Date.parse(since);
  const { warn_after: warnAfter, critical_after: criticalAfter } = config.health;
  if (now.getTime() >= expires) add('critical', 'expired', `expired ${b.expires}; ${ADVICE.EXPIRED}`);
  else if (now.getTime() >= created + (expires - created) * 0.75) {
    add(
      'warning',
      'expiring',
      `three quarters of its validity have passed, it expires ${b.expires}; is the central side still publishing?`,
    );
  }
  const missing = b.held === null ? overdue(b.rhythm ?? null, now) : null;
  if (missing !== null) {
    const usual = `so far a new one came within ${age(missing.longest)}`;
    add('warning', 'overdue', `the list is ${age(missing.age)} old; ${usual}; is the central side still publishing?`);
  }
  const trusted = verifies(bundle, b) ?? b.trusted;
  if (!trusted)
    add(
      'critical',
      'untrusted',
      'the live copy does not verify under the current keys; it stays live until a good one comes: relaymap fetch',
    );
  if (b.keyring?.broken != null) add('critical', 'keyring_broken', b.keyring.broken);
  if (late >= criticalAfter) add('critical', 'stale', `${idle(late)}${last(b, status)}`);
  else if (late >= warnAfter) add('warning', 'stale', `${idle(late)}${last(b, status)}`);
  if (config.stale !== undefined && isOutOfDate(b, config.stale.after, now))
    add('warning', 'out_of_date', 'out of date: unknown recipients of its domains are deferred, not rejected');
  if (b.held !== null)
    add('warning', 'held', `held at version ${b.held.version} since ${b.held.since}; to go on: relaymap resume`);
  else if (b.code !== null && exitStatus(b.code) === 1 && (b.code !== 'ROLLBACK' || late >= warnAfter)) {
    add('warning', 'refused', `the last cycle refused, ${b.code}: ${b.message ?? ''}. ${ADVICE[b.code]}`);
  }
  return reasons;
}

/** How long there was no good cycle, in words. */
const idle = (late: number): string =>
  late === Infinity ? 'stale: no good cycle is known of' : `stale: no good cycle for ${age(late)}`;

/** What the last run ended with; a failure before any bundle comes after all that is known of the bundle. */
function last(b: BundleStatus, status: Status | null): string {
  const { failure } = status ?? { failure: null };
  if (failure !== null) return `; the last one ended ${failure.code}: ${failure.message}. ${ADVICE[failure.code]}`;
  if (b.code === null) return '; does relaymap run? Try: systemctl status relaymap';
  return `; the last one ended ${b.code}: ${ADVICE[b.code]}`;
}

/** `31s`, `12m`, `5h`, `3d`: the largest whole unit. */
export function age(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 120) return `${s}s`;
  if (s < 7200) return `${Math.floor(s / 60)}m`;
  return s < 172_800 ? `${Math.floor(s / 3600)}h` : `${Math.floor(s / 86_400)}d`;
}

export const HEALTH_EXIT: Record<Grade, number> = { ok: 0, warning: 1, critical: 2, unknown: 3 };
