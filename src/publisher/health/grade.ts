/** Grades the central side's state at the given time (docs/commands.md section 3, `health`). Pure. */
import type { PublisherConfig } from '../config.ts';
import type { PublishStatus } from './status.ts';

export type Grade = 'ok' | 'warning' | 'critical' | 'unknown';
export const HEALTH_EXIT: Readonly<Record<Grade, number>> = { ok: 0, warning: 1, critical: 2, unknown: 3 };

/** A list that differs from another publisher's for so long is for a person to look at. */
const DIVERGED_CRITICAL = 3_600_000;
/** Clock differences up to this are not reported. */
const SLACK = 600_000;
/** Certificates are normally renewed well before this. */
const CERTIFICATE_WARN = 7 * 86_400_000;

export interface Facts {
  readonly status: PublishStatus | null;
  /** Why `output` is not what was signed here last; null if it is. */
  readonly foreign: string | null;
  /** Why nothing is known of that now, where `output` is a bucket; null if it was looked at. */
  readonly unseen: string | null;
  /** The certificate of `[serve] cert`; null without one. */
  readonly certificate: { readonly expires: Date } | { readonly unread: string } | null;
}

export interface PublisherHealth {
  readonly status: Grade;
  readonly facts: Facts;
  /** The most serious first. */
  readonly reasons: readonly string[];
}

type Reason = readonly [Exclude<Grade, 'ok' | 'unknown'>, string];

export function gradePublisher(config: PublisherConfig, facts: Facts, now: Date): PublisherHealth {
  const found = [...ofRuns(config, facts, now), ...ofManifest(facts, now), ...ofCertificate(facts, now)];
  const reasons = [
    ...found.filter(([grade]) => grade === 'critical'),
    ...found.filter(([grade]) => grade === 'warning'),
  ];
  return { status: reasons[0]?.[0] ?? 'ok', facts, reasons: reasons.map(([, text]) => text) };
}

function* ofRuns({ health }: PublisherConfig, { status }: Facts, now: Date): Generator<Reason> {
  if (status === null || (status.version === null && status.divergedSince === null))
    yield ['critical', 'nothing was ever published from here'];
  if (status === null) return;
  const since = status.succeededAt === null ? null : now.getTime() - Date.parse(status.succeededAt);
  const inFuture = since !== null && since < -SLACK;
  if (inFuture) yield ['critical', `the last good run was at ${status.succeededAt}, in the future: look at the clock`];
  const failed = status.outcome === 'failed';
  const source = status.source === null ? '' : ` in source ${status.source}`;
  const why = `${status.code}${source}${status.message === null ? '' : `: ${status.message}`}`;
  const last = failed ? `; the last one failed ${age(now, status.endedAt)} ago: ${why}` : '';
  if (status.divergedSince !== null) {
    const diverged = now.getTime() - Date.parse(status.divergedSince);
    const isLong = diverged >= DIVERGED_CRITICAL || diverged < -SLACK;
    const counts = status.code === 'DIVERGED' ? `: ${status.message}` : '';
    yield [
      isLong ? 'critical' : 'warning',
      `DIVERGED from another publisher for ${age(now, status.divergedSince)}${counts}`,
    ];
  }
  if (since === null && failed && status.code !== 'DIVERGED') yield ['critical', `no run was ever good${last}`];
  if (since === null) return;
  if (since >= health.critical_after) yield ['critical', `no good run for ${words(since)}${last}`];
  else if (since >= health.warn_after) yield ['warning', `no good run for ${words(since)}${last}`];
  else if (failed && status.code !== 'DIVERGED')
    yield ['warning', `the last run failed ${age(now, status.endedAt)} ago: ${why}`];
}

