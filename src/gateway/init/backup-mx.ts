/**
 * What main.cf has to say on a backup MX beside naming the maps: who may relay, where mail goes, and for how long what
 * waits is kept. What an administrator has set is left, unless it would let strangers relay, or would keep the list
 * from being asked. Pure.
 */
import { HostError } from '../../errors.ts';
import { canWait, FILTERED, NAME_FILTER, NAMES_WAIT } from '../mta/postfix/denied-names.ts';
import type { PostfixConfig } from '../mta/postfix/main-cf.ts';
import { without } from '../mta/postfix/map-references.ts';
import { words } from '../mta/postfix/tables.ts';
import type { Setting } from './main-cf-settings.ts';

export interface BackupOptions {
  /** A next hop, as docs/bundle-format.md section 8 has it; by default the MX of each domain. */
  readonly primary?: string;
  /** myhostname, where it is to change. */
  readonly hostname?: string;
}

export interface Reasoned extends Setting {
  /** Why, in one sentence. */
  readonly why: string;
}

/** What is on this host beside main.cf. */
export interface BackupHost {
  /** Debian's own certificate and key (package ssl-cert); null where they are not there. */
  readonly snakeoil: { readonly cert: string; readonly key: string } | null;
  /** The file or folder of CAs; null where there is none. */
  readonly authorities: { readonly parameter: 'smtp_tls_CApath' | 'smtp_tls_CAfile'; readonly value: string } | null;
}

/** @param domains of the installed list */
export function backupSettings(
  postfix: PostfixConfig,
  options: BackupOptions,
  domains: readonly string[],
  host: BackupHost,
): Reasoned[] {
  return [
    ...named(postfix, options),
    ...closed(postfix),
    ...listDecides(postfix, domains),
    ...route(postfix, options),
    ...patient(postfix),
    ...QUEUE.flatMap((each) => (postfix.set.has(each.name) ? [] : [each])),
    ...noWarnings(postfix),
    ...encrypted(postfix, host),
  ];
}

const LOOPBACK_ONLY = new Set(['loopback-only', 'localhost', '127.0.0.1', '[::1]', '::1']);

function named({ main, services }: PostfixConfig, { hostname }: BackupOptions): Reasoned[] {
  const interfaces = words(main.get('inet_interfaces') ?? '');
  // A service of master.cf that names an address listens there whatever the parameter says.
  const listensByIt = services.some(({ name }) => /^(smtp|25)\/inet$/.test(name));
  const isDeaf = listensByIt && interfaces.length > 0 && interfaces.every((word) => LOOPBACK_ONLY.has(word));
  return [
    ...(hostname === undefined
      ? []
      : [{ name: 'myhostname', value: hostname, why: 'the name it says in HELO, as --hostname has it' }]),
    ...(isDeaf ? [{ name: INTERFACES, value: 'all', why: 'it listened to this host alone' }] : []),
  ];
}

/** A change of it counts only once Postfix has been stopped and started. */
export const INTERFACES = 'inet_interfaces';
export const RELAY = 'smtpd_relay_restrictions';

/** Takes an argument, which goes where the word goes. */
const CHECKS = /^(check_\w+|reject_(rbl|rhsbl)\w*)$/;

/**
 * smtpd_relay_restrictions without what lets everybody relay, and with a refusal at its end. What an administrator has
 * beside it is kept: tables that name who may, and what refuses.
 */
export function closedRelay(value: string, hasLogins: boolean): string {
  const all = words(value.replace(/\$\{?smtpd_relay_restrictions\}?/g, ''));
  const kept: string[] = [];
  for (let i = 0; i < all.length; i++) {
    const word = all[i] ?? '';
    if (CHECKS.test(word)) {
      kept.push(`${word} ${all[i + 1] ?? ''}`);
      i++;
    } else if (word === 'permit_mynetworks' || (word === 'permit_sasl_authenticated' && hasLogins)) kept.push(word);
    else if (word === 'permit_tls_clientcerts') kept.push(word);
    else if (word.startsWith('reject_') && word !== REFUSAL) kept.push(word);
  }
  if (!kept.includes('permit_mynetworks')) kept.unshift('permit_mynetworks');
  return [...kept, REFUSAL].join(', ');
}

const REFUSAL = 'reject_unauth_destination';

/** @throws HostError CONFIG where half of the Internet counts as its own network */
function closed({ raw, main, set }: PostfixConfig): Reasoned[] {
  const wide = words(main.get('mynetworks') ?? '').filter(isWide);
  if (wide.length > 0) {
    throw new HostError('CONFIG', [
      `mynetworks has ${wide.join(', ')}: whoever is in it may send mail through this host to anybody`,
      'Name this host and your own networks alone; of a backup MX the first is enough:',
      "  postconf -e 'mynetworks = 127.0.0.0/8, [::1]/128'",
    ]);
  }
  const style = main.get('mynetworks_style');
  const value = closedRelay(set.has(RELAY) ? (raw.get(RELAY) ?? '') : '', main.get('smtpd_sasl_auth_enable') === 'yes');
  return [
    {
      name: RELAY,
      value,
      why: 'strangers may send to the domains of the list and to no others: 554, for good',
    },
    ...(!set.has('mynetworks') && (style === 'subnet' || style === 'class')
      ? [{ name: 'mynetworks_style', value: 'host', why: 'neighbours in its network are strangers too' }]
      : []),
  ];
}

