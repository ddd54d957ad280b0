/**
 * The ldap source: reads addresses from a directory, in pages over one verified connection (docs/commands.md
 * section 3).
 */
import net from 'node:net';
import { FilterParser } from 'ldapts';
import { HostError } from '../../../errors.ts';
import { log, logOnce } from '../../../io/log.ts';
import { PublishError } from '../../errors.ts';
import type { LdapSource } from '../../source-config.ts';
import { Directory, type Login, type Patience, type Target } from './connection.ts';
import { ownQuestion } from './presets/general.ts';
import { PRESETS } from './presets.ts';
import type { Question } from './presets/question.ts';
import { attributesOf } from './ranges.ts';
import { quotedAddress } from '../quoted.ts';
import { readAuthority, readSecret } from '../secret.ts';
import type { SourceReader } from '../source-reader.ts';

const PATIENCE: Patience = { connect: 10_000, answer: 60_000, total: 600_000 };

/** @throws HostError CONFIG for an impossible URL, log-in or query, or a password that would be sent in cleartext. */
export function ldapSource(source: LdapSource, patience = PATIENCE): SourceReader {
  const servers = serversOf(source);
  const question = questionOf(source);
  return {
    unit: 'value',
    read: async function* () {
      const { name, starttls, ca_file: ca } = source;
      const secrets = { login: loginOf(source), ca: ca === undefined ? undefined : readAuthority(ca) };
      const directory = await firstOf(
        servers.map((server) => ({ name: nameOf(name, server, servers), starttls, ...server, ...secrets })),
        patience,
      );
      try {
        if (source.table === 'transport') yield* routes(source, question, directory);
        else yield* addresses(source, question, directory);
      } finally {
        directory.close();
      }
    },
  };
}

/**
 * Uses the first server that lets us in. Once it has given anything, no other replaces it: half from each is not a
 * list.
 */
async function firstOf(targets: readonly Target[], patience: Patience): Promise<Directory> {
  const failures: PublishError[] = [];
  for (const target of targets) {
    try {
      const directory = await Directory.open(target, patience);
      for (const { message } of failures) log('notice', `${message}; the next server is asked`);
      return directory;
    } catch (error) {
      if (!(error instanceof PublishError)) throw error;
      failures.push(error);
    }
  }
  const [only] = failures;
  if (only !== undefined && failures.length === 1) throw only;
  throw new PublishError('SOURCE', failures.map(({ message }) => message).join('; '), only);
}

/** With several servers, a message must say which one. */
const nameOf = (name: string, { url, socket }: Server, servers: readonly Server[]): string =>
  servers.length === 1 ? name : `${name} (${socket ?? url.host})`;

async function* addresses(source: LdapSource, question: Question, directory: Directory): AsyncGenerator<string[]> {
  const { name, base_dn: base } = source;
  const ours = await domainsOf(source, question, directory);
  if (ours !== null) yield [...ours.relayed].map((domain) => `@${domain}`);
  const domains = new Set<string>();
  const forwarded: string[] = [];
  let foreign = 0;
  for await (const entries of directory.entries(base, question.filter, question.attributes)) {
    const batch: string[] = [];
    for (const entry of entries) {
      const taken = question.take(await attributesOf(name, entry, directory));
      // One by one: an entry may have more values than a call takes arguments.
      for (const each of taken.accepted) {
        if (each === '') continue;
        if (ours === null || ours.local.has(domainOf(each)) || ours.relayed.has(domainOf(each))) batch.push(each);
        else foreign++;
      }
      for (const each of taken.forwarded) if (each !== '') forwarded.push(each);
    }
    for (const each of batch) domains.add(domainOf(each));
    yield question.exact === true ? batch.map(quotedAddress) : batch;
  }
  const known = forwarded.filter((each) => domains.has(domainOf(each)));
  noteLeftOut(
    name,
    forwarded.length - known.length,
    'of contacts, groups and forwarders in domains without a mailbox here',
  );
  noteLeftOut(name, foreign, 'in domains that this directory does not have as active');
  yield question.exact === true ? known.map(quotedAddress) : known;
}

/** The first attribute is the domain, the second the next hop; an entry without the second has none. */
async function* routes({ name, base_dn: base, attributes = [] }: LdapSource, question: Question, directory: Directory) {
  const [domain = '', hop = ''] = attributes.map((each) => each.toLowerCase());
  for await (const entries of directory.entries(base, question.filter, question.attributes)) {
    const batch: string[] = [];
    for (const entry of entries) {
      const found = await attributesOf(name, entry, directory);
      const hops = found.get(hop) ?? [];
      if (hops.length > 1) throw new PublishError('SOURCE', `${name} gives an entry with several values of ${hop}`);
      for (const each of found.get(domain) ?? []) if (hops[0] !== undefined) batch.push(`${each}\t${hops[0]}`);
    }
    yield batch;
  }
}

interface Domains {
  readonly local: ReadonlySet<string>;
  /** Domains whose recipients only another host knows. They are catch-alls. */
  readonly relayed: ReadonlySet<string>;
}

