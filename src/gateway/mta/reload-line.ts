/** What a person types to have the mail server told of new maps. Pure. */
import type { GatewayConfig } from '../config.ts';
import { asksNextHops } from '../map-files.ts';
import { KINDS } from '../mta-kinds.ts';

/** OpenSMTPD is told of each table, recipients first and domains last. */
const HOPS = ['relaymap_recipients', 'relaymap_transport', 'relaymap_routed', 'relaymap_domains']
  .map((table) => `smtpctl update table ${table}`)
  .join(' && ');

export const reloadLineOf = (config: Pick<GatewayConfig, 'mta' | 'bundle'>): string =>
  config.mta.kind === 'opensmtpd' && asksNextHops(config) ? HOPS : KINDS[config.mta.kind].reloadLine;
