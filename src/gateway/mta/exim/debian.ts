/**
 * Where Debian's Exim has places for snippets, and whether they are free: split configuration (conf.d) or one file
 * with local macros. Reads only.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { MARK } from './snippet.ts';

const FOLDER = '/etc/exim4';

export interface Places {
  /** The file of macros that `--apply` writes. */
  readonly macros: string;
  readonly acl: string;
  /** The file of the router that asks the next hops; null where the configuration is one file. */
  readonly router: string | null;
  /** Domains that are relayed today by debconf's answer, as a list of Exim's. */
  readonly others: string;
  /** Why they cannot be used; null where they can. */
  readonly obstacle: string | null;
}

/** Null where the configuration is not made by Debian's update-exim4.conf. */
export function debianPlaces(): Places | null {
  const answers = textOf(path.join(FOLDER, 'update-exim4.conf.conf'));
  if (answers === null) return null;
  const answer = (name: string) =>
    new RegExp(`^\\s*${name}=['"]?([^'"\\n]*)['"]?`, 'm').exec(answers)?.[1]?.trim() ?? '';
  const isSplit = answer('dc_use_split_config').toLowerCase() === 'true';
  const macros = path.join(FOLDER, isSplit ? 'conf.d/main/000_relaymap' : 'exim4.conf.localmacros');
  const others = answer('dc_relay_domains')
    .split(/[;:\s]+/)
    .filter((domain) => domain !== '' && !domain.startsWith('<'))
    .join(' : ');
  const router = isSplit ? path.join(FOLDER, 'conf.d/router/050_relaymap') : null;
  const acl = path.join(FOLDER, 'relaymap_acl');
  return { macros, acl, router, others, obstacle: obstacleTo(macros, isSplit) };
}

function obstacleTo(macros: string, isSplit: boolean): string | null {
  const own = path.join(FOLDER, 'exim4.conf');
  if (existsSync(own)) return `${own} is there, and Debian's snippets are not used with it`;
  const there = textOf(macros);
  if (!isSplit && there !== null && !there.startsWith(MARK)) return `${macros} is there, and is not relaymap's`;
  const files = isSplit ? filesIn(path.join(FOLDER, 'conf.d/main')) : [path.join(FOLDER, 'exim4.conf.template')];
  for (const file of files.filter((name) => name !== macros)) {
    const set = /^\s*(MAIN_RELAY_TO_DOMAINS|CHECK_RCPT_LOCAL_ACL_FILE)\s*==?/m.exec(textOf(file) ?? '')?.[1];
    if (set !== undefined) return `${file} sets ${set} already`;
  }
  return null;
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => path.join(folder, name));
  } catch {
    return []; // update-exim4.conf says so
  }
}

export function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null; // not there, or not for this user's eyes
  }
}
