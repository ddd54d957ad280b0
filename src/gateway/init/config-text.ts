/**
 * The text of the configuration that `init` writes, and the change of a few values in one that is there. Pure: texts
 * in, texts out.
 */
import path from 'node:path';
import type { Kind } from '../mta-kinds.ts';
import type { BundleConfig } from '../config.ts';
import { domainForms } from '../domain-forms.ts';

export interface Wanted {
  readonly name: string;
  readonly url: string;
  /** Empty for none. */
  readonly domains: readonly string[];
  /** The file with the public key. */
  readonly key: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
  /** Configuration folders of Postfix, where there are several; else empty. */
  readonly instances: readonly string[];
  /** Write the values over those of an existing bundle. */
  readonly replace: boolean;
  /** Hosts and networks that next hops may name; empty where none are taken. */
  readonly nextHops: readonly string[];
  /** Whether unknown recipients of a list that is out of date are to be deferred, where nothing is said of it. */
  readonly isBackup: boolean;
  /** The kind of mail server. */
  readonly kind?: Kind;
}

export interface Difference {
  readonly key: 'urls' | 'domains' | 'next_hops' | 'token_file' | 'ca_file';
  readonly option: string;
  readonly has: string;
  readonly asked: string;
  /** The value as TOML. */
  readonly toml: string;
}

/** What the command line says otherwise than the file; what it does not say is as the file has it. */
export function differences(bundle: BundleConfig, { url, domains, nextHops, tokenFile, caFile }: Wanted): Difference[] {
  const found: Difference[] = [];
  if (!bundle.urls.includes(url)) {
    found.push({ key: 'urls', option: '--url', has: bundle.urls.join(', '), asked: url, toml: list([url]) });
  }
  const sorted = (names: readonly string[]) => [...new Set(names.flatMap(domainForms))].sort().join(', ');
  if (domains.length > 0 && sorted(domains) !== sorted(bundle.domains ?? [])) {
    const has = bundle.domains === undefined ? 'no domains' : bundle.domains.join(', ');
    found.push({ key: 'domains', option: '--domains', has, asked: domains.join(', '), toml: list(domains) });
  }
  if (nextHops.length > 0 && [...nextHops].sort().join() !== [...(bundle.next_hops ?? [])].sort().join()) {
    const has = bundle.next_hops === undefined ? 'none' : bundle.next_hops.join(', ');
    found.push({ key: 'next_hops', option: '--next-hops', has, asked: nextHops.join(', '), toml: list(nextHops) });
  }
  for (const [key, option, asked] of [
    ['token_file', '--token-file', tokenFile],
    ['ca_file', '--ca-file', caFile],
  ] as const) {
    if (asked === undefined || asked === bundle[key]) continue;
    found.push({ key, option, has: bundle[key] ?? 'none', asked, toml: JSON.stringify(asked) });
  }
  return found;
}

/** The text with the values of one bundle changed, in one line each; null where they do not stand in one line. */
export function replaceIn(text: string, name: string, all: readonly Difference[]): string | null {
  const lines = text.split('\n');
  const starts = lines.flatMap((line, i) => (/^\s*\[\[?[^\]]*\]\]?/.test(line) ? [i] : []));
  const isName = (line: string) => /^\s*name\s*=\s*["']([^"']*)["']/.exec(line)?.[1] === name;
  const start = starts.find((from, i) => {
    const part = lines.slice(from, starts[i + 1]);
    return /^\s*\[\[\s*bundle\s*\]\]/.test(part[0] ?? '') && part.some(isName);
  });
  if (start === undefined) return null;
  for (const { key, toml } of all) {
    const end = starts.find((i) => i > start) ?? lines.length;
    const at = lines.findIndex((line, i) => i > start && i < end && new RegExp(`^\\s*${key}\\s*=`).test(line));
    const commented = lines.findIndex((line, i) => i > start && i < end && new RegExp(`^# ${key} = `).test(line));
    if (at >= 0) {
      const line = lines[at] ?? '';
      if (line.includes('[') && !/\]\s*(#.*)?$/.test(line)) return null;
      lines[at] = `${key} = ${toml}`;
    } else if (commented >= 0) lines[commented] = `${key} = ${toml}`;
    else {
      const after = lines.findIndex((line, i) => i > start && isName(line));
      lines.splice(after + 1, 0, `${key} = ${toml}`);
      for (const [i, from] of starts.entries()) if (from > after) starts[i] = from + 1;
    }
  }
  return lines.join('\n');
}

