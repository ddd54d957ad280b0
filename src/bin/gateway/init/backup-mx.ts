/**
 * `relaymap init --backup-mx`: what it has Postfix say beside the maps, where mail would go by DNS, what only a person
 * can set, and whether strangers can relay afterwards, which Postfix itself is asked.
 */
import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import { HostError } from '../../../errors.ts';
import type { GatewayConfig } from '../../../gateway/config.ts';
import { backupSettings, type BackupOptions, type Reasoned } from '../../../gateway/init/backup-mx.ts';
import {
  ownNames,
  routeOf,
  type DomainRoute,
  type OwnNames,
  type Self,
} from '../../../gateway/init/where-mail-goes.ts';
import { asksNextHops, NEXT_HOPS } from '../../../gateway/map-files.ts';
import { openMap } from '../../../gateway/maps/open-map.ts';
import { askSmtpd } from '../../../gateway/mta/postfix/ask-smtpd.ts';
import type { PostfixConfig } from '../../../gateway/mta/postfix/main-cf.ts';
import { words } from '../../../gateway/mta/postfix/tables.ts';
import { MailNames } from '../../../io/net/mail-names.ts';

/** `[HOST]` or `[HOST]:PORT`, as relay_transport takes it. @throws HostError CONFIG */
export function primaryOf(text: string): string {
  const [, bracketed, bare = '', port] = /^(?:\[([^[\]]+)\]|([^[\]]+?))(?::(\d{1,5}))?$/.exec(text.toLowerCase()) ?? [];
  const isAddress = bracketed === undefined && isIP(text) === 6;
  const host = isAddress ? text.toLowerCase() : (bracketed ?? bare);
  const isHost = isIP(host) !== 0 || /^[a-z0-9]([a-z0-9_.-]{0,250}[a-z0-9])?$/.test(host);
  const number = isAddress || port === undefined ? null : Number(port);
  if (!isHost || (number !== null && (number < 1 || number > 65_535)))
    throw new HostError('CONFIG', `--primary ${text} is not HOST, HOST:PORT, [ADDRESS] or [ADDRESS]:PORT`);
  return `[${host}]${number === null ? '' : `:${number}`}`;
}

/** @throws HostError CONFIG for what cannot be the name that a mail server says in HELO */
export function hostnameOf(text: string): string {
  if (/^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*$/i.test(text)) return text.toLowerCase();
  throw new HostError('CONFIG', `--hostname ${text} is no name with a domain, such as mx2.example.org`);
}

const AUTHORITIES = [
  ['smtp_tls_CApath', '/etc/ssl/certs'],
  ['smtp_tls_CAfile', '/etc/ssl/certs/ca-certificates.crt'],
] as const;
const SNAKEOIL = { cert: '/etc/ssl/certs/ssl-cert-snakeoil.pem', key: '/etc/ssl/private/ssl-cert-snakeoil.key' };

export function backupMxSettings(
  postfix: PostfixConfig,
  options: BackupOptions,
  domains: readonly string[],
): Reasoned[] {
  const [parameter, value] = AUTHORITIES.find(([, place]) => existsSync(place)) ?? [];
  return backupSettings(postfix, options, domains, {
    snakeoil: existsSync(SNAKEOIL.cert) && existsSync(SNAKEOIL.key) ? SNAKEOIL : null,
    authorities: parameter === undefined || value === undefined ? null : { parameter, value },
  });
}

export interface Outlook {
  readonly self: Self;
  /** Of the domains that go by their MX; at most a few are asked for. */
  readonly routes: readonly DomainRoute[];
  /** How many more there are. */
  readonly unasked: number;
  readonly own: OwnNames;
}

const MOST = 20;

/** @throws HostError CONFIG where mail would come back to this host */
export async function lookAhead(
  config: GatewayConfig,
  { main, set }: PostfixConfig,
  options: BackupOptions,
  domains: readonly string[],
): Promise<Outlook> {
  const dns = new MailNames();
  const name = options.hostname ?? main.get('myhostname') ?? '';
  const interfaces = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  const proxies = words(main.get('proxy_interfaces') ?? '').map((word) => word.replace(/[[\]]/g, ''));
  const self = { name, addresses: new Set([...interfaces.map(({ address }) => address), ...proxies]) };
  const isSent = options.primary !== undefined || (main.get('relayhost') ?? '') !== '' || set.has('relay_transport');
  const byMx = isSent ? [] : withoutHop(config, domains);
  const [own, ...routes] = await Promise.all([
    ownNames(self, dns),
    ...byMx.slice(0, MOST).map((domain) => routeOf(domain, self, dns)),
  ]);
  const circles = routes.filter(({ is }) => is === 'circle').map(({ domain }) => domain);
  if (circles.length > 0) {
    throw new HostError('CONFIG', [
      `the best MX of ${circles.join(', ')} is this host (${name}) itself, so its mail would come back to it`,
      'Say where the mailboxes are, by the same line with: --primary HOST',
    ]);
  }
  return { self, routes, unasked: Math.max(0, byMx.length - MOST), own };
}

/** Those for which the list says no next hop. */
function withoutHop(config: GatewayConfig, domains: readonly string[]): readonly string[] {
  if (!asksNextHops(config)) return domains;
  const map = openMap(path.join(config.map_dir, `${NEXT_HOPS}.cdb`));
  try {
    return domains.filter((domain) => map?.has(domain) !== true);
  } finally {
    map?.close();
  }
}

/** Domains that nobody may relay to (RFC 2606). */
const FOREIGN = ['example.com', 'example.net', 'relaymap-probe.test'];

/** Asks the live Postfix. @returns the foreign addresses that it takes from strangers; null where it cannot be asked */
export async function relaysForStrangers(
  postfix: PostfixConfig,
  domains: readonly string[],
): Promise<readonly string[] | null> {
  const isOwn = (domain: string) => domains.some((own) => own === domain || domain.endsWith(`.${own}`));
  const probes = FOREIGN.filter((domain) => !isOwn(domain)).map((domain) => `relaymap-probe@${domain}`);
  const answers = await askSmtpd(postfix, probes);
  if (answers === null) return null;
  return probes.filter((address) => (answers.get(address)?.code ?? 500) < 300);
}
