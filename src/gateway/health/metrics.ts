/**
 * Health and counters in Prometheus' text form, for `/metrics` and for the textfile of node_exporter. Times are
 * told as times, not as ages, so that a rule can find out that nothing comes any more. Touches nothing.
 */
import type { GatewayConfig } from '../config.ts';
import type { Counters } from './counters.ts';
import { CONDITIONS, HEALTH_EXIT, type Condition } from './grade.ts';
import type { HealthLook } from './look.ts';
import type { BundleStatus } from './status.ts';
import { counter, gauge, seconds, type Sample } from '../../io/health/metrics-text.ts';

/** The process that answers, where it is one that stays. */
export interface ProcessFacts {
  readonly startedAt: Date;
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** Whether the last SIGHUP's configuration was taken, and when the one in use was read. */
  readonly configGood: boolean;
  readonly configReadAt: Date;
}

export interface MetricFacts {
  readonly version: string;
  readonly config: GatewayConfig;
  readonly look: HealthLook;
  readonly counters: Counters;
  readonly process: ProcessFacts | null;
}

export function metricsText(facts: MetricFacts): string {
  return [...hostMetrics(facts), ...bundleMetrics(facts), ...counterMetrics(facts), ...processMetrics(facts)].join('');
}

function hostMetrics({ version, config, look: { health, status } }: MetricFacts): string[] {
  const { warn_after: warn, critical_after: critical } = config.health;
  return [
    gauge('relaymap_build_info', 'The version that runs here; always 1.', [[{ version }, 1]]),
    gauge('relaymap_health_status', 'As the exit status of relaymap health: 0 ok, 1 warning, 2 critical, 3 unknown.', [
      [{}, HEALTH_EXIT[health.status]],
    ]),
    gauge('relaymap_health_warn_after_seconds', 'Without success for so long a bundle is a warning.', [
      [{}, warn / 1000],
    ]),
    gauge('relaymap_health_critical_after_seconds', 'Without success for so long a bundle is critical.', [
      [{}, critical / 1000],
    ]),
    gauge('relaymap_last_cycle_timestamp_seconds', 'When the last cycle ran, however it ended.', [
      [{}, seconds(status?.endedAt ?? null)],
    ]),
  ];
}

function bundleMetrics({ config, look: { health, status } }: MetricFacts): string[] {
  const facts = config.bundle.map(({ name }) => ({
    name,
    graded: health.bundles.find((b) => b.name === name) ?? null,
    status: status?.bundles.find((b) => b.name === name) ?? null,
  }));
  const of = (name: string, help: string, value: (b: BundleStatus) => number | null) =>
    gauge(
      `relaymap_bundle_${name}`,
      help,
      facts.map((f) => [{ bundle: f.name }, f.status === null ? null : value(f.status)]),
    );
  const is = (f: (typeof facts)[number], condition: Condition) =>
    Number(f.graded?.reasons.some((r) => r.condition === condition) ?? false);
  const known = facts.filter((f) => f.graded !== null);
  return [
    gauge(
      'relaymap_bundle_health_status',
      'As relaymap health grades it: 0 ok, 1 warning, 2 critical.',
      known.map((f) => [{ bundle: f.name }, HEALTH_EXIT[f.graded?.status ?? 'unknown']]),
    ),
    gauge(
      'relaymap_bundle_condition',
      'Whether this is the matter with it, 1 or 0; relaymap health says what to do.',
      known.flatMap((f) => CONDITIONS.map((c): Sample => [{ bundle: f.name, condition: c }, is(f, c)])),
    ),
    of('version', 'Version of the list that is live.', (b) => b.version),
    of('rows', 'Rows of the list that is live.', (b) => b.rows),
    of('next_hops', 'Next hops of the list that is live.', (b) => b.nextHops ?? null),
    of('created_timestamp_seconds', 'When the live version was signed.', (b) => seconds(b.created)),
    of('expires_timestamp_seconds', 'When the live version expires.', (b) => seconds(b.expires)),
    of('installed_timestamp_seconds', 'When the live version was installed.', (b) => seconds(b.installedAt)),
    of('last_check_timestamp_seconds', 'When it was last asked for.', (b) => seconds(b.checkedAt)),
    of('last_success_timestamp_seconds', 'When a cycle last ended installed or unchanged.', (b) =>
      seconds(b.succeededAt ?? b.installedAt),
    ),
    of('held', 'Whether it is held by hand, 1 or 0.', (b) => Number(b.held !== null)),
    of('trusted', 'Whether the live version verifies under the current keys, 1 or 0.', (b) => Number(b.trusted)),
    gauge(
      'relaymap_bundle_last_cycle_info',
      'How its last cycle ended; always 1.',
      facts.flatMap((f): Sample[] =>
        f.status?.outcome == null
          ? []
          : [[{ bundle: f.name, outcome: f.status.outcome, code: f.status.code ?? '' }, 1]],
      ),
    ),
  ];
}

/** The common ends are there from the start, as 0: a rate needs two points. */
function counterMetrics({ config, counters }: MetricFacts): string[] {
  const cycles = config.bundle.flatMap(({ name: bundle }) =>
    (['installed', 'unchanged'] as const).map((outcome) => ({ bundle, outcome, code: null, count: 0 })),
  );
  const bytes = config.bundle.flatMap(({ name: bundle }) =>
    (['full', 'delta', 'none'] as const).map((via) => ({ bundle, via, count: 0 })),
  );
  const more = cycles.filter(
    (c) => !counters.cycles.some((have) => have.bundle === c.bundle && have.outcome === c.outcome),
  );
  const others = bytes.filter((b) => !counters.bytes.some((have) => have.bundle === b.bundle && have.via === b.via));
  return [
    counter(
      'relaymap_cycles_total',
      'Cycles of a bundle, by how they ended and the code if kept; without a bundle: runs that failed before any.',
      [...counters.cycles, ...more].map((c) => [
        { bundle: c.bundle ?? '', outcome: c.outcome, code: c.code ?? '' },
        c.count,
      ]),
    ),
    counter(
      'relaymap_fetch_bytes_total',
      'Body bytes received in the cycles of a bundle, by the way its table came; none: the manifest alone.',
      [...counters.bytes, ...others].map((b) => [{ bundle: b.bundle, via: b.via }, b.count]),
    ),
  ];
}

function processMetrics({ process: p }: MetricFacts): string[] {
  if (p === null) return [];
  return [
    gauge('relaymap_config_last_reload_successful', 'Whether the last configuration was taken, 1 or 0.', [
      [{}, Number(p.configGood)],
    ]),
    gauge('relaymap_config_last_reload_success_timestamp_seconds', 'When the configuration in use was read.', [
      [{}, p.configReadAt.getTime() / 1000],
    ]),
    gauge('process_start_time_seconds', 'When the daemon began.', [[{}, p.startedAt.getTime() / 1000]]),
    gauge('process_resident_memory_bytes', 'Resident memory of the daemon.', [[{}, p.residentBytes]]),
    counter('process_cpu_seconds_total', 'CPU time of the daemon, user and system.', [[{}, p.cpuSeconds]]),
  ];
}