/** A network that no organisation has: a mistake that opens the relay. */
function isWide(word: string): boolean {
  const [, six, bits] = /^(?:(\[[^\]]*\]|[0-9a-f:]*::[0-9a-f:]*)|[\d.]+)\/(\d+)$/i.exec(word) ?? [];
  return bits !== undefined && Number(bits) < (six === undefined ? 8 : 19);
}

/** The list is asked of the relay class alone, and of nobody whom another class takes. */
function listDecides(postfix: PostfixConfig, domains: readonly string[]): Reasoned[] {
  const own = new Set(domains);
  const local = words(postfix.main.get('mydestination') ?? '').filter((word) => own.has(word.toLowerCase()));
  return [
    ...(local.length === 0
      ? []
      : [
          {
            name: 'mydestination',
            value: without(postfix, 'mydestination', own).join(', '),
            why: `mail for ${local.join(', ')} goes on to the primary, and is not for mailboxes of this host`,
          },
        ]),
    ...(postfix.main.get('smtpd_reject_unlisted_recipient') === 'no'
      ? [{ name: 'smtpd_reject_unlisted_recipient', value: 'yes', why: 'who is not on the list is refused' }]
      : []),
  ];
}

/** Of the relay class alone: what this host itself sends goes as before. */
function route(postfix: PostfixConfig, { primary }: BackupOptions): Reasoned[] {
  const hasRetry = postfix.services.some(({ name }) => name === 'retry/unix');
  const loops: Reasoned[] =
    hasRetry && !postfix.set.has(LOOPS)
      ? [
          {
            name: LOOPS,
            value: 'retry:4.4.6 this host is the best MX itself, and knows no primary',
            why: 'mail that would come back to this host waits; by default it is returned to its sender',
          },
        ]
      : [];
  if (primary === undefined) return loops;
  return [{ name: 'relay_transport', value: `relay:${primary}`, why: 'mail for the list goes to --primary' }, ...loops];
}

const LOOPS = 'best_mx_transport';

/** Where DNS denies the name of the next hop, mail waits as it does while DNS does not answer. */
function patient(postfix: PostfixConfig): Reasoned[] {
  if (!canWait(postfix)) return [];
  const why = 'mail waits while DNS denies the name of its next hop; by default it is returned to its sender';
  const filter = { name: NAME_FILTER, value: NAMES_WAIT, why };
  const own = { name: FILTERED, value: `$${NAME_FILTER}`, why: 'so it is for mail to the list, and for no other' };
  return [...(postfix.set.has(NAME_FILTER) ? [] : [filter]), own];
}

export const QUEUE: readonly Reasoned[] = [
  {
    name: 'maximal_queue_lifetime',
    value: '21d',
    why: 'its sender thinks it delivered: it outlasts a primary that is away for three weeks (else 5d)',
  },
  {
    name: 'bounce_queue_lifetime',
    value: '2d',
    why: 'a bounce that cannot be delivered is mostly for a forged sender (else 5d)',
  },
  {
    name: 'maximal_backoff_time',
    value: '30m',
    why: 'what waits goes out within half an hour of the primary being back (else 4000s)',
  },
];

/** "Your mail is delayed" goes to the sender, who may be forged; a backup MX has nothing to say to strangers. */
function noWarnings({ main }: PostfixConfig): Reasoned[] {
  const value = main.get('delay_warning_time') ?? '0h';
  if (/^0[a-z]?$/.test(value)) return [];
  return [{ name: 'delay_warning_time', value: '0h', why: 'a warning of a delay would go to senders who are forged' }];
}

/** What Debian's own main.cf says, where nothing is said yet. */
function encrypted({ main, set }: PostfixConfig, { snakeoil, authorities }: BackupHost): Reasoned[] {
  const says = (name: string) => (main.get(name) ?? '') !== '';
  const why = 'TLS where the other side has it, as Debian sets it up';
  const found: Reasoned[] = [];
  if (!set.has('smtpd_tls_security_level') && main.get('smtpd_use_tls') !== 'yes') {
    if (!says('smtpd_tls_cert_file') && !says('smtpd_tls_chain_files') && snakeoil !== null) {
      found.push({ name: 'smtpd_tls_cert_file', value: snakeoil.cert, why });
      found.push({ name: 'smtpd_tls_key_file', value: snakeoil.key, why });
    }
    if (says('smtpd_tls_cert_file') || says('smtpd_tls_chain_files') || snakeoil !== null)
      found.push({ name: 'smtpd_tls_security_level', value: 'may', why });
  }
  if (set.has('smtp_tls_security_level') || main.get('smtp_use_tls') === 'yes') return found;
  found.push({ name: 'smtp_tls_security_level', value: 'may', why });
  if (authorities !== null && !says('smtp_tls_CApath') && !says('smtp_tls_CAfile'))
    found.push({ name: authorities.parameter, value: authorities.value, why });
  return found;
}