function* ofManifest({ status, foreign, unseen }: Facts, now: Date): Generator<Reason> {
  if (foreign !== null) yield ['critical', foreign];
  if (unseen !== null) yield ['warning', unseen];
  if (status?.created == null || status.expires === null) return;
  const [created, expires] = [Date.parse(status.created), Date.parse(status.expires)];
  if (created > now.getTime() + SLACK) {
    yield ['warning', `version ${status.version} was made at ${status.created}, in the future: look at the clock`];
  }
  if (now.getTime() >= expires)
    yield ['critical', `version ${status.version} has expired ${age(now, status.expires)} ago`];
  else if (now.getTime() - created > 0.75 * (expires - created)) {
    yield ['warning', `version ${status.version} expires in ${words(expires - now.getTime())} and was not renewed`];
  }
}

function* ofCertificate({ certificate }: Facts, now: Date): Generator<Reason> {
  if (certificate === null) return;
  if ('unread' in certificate) {
    yield ['warning', `the certificate of serve cannot be read: ${certificate.unread}`];
    return;
  }
  const left = certificate.expires.getTime() - now.getTime();
  if (left <= 0) yield ['critical', `the certificate of serve has expired ${words(-left)} ago`];
  else if (left < CERTIFICATE_WARN) yield ['warning', `the certificate of serve expires in ${words(left)}`];
}

const age = (now: Date, time: string): string => words(Math.max(0, now.getTime() - Date.parse(time)));

/** `31s`, `12m`, `5h`, `3d`. */
function words(ms: number): string {
  const units: readonly [number, string][] = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'm'],
  ];
  const [size, unit] = units.find(([length]) => ms >= 2 * length) ?? [1000, 's'];
  return `${Math.floor(ms / size)}${unit}`;
}

/** The output of a monitoring plugin: one line with performance data, then one line per reason. */
export function publisherHealthText(
  config: PublisherConfig,
  { status, facts, reasons }: PublisherHealth,
  now: Date,
): string {
  const [first, ...more] = reasons;
  const s = facts.status;
  const what = s?.version == null ? 'no version' : `version ${s.version}, ${s.rows} rows`;
  const checked = s?.succeededAt == null ? '' : `, last good run ${age(now, s.succeededAt)} ago`;
  const said = `${config.name} ${what}${checked}${first === undefined ? '' : `: ${first}`}`;
  const { warn_after: warn, critical_after: critical } = config.health;
  const data: string[] = [];
  if (s?.version != null) data.push(`'${config.name}_version'=${s.version}`, `'${config.name}_rows'=${s.rows}`);
  if (s?.succeededAt != null) {
    const since = Math.max(0, Math.floor((now.getTime() - Date.parse(s.succeededAt)) / 1000));
    data.push(`'${config.name}_success_age'=${since}s;${warn / 1000};${critical / 1000};0`);
  }
  if (s?.expires != null) {
    data.push(`'${config.name}_expires_in'=${Math.floor((Date.parse(s.expires) - now.getTime()) / 1000)}s`);
  }
  const line = `RELAYMAP-PUBLISH ${status.toUpperCase()} - ${said.replaceAll('|', '/')}`;
  const rest = more.map((reason) => reason.replaceAll('|', '/'));
  return [data.length === 0 ? line : `${line} | ${data.join(' ')}`, ...rest].join('\n');
}

/** `health --json` */
export function publisherHealthJson(config: PublisherConfig, { status, facts, reasons }: PublisherHealth): object {
  const s = facts.status;
  return {
    status,
    name: config.name,
    version: s?.version ?? null,
    rows: s?.rows ?? null,
    waiting: s?.waiting ?? null,
    created: s?.created ?? null,
    expires: s?.expires ?? null,
    succeededAt: s?.succeededAt ?? null,
    endedAt: s?.endedAt ?? null,
    outcome: s?.outcome ?? null,
    code: s?.code ?? null,
    source: s?.source ?? null,
    divergedSince: s?.divergedSince ?? null,
    certificateExpires:
      facts.certificate !== null && 'expires' in facts.certificate ? facts.certificate.expires.toISOString() : null,
    reasons,
  };
}