/** Null if the software has no entries for domains. */
async function domainsOf(
  { name, base_dn: base }: LdapSource,
  { domains }: Question,
  directory: Directory,
): Promise<Domains | null> {
  if (domains === undefined) return null;
  const [local, relayed] = [new Set<string>(), new Set<string>()];
  for await (const entries of directory.entries(base, domains.filter, domains.attributes, domains.scope)) {
    for (const entry of entries) {
      const taken = domains.take(await attributesOf(name, entry, directory));
      for (const each of taken.local) local.add(each.trim().toLowerCase());
      for (const each of taken.relayed) relayed.add(each.trim().toLowerCase());
    }
  }
  return { local, relayed };
}

function noteLeftOut(name: string, count: number, which: string): void {
  if (count > 0) logOnce('notice', `${name}: ${count} ${count === 1 ? 'address' : 'addresses'} ${which} left out`);
}

const domainOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1).toLowerCase();

type Server = Pick<Target, 'url' | 'socket'>;

/** @throws HostError CONFIG */
function serversOf(source: LdapSource): Server[] {
  const { name, url, bind_dn: dn, password_file: password } = source;
  if ((dn === undefined) !== (password === undefined)) {
    throw new HostError('CONFIG', `${name}: bind_dn and password_file go together`);
  }
  const given = (typeof url === 'string' ? [url] : url).flatMap((each) =>
    each.split(/\s+/).filter((one) => one !== ''),
  );
  if (given.length === 0) throw new HostError('CONFIG', `${name}: ${LIKE}`);
  return given.map((each) => serverOf(source, each));
}

const LIKE = 'url must be like "ldaps://dc1.example.org", or "ldapi:///run/slapd/ldapi" for a socket';
const SOCKET = '/run/slapd/ldapi';

function serverOf({ name, starttls }: LdapSource, given: string): Server {
  const wrong = (why: string) => new HostError('CONFIG', `${name}: ${why}`);
  const local = /^ldapi:\/\/([^/?#]*)(\/[^?#]*)?$/i.exec(given);
  if (local !== null) {
    if (starttls) throw wrong('starttls is for ldap: URLs; a socket of this host needs none');
    const [, host = '', path = ''] = local;
    // OpenLDAP writes the path in place of the host, with its slashes as %2F.
    return {
      url: new URL('ldap://localhost'),
      socket: unescaped(host) || (path.length > 1 ? unescaped(path) : SOCKET),
    };
  }
  const url = URL.canParse(given) ? new URL(given) : null;
  if (url === null || !/^ldaps?:$/.test(url.protocol) || url.hostname === '') throw wrong(LIKE);
  if (
    url.username !== '' ||
    url.password !== '' ||
    !/^\/?$/.test(url.pathname) ||
    url.search !== '' ||
    url.hash !== ''
  ) {
    throw wrong('url is only ldap: or ldaps:, host and port; base_dn, filter, bind_dn and password_file say the rest');
  }
  if (url.protocol === 'ldaps:' && starttls) throw wrong('starttls is for ldap: URLs; ldaps: is TLS from the start');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const loopback = host === 'localhost' || host === '::1' || (net.isIPv4(host) && host.startsWith('127.'));
  if (url.protocol === 'ldap:' && !starttls && !loopback) {
    throw wrong('without TLS anybody on the way reads the password and changes the list: ldaps:, or starttls = true');
  }
  return { url, socket: undefined };
}

const unescaped = (text: string): string =>
  text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));

function loginOf({ bind_dn: dn, password_file: file }: LdapSource): Login | undefined {
  if (dn === undefined || file === undefined) return undefined;
  return { dn, password: readSecret('password_file', file) };
}

function questionOf({ name, preset, filter, attributes }: LdapSource): Question {
  const wrong = (why: string, cause?: unknown) => new HostError('CONFIG', `${name}: ${why}`, cause);
  if (preset !== undefined) {
    const question = Object.hasOwn(PRESETS, preset) ? PRESETS[preset] : undefined;
    if (question === undefined)
      throw wrong(`there is no preset "${preset}"; there are ${Object.keys(PRESETS).join(', ')}`);
    if (attributes !== undefined) throw wrong('attributes go with filter; a preset brings its own');
    return question;
  }
  const odd = attributes?.find((each) => !/^[A-Za-z][A-Za-z0-9-]*$/.test(each));
  if (odd !== undefined) throw wrong(`"${odd}" cannot be the name of an attribute`);
  try {
    FilterParser.parseString(filter ?? '');
    // ldapts also accepts (&(mail=*). Inside a value a parenthesis is \28 or \29.
    const count = (bracket: string) => (filter ?? '').split(bracket).length;
    if (count('(') !== count(')')) throw wrong(`filter ${filter} cannot be read: its parentheses do not match`);
  } catch (error) {
    if (error instanceof HostError) throw error;
    throw wrong(`filter ${filter} cannot be read: ${(error as Error).message}`, error);
  }
  return ownQuestion(filter ?? '', attributes);
}
