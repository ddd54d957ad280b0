/**
 * The `[[source]]` tables of the publisher's configuration (docs/commands.md section 3): which keys each type
 * takes. Reads nothing.
 */
import path from 'node:path';
import * as z from 'zod/mini';
import { HostError } from '../errors.ts';
import { duration, flag, list, percent, text, whole } from '../io/config-file.ts';
import { EntryError, rowsOf } from './entry.ts';
import { domainForms } from './policy-domains.ts';
import { ENCODINGS, FORMATS, type TextOptions } from './sources/text/text-options.ts';

interface Common {
  /** What messages call the source: its `name`, else its path, its URL without password, or its command. */
  readonly name: string;
  readonly max_shrink_percent?: number | undefined;
  /** If this source gives fewer rows, nothing is published. */
  readonly min_rows?: number | undefined;
  /** Milliseconds that an address stays in the list after this source has lost it. */
  readonly remove_after?: number | undefined;
  /** Domains whose rows are left out, each as U-label and A-label; `*.x` for all subdomains of x. */
  readonly skip_domains?: readonly string[] | undefined;
  /** `transport`: it gives domains and next hops instead of addresses. */
  readonly table?: 'recipients' | 'transport' | undefined;
}
export interface FileSource extends Common, TextOptions {
  readonly type: 'file';
  /** A file, a folder with a file for each domain, or a path in which `*` stands for the domain. */
  readonly path: string;
}
export interface PostfixMapSource extends Common {
  readonly type: 'postfix-map';
  /** `type:/path`, or the path of a map's text. */
  readonly path: string;
}
export interface SqlSource extends Common {
  readonly type: 'sql';
  readonly url?: string | undefined;
  readonly url_file?: string | undefined;
  readonly preset?: string | undefined;
  readonly query?: string | undefined;
  readonly password_file?: string | undefined;
  /** PostgreSQL: the channel on which `watch` hears of a change. */
  readonly listen?: string | undefined;
}
export interface LdapSource extends Common {
  readonly type: 'ldap';
  /** One server, or several of the same directory. If one is down, the next is asked. */
  readonly url: string | readonly string[];
  readonly starttls: boolean;
  readonly bind_dn?: string | undefined;
  readonly password_file?: string | undefined;
  readonly base_dn: string;
  readonly preset?: string | undefined;
  readonly filter?: string | undefined;
  readonly attributes?: readonly string[] | undefined;
  readonly ca_file?: string | undefined;
}
export interface HttpSource extends Common, TextOptions {
  readonly type: 'http';
  readonly url: string;
  readonly token_file?: string | undefined;
  /** Contains `user:password`. */
  readonly basic_file?: string | undefined;
  /** Contains `Name: value`. */
  readonly header_file?: string | undefined;
  readonly ca_file?: string | undefined;
}
export interface CommandSource extends Common, TextOptions {
  readonly type: 'command';
  /** Program and arguments. No shell runs them. */
  readonly argv: readonly string[];
}
export type SourceConfig = FileSource | PostfixMapSource | SqlSource | LdapSource | HttpSource | CommandSource;

const DAY = 86_400_000;
const TYPES = ['file', 'sql', 'ldap', 'http', 'command', 'postfix-map'] as const;
type SourceType = (typeof TYPES)[number];

export const absolute = () => text().check(z.refine((p) => path.isAbsolute(p), { error: 'must be an absolute path' }));

/** The most rows that a list can have. */
export const MAX_ROWS = 1_000_000_000;

/** How long a removal may wait. */
export const removalDelay = () =>
  z.pipe(duration(), z.number().check(z.lte(90 * DAY, { error: 'must be at most 90d' })));

/** PostgreSQL cuts longer names, and takes no NUL. */
const channel = () =>
  text().check(
    z.refine((name) => Buffer.byteLength(name) <= 63 && !name.includes('\0'), {
      error: 'must be the name of a channel, at most 63 bytes',
    }),
  );

