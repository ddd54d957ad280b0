/**
 * What Postfix asks of `relay_recipient_maps` and `relay_domains` for one address, in its order (postconf(5),
 * recipient_delimiter; of its source: smtpd_check_rcpt, resolve_addr, mail_addr_find and split_addr). Pure.
 */
import { foldCase } from '../bundle/address/case-folding.ts';

/** Finds a key in a map. */
export type Has = (key: string) => boolean;

/** What of a Postfix's configuration its answer hangs on; what is not there is as Postfix has it by default. */
export interface Habits {
  /** recipient_delimiter: each byte is one; empty for none. */
  readonly delimiter?: string;
  /** smtputf8_enable */
  readonly utf8?: boolean;
  /** Whether parent_domain_matches_subdomains names relay_domains. */
  readonly subdomains?: boolean;
  /** Whether it names smtpd_access_maps. */
  readonly accessSubdomains?: boolean;
  /** allow_untrusted_routing */
  readonly untrustedRouting?: boolean;
  /** allow_min_user: whether a local part may begin with a hyphen. */
  readonly leadingHyphen?: boolean;
  /** owner_request_special */
  readonly ownerRequestSpecial?: boolean;
  /** double_bounce_sender */
  readonly doubleBounce?: string;
}

export interface Question extends Habits {
  /** `local@domain` in internal form, parted at the last `@`, as typed; folded here. */
  readonly address: string;
  /** A domain beyond ASCII in A-labels, '' for one that is no name. Without it every such domain passes for a name. */
  readonly toAscii?: (domain: string) => string;
}

/**
 * Why a stranger's mail is rejected, in the order in which Postfix looks: the local part begins with a hyphen; the
 * domain is no host name; it is not a relay domain here; the local part holds `@`, `!` or `%`, which Postfix takes
 * for a route; no row.
 */
export type Rejection = 'leading-hyphen' | 'no-host-name' | 'no-relay-domain' | 'routed' | 'unlisted';

export interface Answer {
  readonly accepted: boolean;
  /** The key that made it so; null when none did. */
  readonly row: string | null;
  /** False when the domain is not a relay domain here: Postfix does not even ask for the recipient. */
  readonly relayDomain: boolean;
  /** Null when it is accepted. */
  readonly rejection: Rejection | null;
}

/** The answer to a client that is not in mynetworks and that has said SMTPUTF8 where the address needs it. */
export function lookup(question: Question, recipients: Has, domains: Has): Answer {
  const parts = partsOf(question);
  if (parts === null) return rejected('no-relay-domain');
  const { local, domain } = parts;
  if (local.startsWith('-') && question.leadingHyphen !== true) return rejected('leading-hyphen');
  if (!isHostName(domain, question)) return rejected('no-host-name');
  if (!hasDomain(domain, domains, question.subdomains ?? true)) return rejected('no-relay-domain');
  if (/[@!%]/.test(local) && question.untrustedRouting !== true) return rejected('routed');
  const row = keys(local, domain, question).find(recipients) ?? null;
  return row === null ? rejected('unlisted') : { accepted: true, row, relayDomain: true, rejection: null };
}

const rejected = (rejection: Rejection): Answer => ({
  accepted: false,
  row: null,
  relayDomain: rejection === 'routed' || rejection === 'unlisted',
  rejection,
});

const foldAscii = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

const NON_ASCII = /[^\u0000-\u007f]/;
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;

/** An address literal: a place to send to, though none that a map could hold. */
const LITERAL = /^\[(?:\d{1,3}(?:\.\d{1,3}){3}|ipv6:[0-9a-f:.]+)\]$/i;

/**
 * Postfix's valid_hostname(): labels of letters, digits, `_` and inner `-`, at most 63 and 255 bytes, and not
 * digits alone.
 */
