/**
 * The names in /etc/hosts, which take precedence over DNS. Reads only that file, and again only when it has
 * changed.
 */
import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';

export interface Address {
  readonly address: string;
  readonly family: 4 | 6;
}

const FILE = '/etc/hosts';
let last: { readonly stamp: string; readonly names: ReadonlyMap<string, readonly Address[]> } | null = null;

/** The addresses of a name (in lower case); empty if the file does not list it. */
export function addressesInHostsFile(name: string, file = FILE): readonly Address[] {
  try {
    const { mtimeMs, size, ino } = statSync(file);
    const stamp = `${file} ${mtimeMs} ${size} ${ino}`;
    if (last?.stamp !== stamp) last = { stamp, names: parseHosts(readFileSync(file, 'latin1')) };
  } catch {
    return []; // no such file: ask DNS
  }
  return last.names.get(name) ?? [];
}

export function parseHosts(text: string): Map<string, Address[]> {
  const names = new Map<string, Address[]>();
  for (const line of text.split('\n')) {
    const [address = '', ...rest] = (line.split('#', 1)[0] ?? '').trim().split(/\s+/);
    const family = isIP(address.split('%', 1)[0] ?? '');
    if (family !== 4 && family !== 6) continue;
    for (const name of rest) {
      const key = name.toLowerCase();
      names.set(key, [...(names.get(key) ?? []), { address, family }]);
    }
  }
  return names;
}
