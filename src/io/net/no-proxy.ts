/**
 * Whether `no_proxy` names a host, read as curl reads the variable: names including their subdomains, addresses,
 * address blocks (CIDR), and `*`. As in other programs, but not in curl, an entry may end with a port and then
 * covers only that port. Pure.
 */
import { BlockList, isIP } from 'node:net';

/** Whether this host and port need no proxy. */
export type IsDirect = (host: string, port: number) => boolean;

/** @param noProxy the variable's text: entries separated by commas or white space. */
export function directHosts(noProxy: string): IsDirect {
  const entries = noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .map(parseEntry);
  return (host, port) => {
    const name = host.toLowerCase().replace(/\.$/, '');
    return entries.some((entry) => (entry.port === null || entry.port === port) && entry.covers(name));
  };
}

interface Entry {
  readonly port: number | null;
  readonly covers: (host: string) => boolean;
}

function parseEntry(text: string): Entry {
  if (text === '*') return { port: null, covers: () => true };
  const block = parseBlock(text);
  if (block !== null) return { port: null, covers: block };
  // A name or an address, with or without a port. An IPv6 address with a port is in brackets.
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::([0-9]{1,5}))?$/.exec(text) ?? [];
  const own = { port: port === undefined ? null : Number(port) };
  const host = bracketed ?? plain ?? text;
  const family = isIP(host);
  if (family !== 0) {
    const block = parseBlock(`${host}/${family === 4 ? 32 : 128}`);
    return { ...own, covers: block ?? (() => false) };
  }
  const name = host.replace(/^\*?\./, '').replace(/\.$/, '');
  const below = (asked: string) => asked === name || (isIP(asked) === 0 && asked.endsWith(`.${name}`));
  return { ...own, covers: (asked) => name !== '' && below(asked) };
}

/** `192.0.2.0/24`, `2001:db8::/32`, `[2001:db8::]/32`; null for anything else. */
function parseBlock(text: string): Entry['covers'] | null {
  const [, address = '', bits = ''] = /^\[?([0-9a-f.:]+)\]?\/([0-9]{1,3})$/.exec(text) ?? [];
  const family = isIP(address);
  if (family === 0 || Number(bits) > (family === 4 ? 32 : 128)) return null;
  const list = new BlockList();
  const type = family === 4 ? 'ipv4' : 'ipv6';
  list.addSubnet(address, Number(bits), type);
  return (host) => isIP(host) === family && list.check(host, type);
}