/** A configuration with this one bundle. */
export const wholeText = (file: string, section: string): string => HEAD(file) + section + TAIL;

const STALE =
  '[stale]\nafter = "3d"   # unknown recipients of a list that no cycle has confirmed for so long are deferred\n';
const STALE_COMMENT = STALE.replace(/^(?=.)/gm, '# ');

/** The text with `[stale]`, which it does not have. */
export const withStale = (text: string): string =>
  text.includes(STALE_COMMENT) ? text.replace(STALE_COMMENT, STALE) : `${text.trimEnd()}\n\n${STALE}`;

/** Which server uses the maps, and which instances of Postfix; empty where that need not be said. */
export function mtaSection({ instances, kind = 'postfix' }: Wanted): string {
  const lines = [
    ...(kind === 'postfix' ? [] : [`kind = ${JSON.stringify(kind)}`]),
    ...(instances.length === 0 ? [] : [`instances = ${list(instances)}   # all that use the maps`]),
  ];
  return lines.length === 0 ? '' : `\n[mta]\n${lines.join('\n')}\n`;
}

const HEAD = (file: string): string => `# ${file}: which lists this host follows. Written by relaymap init;
# after a change: relaymap check, and systemctl reload relaymap.

# state_dir = "/var/lib/relaymap"          # copies and records
# map_dir = "/var/lib/relaymap/maps"       # what Postfix opens

`;

/** The `[[bundle]]` of what was typed; what was not typed stands in it as a comment. */
export function bundleSection(file: string, keys: string, wanted: Wanted): string {
  const { name, url, domains, nextHops, tokenFile, caFile } = wanted;
  const beside = path.dirname(path.resolve(file));
  const speaks =
    domains.length === 0
      ? `# domains = ["example.org", "*.example.org"]   # all that this list may speak for: better set it`
      : `domains = ${list(domains)}   # all that this list may speak for`;
  return `[[bundle]]
name = ${JSON.stringify(name)}
urls = ${list([url])}   # mirrors of the same list may follow
keys = ${JSON.stringify(keys)}   # every *.pub in it is trusted
${speaks}
${nextHops.length === 0 ? '# next_hops = ["192.0.2.0/24"]' : `next_hops = ${list(nextHops)}`}   # take its next hops too, to these hosts only; needs domains
# required = ["postmaster@${domains.find((d) => !d.startsWith('*.')) ?? 'example.org'}"]   # a list without it is refused
${tokenFile === undefined ? '# ' : ''}token_file = ${JSON.stringify(tokenFile ?? path.join(beside, 'token'))}   # if the server asks for one; chown root:relaymap, chmod 0640
${caFile === undefined ? '# ' : ''}ca_file = ${JSON.stringify(caFile ?? path.join(beside, 'ca.pem'))}   # if its certificate is of a CA of your own
# client_cert = ${JSON.stringify(path.join(beside, 'client.pem'))}
# client_key = ${JSON.stringify(path.join(beside, 'client.key'))}
`;
}

const list = (values: readonly string[]): string => `[${values.map((value) => JSON.stringify(value)).join(', ')}]`;

const TAIL = `
${STALE_COMMENT}
# [schedule]
# cron = "* * * * *"
# jitter = "30s"

# [health]
# warn_after = "1h"
# critical_after = "24h"

# [report]         # the server of the first URL is told which version this host runs, by this name
# id = "mx1"       # default: the name of the host
# send = false     # tell nothing
`;
