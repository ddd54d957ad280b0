/**
 * What Postfix asks of `relay_recipient_maps` and `relay_domains` for one address, in its order (postconf(5),
 * recipient_delimiter; facts: mail_addr_find and split_addr). Pure.
 */
import { foldCase } from '../bundle/case-folding.ts';

/** Finds a key in a map. */
export type Has = (key: string) => boolean;

export interface Question {
  /** `local@domain` in internal form, as typed; folded here. */
  readonly address: string;
  /** Postfix's recipient_delimiter: each character is one; empty for none. */
  readonly delimiter: string;
}

export interface Answer {
  readonly accepted: boolean;
  /** The key that made it so; null when none did. */
  readonly row: string | null;
  /** False when the domain is not a relay domain here: Postfix does not even ask for the recipient. */
  readonly relayDomain: boolean;
}

export function lookup(question: Question, recipients: Has, domains: Has): Answer {
  const keys = keysOf(question);
  const domain = keys.at(-1)?.slice(1);
  if (domain === undefined || !isRelayDomain(domain, domains))
    return { accepted: false, row: null, relayDomain: false };
  const row = keys.find(recipients) ?? null;
  return { accepted: row !== null, row, relayDomain: true };
}

/** The domain or one above it: parent_domain_matches_subdomains holds relay_domains by default. */
function isRelayDomain(domain: string, domains: Has): boolean {
  for (let name = domain; name !== ''; name = name.includes('.') ? name.slice(name.indexOf('.') + 1) : '') {
    if (domains(name)) return true;
  }
  return false;
}

/**
 * The keys that Postfix tries, in order: quoted form first where the local part needs quotes, without extension, last `@domain`. None for
 * what has no `@`.
 */
export function keysOf({ address, delimiter }: Question): string[] {
  const folded = foldCase(address);
  const at = folded.lastIndexOf('@');
  if (at < 0) return [];
  const [local, domain] = [folded.slice(0, at), folded.slice(at + 1)];
  const forms = (part: string) => {
    const quoted = externalForm(part);
    return quoted === part ? [`${part}@${domain}`] : [`${quoted}@${domain}`, `${part}@${domain}`];
  };
  const base = withoutExtension(local, delimiter);
  return [...forms(local), ...(base === null ? [] : forms(base)), `@${domain}`];
}

/** The local part as RFC 5321 wants it written: quoted unless it is a dot-string. */
function externalForm(local: string): string {
  if (/^[^\s"(),:;<>@[\\\]\u0000-\u001f\u007f]+$/.test(local) && !/^\.|\.\.|\.$/.test(local)) return local;
  return `"${local.replace(/["\\]/g, '\\$&')}"`;
}

const UNSPLIT = new Set(['postmaster', 'mailer-daemon', 'double-bounce']);

function withoutExtension(local: string, delimiter: string): string | null {
  if (delimiter === '' || UNSPLIT.has(local)) return null;
  if (delimiter.includes('-') && (local.startsWith('owner-') || local.endsWith('-request'))) return null;
  const at = Array.from(local).findIndex((c) => delimiter.includes(c));
  return at <= 0 ? null : Array.from(local).slice(0, at).join('');
}
