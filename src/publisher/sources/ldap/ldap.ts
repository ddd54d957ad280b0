/** The ldap source: what a directory says are addresses, read in pages over one verified connection (docs/commands.md section 3). */
import net from 'node:net';
import { FilterParser } from 'ldapts';
import { HostError } from '../../../errors.ts';
import { logOnce } from '../../../io/log.ts';
import type { LdapSource } from '../../source-config.ts';
import { Directory, type Login, type Patience, type Target } from './connection.ts';
import { ownQuestion, PRESETS, type Question } from './presets.ts';
import { attributesOf } from './ranges.ts';
import { readAuthority, readSecret } from '../secret.ts';
import type { SourceReader } from '../source-reader.ts';

const PATIENCE: Patience = { connect: 10_000, answer: 60_000, total: 600_000 };

/** @throws HostError CONFIG: a URL, a log-in or a question that cannot be, or a password that would go in the clear. */
export function ldapSource(source: LdapSource, patience = PATIENCE): SourceReader {
  const url = urlOf(source);
  const question = questionOf(source);
  return {
    unit: 'value',
    read: async function* () {
      const { name, starttls, ca_file: ca } = source;
      const login = loginOf(source);
      const target: Target = { name, url, starttls, login, ca: ca === undefined ? undefined : readAuthority(ca) };
      const directory = await Directory.open(target, patience);
      try {
        yield* addresses(source, question, directory);
      } finally {
        directory.close();
      }
    },
  };
}

async function* addresses(source: LdapSource, question: Question, directory: Directory): AsyncGenerator<string[]> {
  const { name, base_dn: base } = source;
  const domains = new Set<string>();
  const forwarded: string[] = [];
  for await (const entries of directory.entries(base, question.filter, question.attributes)) {
    const batch: string[] = [];
    for (const entry of entries) {
      const taken = question.take(await attributesOf(name, entry, directory));
      // One by one: an entry may have more than a call takes arguments.
      for (const each of taken.accepted) if (each !== '') batch.push(each);
      for (const each of taken.forwarded) if (each !== '') forwarded.push(each);
    }
    for (const each of batch) domains.add(domainOf(each));
    yield batch;
  }
  const ours = forwarded.filter((each) => domains.has(domainOf(each)));
  if (ours.length < forwarded.length) {
    const left = forwarded.length - ours.length;
    const what = left === 1 ? 'address' : 'addresses';
    logOnce('notice', `${name}: ${left} ${what} of contacts and forwarders in domains without a mailbox here left out`);
  }
  yield ours;
}

const domainOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1).toLowerCase();

function urlOf({ name, url: given, starttls, bind_dn: dn, password_file: password }: LdapSource): URL {
  const wrong = (why: string) => new HostError('CONFIG', `${name}: ${why}`);
  const url = URL.canParse(given) ? new URL(given) : null;
  if (url === null || !/^ldaps?:$/.test(url.protocol) || url.hostname === '') {
    throw wrong('url must be like "ldaps://dc1.example.org"');
  }
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
  if ((dn === undefined) !== (password === undefined)) throw wrong('bind_dn and password_file go together');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const loopback = host === 'localhost' || host === '::1' || (net.isIPv4(host) && host.startsWith('127.'));
  if (url.protocol === 'ldap:' && !starttls && !loopback) {
    throw wrong('without TLS anybody on the way reads the password and changes the list: ldaps:, or starttls = true');
  }
  return url;
}

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
    // ldapts reads (&(mail=*) as well; within a value a parenthesis is \28 or \29.
    const count = (bracket: string) => (filter ?? '').split(bracket).length;
    if (count('(') !== count(')')) throw wrong(`filter ${filter} cannot be read: its parentheses do not match`);
  } catch (error) {
    if (error instanceof HostError) throw error;
    throw wrong(`filter ${filter} cannot be read: ${(error as Error).message}`, error);
  }
  return ownQuestion(filter ?? '', attributes);
}