/** Every key of every type, to tell an unknown key from a misplaced one. */
export const Source = z.strictObject({
  type: z.enum(TYPES, { error: `must be one of ${TYPES.join(', ')}` }),
  name: z.optional(text()),
  max_shrink_percent: z.optional(percent()),
  min_rows: z.optional(whole(0, MAX_ROWS)),
  remove_after: z.optional(removalDelay()),
  skip_domains: z.optional(list(text())),
  table: z.optional(z.enum(['recipients', 'transport'], { error: 'must be recipients or transport' })),
  path: z.optional(text()),
  url: z.optional(z.union([text(), list(text())], { error: 'must be a URL, or a list of them' })),
  url_file: z.optional(absolute()),
  preset: z.optional(text()),
  query: z.optional(text()),
  starttls: z.optional(flag()),
  bind_dn: z.optional(text()),
  password_file: z.optional(absolute()),
  listen: z.optional(channel()),
  // Empty means the whole directory.
  base_dn: z.optional(z.string({ error: 'must be text' })),
  filter: z.optional(text()),
  attributes: z.optional(list(text())),
  ca_file: z.optional(absolute()),
  token_file: z.optional(absolute()),
  basic_file: z.optional(absolute()),
  header_file: z.optional(absolute()),
  format: z.optional(z.enum(FORMATS, { error: `must be one of ${FORMATS.join(', ')}` })),
  encoding: z.optional(z.enum(ENCODINGS, { error: `must be one of ${ENCODINGS.join(', ')}` })),
  separator: z.optional(text().check(z.maxLength(1, { error: 'must be one character, like ";" or "\\t"' }))),
  columns: z.optional(list(z.union([text(), whole(1, 10_000)])).check(z.minLength(1, { error: 'must name a column' }))),
  domain: z.optional(text()),
  argv: z.optional(list(text()).check(z.minLength(1, { error: 'must name a program' }))),
});
type RawSource = z.infer<typeof Source>;
type Key = keyof RawSource;

/** Keys that every type takes. */
const EVERY_TYPE: readonly Key[] = [
  'type',
  'name',
  'max_shrink_percent',
  'min_rows',
  'remove_after',
  'skip_domains',
  'table',
];

/** Keys of every text source. */
const TEXT: readonly Key[] = ['format', 'encoding', 'separator', 'columns', 'domain'];

interface Keys {
  /** Exactly one key of each group is required. */
  readonly must: readonly (readonly Key[])[];
  readonly may: readonly Key[];
}

const KEYS: Record<SourceType, Keys> = {
  file: { must: [['path']], may: TEXT },
  'postfix-map': { must: [['path']], may: [] },
  sql: {
    must: [
      ['url', 'url_file'],
      ['preset', 'query'],
    ],
    may: ['password_file', 'listen'],
  },
  ldap: {
    must: [['url'], ['base_dn'], ['preset', 'filter']],
    may: ['starttls', 'bind_dn', 'password_file', 'attributes', 'ca_file'],
  },
  http: { must: [['url']], may: [...TEXT, 'token_file', 'basic_file', 'header_file', 'ca_file'] },
  command: { must: [['argv']], may: TEXT },
};

