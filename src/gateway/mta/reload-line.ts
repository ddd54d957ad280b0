/** What a person types to have the mail server told of new maps. Pure. */
import type { GatewayConfig } from '../config.ts';
import { asksNextHops } from '../map-files.ts';
import { KINDS } from '../mta-kinds.ts';

/** OpenSMTPD is told of each table, recipients first, and what is out of date last. */
const tables = (config: Pick<GatewayConfig, 'bundle' | 'stale'>): string[] => [
  'relaymap_recipients',
  ...(asksNextHops(config) ? ['relaymap_transport', 'relaymap_routed'] : []),
  'relaymap_domains',
  ...(config.stale === undefined ? [] : ['relaymap_stale']),
];

export const reloadLineOf = (config: Pick<GatewayConfig, 'mta' | 'bundle' | 'stale'>): string =>
  config.mta.kind === 'opensmtpd'
    ? tables(config)
        .map((table) => `smtpctl update table ${table}`)
        .join(' && ')
    : KINDS[config.mta.kind].reloadLine;
