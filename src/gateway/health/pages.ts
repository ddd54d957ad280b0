/**
 * What the daemon tells of its health: the two pages of `health.listen` and the line of `systemctl status`. Touches
 * nothing.
 */
import type { GatewayConfig } from '../config.ts';
import type { Counters } from './counters.ts';
import { jsonLine, printable } from '../../io/printable.ts';
import { healthJson } from './health-text.ts';
import type { HealthLook } from './look.ts';
import type { Page, Pages } from '../../io/health/server.ts';
import { metricsText, type ProcessFacts } from './metrics.ts';
import { number } from '../say/outcome-lines.ts';

export interface DaemonFacts {
  readonly config: GatewayConfig;
  readonly look: HealthLook;
  readonly counters: Counters;
  readonly process: ProcessFacts;
}

/** @param facts as they are when a page is asked for. */
export const healthPages = (version: string, facts: () => Promise<DaemonFacts>): Pages => ({
  '/healthz': async () => healthz((await facts()).look),
  '/metrics': async () => ({
    status: 200,
    type: 'text/plain; version=0.0.4; charset=utf-8',
    body: metricsText({ version, ...(await facts()) }),
  }),
});

/** As `health --json`: 200 for ok and warning, mail is answered well then; 503 for critical and unknown. */
function healthz({ health }: HealthLook): Page {
  const status = health.status === 'ok' || health.status === 'warning' ? 200 : 503;
  return { status, type: 'application/json', body: `${jsonLine(healthJson(health))}\n` };
}

/** Without ages, so that it is another text only when something is. */
export function statusLine({ health, unknown }: HealthLook): string {
  if (unknown !== null) return `unknown: ${printable(unknown)}`;
  const bundles = health.bundles.map((b) => {
    const list = b.version === null ? 'no version' : `version ${b.version}, ${number(b.rows ?? 0)} rows`;
    const matters = b.reasons.map((r) => r.condition.replaceAll('_', ' ')).join(', ');
    return `${b.name} ${list}${matters === '' ? '' : ` (${matters})`}`;
  });
  return `${health.status}: ${bundles.join('; ')}`;
}
