/**
 * What an Exim configuration says to ask relaymap's maps: macros for its beginning, statements for the ACL of RCPT,
 * and a router. What is asked is folded by Unicode's table (case_folding.cdb), as the rows are folded: Exim itself
 * folds A to Z alone. Pure.
 */

/** By which `init` knows its own files again. */
export const MARK = '# Written by relaymap init.';

/**
 * An expansion of Exim's that folds the text. It is parted into characters, each behind a `=`, so that no item is
 * empty or trimmed; each is looked up; what is not there is in lower case.
 */
const foldOf = (text: string): string => {
  const characters = '${sg{' + text + '}{\\N([\\x00-\\x7f]|[\\xc0-\\xff][\\x80-\\xbf]*)\\N}{=\\$1\\n}}';
  const one = '${sg{$item}{\\N^=\\N}{}}';
  const looked = '${lookup{' + one + '}cdb{RELAYMAP_DIR/case_folding.cdb}{$value}{${lc:' + one + '}}}';
  return '${sg{${map{<\\n ' + characters + '}{' + looked + '}}}{\\N\\n\\N}{}}';
};

const beyondAscii = (text: string): string => 'match{' + text + '}{\\N[\\x80-\\xff]\\N}';

const has = (key: string, map: string, yes: string, no: string): string =>
  '${lookup{' + key + '}cdb{RELAYMAP_DIR/' + map + '.cdb}{' + yes + '}{' + no + '}}';

/**
 * The item of a domain list that matches where the folded domain is relayed. It must not be the domain itself: what
 * a client has sent may be no part of a list that names files (Exim calls that tainted, and hangs up).
 */
const UTF8_DOMAIN = '${if ' + beyondAscii('$domain') + '{' + has(foldOf('$domain'), 'relay_domains', '*', '') + '}}';

export interface MacroOptions {
  readonly mapDir: string;
  /** The file with the statements of the ACL. */
  readonly acl: string;
  /** Domains that are relayed beside the list's, as a list of Exim's; empty for none. */
  readonly others: string;
  /** Whether unknown recipients are deferred, not refused. */
  readonly defer: boolean;
}

export const macros = ({ mapDir, acl, others, defer }: MacroOptions): string =>
  [
    `${MARK} Which recipients exist, from signed lists (man relaymap).`,
    '# After a change: update-exim4.conf && systemctl reload exim4',
    `RELAYMAP_DIR = ${mapDir}`,
    '# Unknown recipients are deferred, not refused:',
    `${defer ? '' : '# '}RELAYMAP_DEFER = yes`,
    '# Where user+tag@ is to count as user@:',
    '# RELAYMAP_DELIMITER = +',
    `MAIN_RELAY_TO_DOMAINS = ${domainList(others)}`,
    `CHECK_RCPT_LOCAL_ACL_FILE = ${acl}`,
    '',
  ].join('\n');

/** Exim's list of the domains that are relayed. */
export const domainList = (others: string): string =>
  `cdb;RELAYMAP_DIR/relay_domains.cdb : ${UTF8_DOMAIN}${others === '' ? '' : ` : ${others}`}`;

const unlisted = [
  `    condition = ${has('$acl_m_relaymap', 'relay_recipients', 'no', 'yes')}`,
  `    condition = ${has('$acl_m_relaymap_base', 'relay_recipients', 'no', 'yes')}`,
  `    condition = ${has('@$acl_m_relaymap_domain', 'relay_recipients', 'no', 'yes')}`,
];

/** Statements for the ACL of RCPT, to stand before the one that accepts relayed domains. */
export const aclStatements = (): string =>
  [
    `${MARK} Included by the ACL of RCPT.`,
    '# Refuses recipients of the list that it does not have. While a map is missing or cut short it answers 451.',
    '',
    '  warn',
    '    set acl_m_relaymap = ${lc:$local_part@$domain}',
    '',
    '  # Beyond ASCII: folded by the table that relaymap puts beside the maps.',
    '  warn',
    `    condition = \${if ${beyondAscii('$acl_m_relaymap')}}`,
    `    set acl_m_relaymap = ${foldOf('$acl_m_relaymap')}`,
    '',
    '  warn',
    '    set acl_m_relaymap_domain = ${sg{$acl_m_relaymap}{\\N^.*@\\N}{}}',
    '    set acl_m_relaymap_base = $acl_m_relaymap',
    '',
    '  .ifdef RELAYMAP_DELIMITER',
    '  warn',
    '    set acl_m_relaymap_base = ${sg{$acl_m_relaymap}{\\N^([^@]+?)[RELAYMAP_DELIMITER].*@\\N}{\\$1@}}',
    '  .endif',
    '',
    '  # A list that is out of date: unknown recipients wait (relaymap stale).',
    '  defer',
    '    condition = ${if exists{RELAYMAP_DIR/stale_domains.cdb}{' +
      has('$acl_m_relaymap_domain', 'stale_domains', 'yes', 'no') +
      '}{no}}',
    ...unlisted,
    '    message = recipient list out of date',
    '',
    '  .ifdef RELAYMAP_DEFER',
    '  defer',
    '  .else',
    '  deny',
    '  .endif',
    `    condition = ${has('$acl_m_relaymap_domain', 'relay_domains', 'yes', 'no')}`,
    ...unlisted,
    '    message = no such recipient',
    '    log_message = not on the list of relaymap',
    '',
  ].join('\n');

export const ROUTER = 'relaymap_next_hop';

/**
 * Mail for a domain that has a next hop goes there; a domain without a row goes on to the routers behind. While the
 * map is missing or cut short all of it waits, and so does mail for a host that is not found or is this one. `HOST/MX`
 * is only the MX records of that name: where it has none, the second router takes the host itself (RFC 5321 section
 * 5.1).
 */
export const router = (): string =>
  [
    `${MARK} Where mail for the domains of the lists goes (next_hops in relaymap.toml).`,
    '# They must stand before the routers that send mail away.',
    '',
    ...oneRouter(ROUTER, looked(ASKED), 'pass'),
    '# A name without MX records: the host itself.',
    ...oneRouter(`${ROUTER}_itself`, '${sg{' + looked(ASKED) + '}{\\N/MX\\b\\N}{}}', 'defer'),
  ].join('\n');

const oneRouter = (name: string, hosts: string, notFound: 'pass' | 'defer'): string[] => [
  `${name}:`,
  `  debug_print = "R: ${name} for $local_part@$domain"`,
  '  driver = manualroute',
  '  domains = ! +local_domains : +relay_to_domains',
  `  route_data = ${hosts}`,
  '  transport = remote_smtp',
  `  host_find_failed = ${notFound}`,
  '  host_all_ignored = defer',
  '  self = defer',
  '  same_domain_copy_routing = yes',
  '',
];

const ASKED = '${if ' + beyondAscii('$domain') + '{' + foldOf('$domain') + '}{$domain}}';

/** Empty where there is no row: then the router declines. */
const looked = (key: string): string => '${lookup{' + key + '}cdb{RELAYMAP_DIR/transport.cdb}{$value}}';
