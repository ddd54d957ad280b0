/**
 * Turns one entry of a source of next hops into rows (docs/bundle-format.md section 8): a domain, and where its mail
 * goes. Lower case; hosts in A-labels; an internationalised domain in both forms. Pure.
 */
import { domainToASCII } from 'node:url';
import { domainOf } from '../../bundle/address/address.ts';
import { readNextHop } from '../../bundle/address/next-hop.ts';
import { EntryError, rowsOf } from '../entry.ts';

export interface RouteEntry {
  readonly domain: string;
  readonly value: string;
}

/** `map`: the value is a Postfix transport, `transport:nexthop`. `plain`: it may also be a next hop alone. */
export type ValueForm = 'map' | 'plain';

/** The rows of an entry, or the transport that is no route to a host. */
export type Routes =
  | { readonly is: 'routes'; readonly domains: readonly string[]; readonly nextHop: string }
  | { readonly is: 'left out'; readonly transport: string };

/** Transports of Postfix's master.cf, and of mailcow, that speak SMTP to the next hop. */
const SMTP = new Set(['smtp', 'relay', 'smtp_via_transport_maps']);
/** Transports that deliver here, or not at all. */
const LOCAL = new Set(
  'local virtual lmtp error retry discard pipe dovecot maildrop cyrus uucp procmail vacation autoreply'.split(' '),
);
/** No host has a name of one label here, so what stands before the colon is a transport. */
const TRANSPORT = /^([a-z0-9_-]*):(.*)$/is;
const PORTS: Readonly<Record<string, string>> = { smtp: '25', submission: '587' };

/** A key and a value with a TAB between, as a map has them: the value may hold blanks. @throws EntryError */
export function splitPair(pair: string): RouteEntry {
  const tab = pair.indexOf('\t');
  const [domain, value] = [pair.slice(0, tab), pair.slice(tab + 1)];
  if (tab < 0 || value === '') throw new EntryError('has no value');
  return { domain, value };
}

/** A line's two fields. @throws EntryError */
export function splitLine(line: string): RouteEntry | null {
  const text = line.replace(/\r$/, '').replace(/^[ \t]+|[ \t]+$/g, '');
  if (text === '' || text.startsWith('#')) return null;
  const [domain = '', value = '', ...more] = text.split(/[ \t]+/);
  if (value === '') throw new EntryError('has no next hop behind its domain');
  if (more.length > 0) throw new EntryError('has more than a domain and a next hop');
  return { domain, value };
}

/** @throws EntryError, in words that follow the entry */
export function routesOf({ domain, value }: RouteEntry, form: ValueForm): Routes {
  const hop = hopOf(value.trim(), form);
  if ('transport' in hop) return { is: 'left out', transport: hop.transport };
  return { is: 'routes', domains: domainsOf(domain), nextHop: hop.nextHop };
}

function domainsOf(domain: string): string[] {
  if (domain === '*') throw new EntryError('is for every domain, and the table has one row a domain');
  if (domain.startsWith('.')) throw new EntryError('is for the domains below, and the table has one row a domain');
  if (domain.includes('@')) throw new EntryError('is for one address, and the table has one row a domain');
  return rowsOf(`@${domain}`).map(domainOf);
}

function hopOf(value: string, form: ValueForm): { readonly nextHop: string } | { readonly transport: string } {
  const [, name, rest = ''] = TRANSPORT.exec(value) ?? [];
  if (name === undefined) {
    // A word alone is the name of a transport in a map.
    if (form === 'map' && /^[a-z0-9_-]+$/i.test(value)) return { transport: value.toLowerCase() };
    if (form === 'map' && !value.startsWith('['))
      throw new EntryError('has a value without a colon, which Postfix takes for the name of a transport');
    return { nextHop: normalised(value) };
  }
  const transport = name.toLowerCase();
  if (LOCAL.has(transport)) return { transport };
  if (rest === '') return { transport: transport === '' ? 'no' : `${transport} without a host` };
  if (transport !== '' && !SMTP.has(transport))
    throw new EntryError(`has the transport ${transport}, of which it is not known whether it speaks SMTP`);
  return { nextHop: normalised(rest) };
}

/** @throws EntryError */
function normalised(text: string): string {
  if (/[\s,]/.test(text)) throw new EntryError('has several next hops, and the table has one a domain');
  const [, literal, name, port] = /^(?:\[([^[\]]*)\]|([^[\]:]*))(?::([^:]*))?$/.exec(text) ?? [];
  const suffix = port === undefined ? '' : `:${PORTS[port.toLowerCase()] ?? port}`;
  const hop =
    literal === undefined ? `${ascii(name ?? text)}${suffix}` : `[${host(literal.replace(/^ipv6:/i, ''))}]${suffix}`;
  const read = readNextHop(hop);
  if (typeof read === 'string') throw new EntryError(`has a next hop that ${read}`);
  return hop;
}

const host = (text: string): string => (text.includes(':') ? text.toLowerCase() : ascii(text));

/** One dot at the end means the same name; a name beyond ASCII is asked of DNS in A-labels. */
function ascii(name: string): string {
  const plain = name.replace(/(?<=[^.])\.$/, '');
  return /[^\u0000-\u007f]/.test(plain) ? domainToASCII(plain) : plain.toLowerCase();
}
