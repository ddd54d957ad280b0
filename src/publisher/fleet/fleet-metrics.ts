/**
 * The fleet in Prometheus text format. Of single gateways only those that are expected, or have a certificate or token,
 * and at most 1000 of them: who only claims a name must not fill somebody's Prometheus. Pure.
 */
import { printable } from '../../errors.ts';
import { gauge, type Sample } from '../../io/health/metrics-text.ts';
import { type Fleet } from './judge.ts';
import { STATES, type GatewayRow } from './row.ts';
import { MOST_ROWS } from './words.ts';

export function fleetMetrics(fleet: Fleet): string {
  const bundle = { bundle: fleet.bundle };
  const { spread, tally } = fleet;
  const named = fleet.rows.filter(
    ({ expected, by }) => expected || by === 'certificate' || by === 'token' || by === null,
  );
  const behind = fleet.rows.reduce((most, { behindFor }) => Math.max(most, behindFor ?? 0), 0);
  const shown = named.slice(0, MOST_ROWS);
  const of = (name: string, help: string, value: number | null) =>
    gauge(`relaymap_fleet_${name}`, help, [[bundle, value]]);
  const each = (name: string, help: string, value: (row: GatewayRow) => number | null) =>
    gauge(
      `relaymap_fleet_gateway_${name}`,
      help,
      shown.map((row): Sample => [{ ...bundle, gateway: printable(row.name) }, value(row)]),
    );
  return [
    of('made_timestamp_seconds', 'When this was made from the logs.', fleet.now),
    of('log_timestamp_seconds', 'Time of the newest line.', tally.requests > 0 ? tally.last : null),
    of('version', 'Version that is published, or the newest that a gateway says.', fleet.version),
    gauge(
      'relaymap_fleet_gateways',
      'Gateways by state.',
      STATES.map((state): Sample => [{ ...bundle, state }, fleet.counts[state]]),
    ),
    of('behind_seconds', 'The longest time that a gateway has been behind; 0 if none is.', behind),
    gauge('relaymap_fleet_spread_seconds', 'From the last publish until this share of all gateways had it.', [
      [{ ...bundle, share: '0.5' }, spread?.half ?? null],
      [{ ...bundle, share: '0.95' }, spread?.most ?? null],
    ]),
    of('strangers', 'Clients that took a whole table and are no gateway.', fleet.strangers.length),
    of('claims', 'Names that were claimed and count for nobody.', fleet.claims.length),
    of('refused_requests', 'Requests in the logs that were answered with 401 or 403.', tally.refused),
    of('failed_requests', 'Requests in the logs for the manifest that got another answer than it.', tally.failed),
    each('version', 'Version that the gateway runs.', ({ version }) => version),
    each('last_poll_timestamp_seconds', 'When the gateway last asked.', ({ lastPoll }) => lastPoll),
    gauge(
      'relaymap_fleet_gateway_info',
      'State of each gateway, the code of its last cycle, and its software; always 1.',
      shown.map((row): Sample => [
        {
          ...bundle,
          gateway: printable(row.name),
          state: row.state,
          code: row.code ?? '',
          software: printable(row.software ?? ''),
          by: row.by ?? '',
        },
        1,
      ]),
    ),
    of('gateways_left_out', 'Gateways without metrics of their own: there are too many.', named.length - shown.length),
  ].join('');
}
