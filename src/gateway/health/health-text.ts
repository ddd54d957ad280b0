/** A grade in words (docs/commands.md section 2.5): the monitoring plugin's line with performance data, and JSON. */
import type { GatewayConfig } from '../config.ts';
import { age, RANK, type BundleHealth, type Health } from './grade.ts';

/** The monitoring plugin's output: one line with performance data, then a line a reason. */
export function healthText(h: Health, config: GatewayConfig, now: Date): string {
  const worst = [...h.bundles].sort((a, b) => RANK[b.status] - RANK[a.status]);
  const line = worst.map((b) => summary(b, now)).join('; ');
  // The first reason of each stands in the first line already.
  const reasons = worst.flatMap((b) => b.reasons.slice(1).map((r) => `${b.name}: ${r.text}`));
  const first = `RELAYMAP ${h.status.toUpperCase()} - ${line} | ${h.bundles.flatMap((b) => perfdata(b, config, now)).join(' ')}`;
  const lines = [...reasons, ...worst.flatMap(keyringLine)].map((r) => r.replaceAll('|', '/'));
  return [first.replace(/ \| $/, ''), ...lines].join('\n');
}

/** `example-org: key ring step 2 since 2026-11-24T07:00:00.000Z; the live copy is signed by 3f2a..., 91bc...` */
function keyringLine({ name, keyring }: BundleHealth): string[] {
  if (keyring === null) return [];
  const by =
    keyring.signedBy.length === 0 ? 'none of its keys' : keyring.signedBy.map((id) => id.slice(0, 16)).join(', ');
  const since = keyring.since === null ? ' (the keys of the folder)' : ` since ${keyring.since}`;
  return [`${name}: key ring step ${keyring.step}${since}; the live copy is signed by ${by}`];
}

function summary(b: BundleHealth, now: Date): string {
  const checked =
    b.checkedAt === null ? 'never checked' : `checked ${age(now.getTime() - Date.parse(b.checkedAt))} ago`;
  const facts =
    b.version === null
      ? `${b.name} no version, ${checked}`
      : `${b.name} version ${b.version}, ${b.rows} rows, ${checked}`;
  const [reason] = b.reasons;
  return (reason === undefined ? facts : `${facts}: ${reason.text}`).replaceAll('|', '/');
}

function perfdata(b: BundleHealth, config: GatewayConfig, now: Date): string[] {
  if (b.version === null) return [];
  // `U`: the plugins' word for a value that is not known.
  const since =
    b.checkedAt === null ? 'U' : `${Math.max(0, Math.floor((now.getTime() - Date.parse(b.checkedAt)) / 1000))}s`;
  const left = Math.floor((Date.parse(b.expires ?? '') - now.getTime()) / 1000);
  const { warn_after: warn, critical_after: critical } = config.health;
  return [
    `'${b.name}_version'=${b.version}`,
    `'${b.name}_rows'=${b.rows}`,
    ...(b.nextHops === null ? [] : [`'${b.name}_next_hops'=${b.nextHops}`]),
    `'${b.name}_checked_age'=${since};${warn / 1000};${critical / 1000};0`,
    `'${b.name}_expires_in'=${left}s`,
  ];
}

/** `health --json` (docs/commands.md section 2.5). */
export function healthJson({ status, bundles }: Health): object {
  // Only of whoever asks for next hops.
  const counted = (nextHops: number | null) => (nextHops === null ? {} : { nextHops });
  return {
    status,
    bundles: bundles.map(({ nextHops, reasons, ...b }) => ({
      ...b,
      ...counted(nextHops),
      reasons: reasons.map((r) => r.text),
    })),
  };
}