function isHostName(domain: string, { utf8 = true, toAscii }: Question): boolean {
  if (domain.startsWith('[')) return LITERAL.test(domain);
  let ascii = domain;
  if (NON_ASCII.test(domain)) {
    if (!utf8) return false;
    if (toAscii === undefined) return true;
    // Beside a label beyond ASCII, two hyphens in third and fourth place mean an A-label; none may stand at an end.
    if (/(?:^|\.)(?:(?!xn)[^.]{2}--|-)|-(?:\.|$)/.test(domain)) return false;
    ascii = toAscii(domain);
  }
  return ascii.length <= 255 && /[^0-9.]/.test(ascii) && ascii.split('.').every((label) => LABEL.test(label));
}

/** The domain, or one above it where parent_domain_matches_subdomains says so. */
function hasDomain(domain: string, domains: Has, subdomains: boolean): boolean {
  if (!subdomains) return domains(domain);
  for (let name = domain; name !== ''; name = name.includes('.') ? name.slice(name.indexOf('.') + 1) : '') {
    if (domains(name)) return true;
  }
  return false;
}

/** Whether an access table of domains has a row for the address's one (access(5), EMAIL ADDRESS PATTERNS). */
export function namesDomain(habits: Habits, address: string, table: Has): boolean {
  const parts = partsOf({ ...habits, address });
  return parts !== null && hasDomain(parts.domain, table, habits.accessSubdomains ?? true);
}

/** The keys that Postfix tries, in order; none for what has no `@`. */
export function keysOf(question: Question): string[] {
  const parts = partsOf(question);
  return parts === null ? [] : keys(parts.local, parts.domain, question);
}

/** Local part and domain, folded, as Postfix has rewritten them before it asks. */
function partsOf({ address, utf8 }: Question): { local: string; domain: string } | null {
  const folded = utf8 === false ? foldAscii(address) : foldCase(address);
  const at = folded.lastIndexOf('@');
  if (at < 0) return null;
  return {
    // What is left of source routes: `@` at the beginning, and all up to the first colon goes.
    local: folded.slice(0, at).replace(/^@[^:]*:/, ''),
    // One dot at the end is taken off before anything is asked.
    domain: folded.slice(at + 1).replace(/([^.])\.$/, '$1'),
  };
}

/** Quoted form first where the local part needs quotes, then without extension, the domain last. */
function keys(local: string, domain: string, habits: Habits): string[] {
  const forms = (part: string) => {
    const quoted = externalForm(part);
    return quoted === part ? [`${part}@${domain}`] : [`${quoted}@${domain}`, `${part}@${domain}`];
  };
  const base = withoutExtension(local, habits);
  return [...forms(local), ...(base === null ? [] : forms(base)), `@${domain}`];
}

/**
 * The local part as RFC 5321 wants it written: quoted unless it is a dot-string. Only ASCII is ever a reason for
 * quotes.
 */
function externalForm(local: string): string {
  if (/^[^ "(),:;<>@[\\\]\u0000-\u001f\u007f]+$/.test(local) && !/^\.|\.\.|\.$/.test(local)) return local;
  return `"${local.replace(/["\\]/g, '\\$&')}"`;
}

function withoutExtension(
  local: string,
  { delimiter = '', ownerRequestSpecial = true, doubleBounce = 'double-bounce' }: Habits,
): string | null {
  if (['postmaster', 'mailer-daemon', foldCase(doubleBounce)].includes(local)) return null;
  if (ownerRequestSpecial && delimiter.includes('-') && (local.startsWith('owner-') || local.endsWith('-request')))
    return null;
  const bytes = Buffer.from(local);
  const at = bytes.findIndex((byte) => Buffer.from(delimiter).includes(byte));
  if (at <= 0) return null;
  const base = bytes.toString('utf8', 0, at);
  // A delimiter beyond ASCII may have cut a character in two; such a key is not even asked for.
  return Buffer.from(base).equals(bytes.subarray(0, at)) ? base : null;
}
