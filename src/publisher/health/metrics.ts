/** The central side's health in Prometheus text format, for `/metrics` and for node_exporter's textfile. Pure. */
import { gauge, seconds } from '../../io/health/metrics-text.ts';
import type { PublisherConfig } from '../config.ts';
import { HEALTH_EXIT, type PublisherHealth } from './grade.ts';

export function publisherMetrics(version: string, config: PublisherConfig, { status, facts }: PublisherHealth): string {
  const bundle = { bundle: config.name };
  const s = facts.status;
  const { warn_after: warn, critical_after: critical } = config.health;
  const { certificate } = facts;
  const expires = certificate !== null && 'expires' in certificate ? certificate.expires.getTime() / 1000 : null;
  const of = (name: string, help: string, value: number | null) =>
    gauge(`relaymap_publish_${name}`, help, [[bundle, value]]);
  return [
    gauge('relaymap_publish_build_info', 'The version that runs here; always 1.', [[{ version }, 1]]),
    of(
      'health_status',
      'As the exit status of relaymap-publish health: 0 ok, 1 warning, 2 critical.',
      HEALTH_EXIT[status],
    ),
    of('health_warn_after_seconds', 'Without a good run for so long it is a warning.', warn / 1000),
    of('health_critical_after_seconds', 'Without a good run for so long it is critical.', critical / 1000),
    of('last_run_timestamp_seconds', 'When a run last ended, however it did.', seconds(s?.endedAt ?? null)),
    of('last_success_timestamp_seconds', 'When a run last was good.', seconds(s?.succeededAt ?? null)),
    of('version', 'Version that is published.', s?.version ?? null),
    of('rows', 'Rows of the published list.', s === null ? null : s.rows),
    of(
      'waiting_rows',
      'Rows that no source has any more, until remove_after has passed.',
      s === null ? null : s.waiting,
    ),
    of('created_timestamp_seconds', 'When the published version was signed.', seconds(s?.created ?? null)),
    of('expires_timestamp_seconds', 'When the published version expires.', seconds(s?.expires ?? null)),
    of(
      'diverged_since_timestamp_seconds',
      "Since when another publisher's list is out in place of what the sources here give.",
      seconds(s?.divergedSince ?? null),
    ),
    of('certificate_expires_timestamp_seconds', 'When the certificate of serve expires.', expires),
    of('output_foreign', 'Whether output holds what was not signed here, 1 or 0.', Number(facts.foreign !== null)),
    gauge('relaymap_publish_last_run_info', 'How the last run ended, and at which source; always 1.', [
      [{ ...bundle, outcome: s?.outcome ?? '', code: s?.code ?? '', source: s?.source ?? '' }, s === null ? null : 1],
    ]),
  ].join('');
}