/** @throws HostError CONFIG */
function sourceConfig(file: string, raw: RawSource, index: number): SourceConfig {
  const wrong = (message: string) => new HostError('CONFIG', `${file}: source.${index}: ${message}`);
  const { must, may } = KEYS[raw.type];
  for (const group of must) {
    const given = group.filter((key) => raw[key] !== undefined);
    if (given.length === 0) throw wrong(`${group.join(' or ')} is missing`);
    if (given.length > 1) throw wrong(`${given.join(' and ')} exclude each other`);
  }
  const known = new Set<string>([...EVERY_TYPE, ...must.flat(), ...may]);
  const foreign = Object.keys(raw).find((key) => !known.has(key));
  if (foreign !== undefined) throw wrong(`${foreign} means nothing for type "${raw.type}"`);
  if (typeof raw.url === 'object' && raw.type !== 'ldap') throw wrong('url must be one URL');
  const { type, name = raw.path ?? withoutPassword(raw.url) ?? raw.url_file ?? raw.argv?.join(' ') ?? type } = raw;
  if (type === 'file' && !path.isAbsolute(raw.path ?? '')) {
    throw new HostError('CONFIG', `${file}: source.${index}.path must be an absolute path`);
  }
  const wrongTable = raw.table === 'transport' ? transportFault(raw) : null;
  if (wrongTable !== null) throw wrong(wrongTable);
  const wrongText = textFault(raw);
  if (wrongText !== null) throw wrong(wrongText);
  const defaults = type === 'ldap' ? { starttls: false } : {};
  const skipped = raw.skip_domains;
  const skip_domains = skipped?.flatMap((domain, i) => domainForms(file, `source.${index}.skip_domains.${i}`, domain));
  // The check above has shown that all keys the type needs are present.
  return { ...defaults, ...raw, name, ...(skip_domains === undefined ? {} : { skip_domains }) } as SourceConfig;
}

/** What is wrong with the keys of a source of next hops; null if nothing is. */
function transportFault(raw: RawSource): string | null {
  const { type, format, attributes, filter } = raw;
  const foreign = (['remove_after', 'columns', 'separator', 'domain'] as const).find((key) => raw[key] !== undefined);
  if (foreign !== undefined) return `${foreign} means nothing for table = "transport"`;
  if (format !== undefined && format !== 'text' && format !== 'postfix')
    return `format "${format}" gives no next hops; it must be text or postfix`;
  if (type === 'ldap' && (filter === undefined || attributes?.length !== 2))
    return 'an ldap source of next hops needs filter, and two attributes: a domain and its next hop';
  return null;
}

/** What is wrong with the keys of a text source in themselves; null if nothing is. */
function textFault({ format, separator, columns, domain, token_file, basic_file }: RawSource): string | null {
  if (token_file !== undefined && basic_file !== undefined) return 'token_file and basic_file exclude each other';
  if (separator !== undefined && (format ?? 'csv') !== 'csv') return `separator means nothing for format "${format}"`;
  if (columns !== undefined && format !== undefined && !['csv', 'json', 'ldif', 'text'].includes(format))
    return `columns means nothing for format "${format}"`;
  if (columns?.some((column) => typeof column === 'number') === true && (format === 'json' || format === 'ldif'))
    return `columns of ${format} are names, not numbers`;
  try {
    if (domain !== undefined) rowsOf(`x@${domain}`);
    return null;
  } catch (error) {
    if (!(error instanceof EntryError)) throw error;
    return `domain "${domain}" ${error.message}`;
  }
}

/**
 * Gives each source a unique name, which guards and messages use. If only the query distinguishes two sources, the
 * second gets its number.
 * @throws HostError CONFIG if the configuration itself gives a name twice.
 */
export function namedApart(file: string, raw: readonly RawSource[]): SourceConfig[] {
  const names = new Set<string>();
  for (const { name } of raw) {
    if (name !== undefined && names.has(name)) {
      throw new HostError('CONFIG', `${file}: two sources are named "${name}"; give each a name of its own`);
    }
    if (name !== undefined) names.add(name);
  }
  return raw.map((each, i) => {
    const source = sourceConfig(file, each, i);
    const name = each.name ?? (names.has(source.name) ? `${source.name} (source ${i + 1})` : source.name);
    names.add(name);
    return { ...source, name };
  });
}

function withoutPassword(url: string | readonly string[] | undefined): string | undefined {
  const text = typeof url === 'string' ? url : url?.join(' ');
  return text?.replace(/(^|\s)([a-z][a-z0-9+.-]*:\/\/)[^/?# ]*@/gi, '$1$2');
}
