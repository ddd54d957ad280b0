/**
 * The forms in which object stores and their tools write credentials: AWS's ini files and CSV, s3cmd's and rclone's
 * ini files, files of variables, JSON (also radosgw-admin's), and `KEY:SECRET` of s3fs. Pure.
 */

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of credentials that hold for some hours only. */
  readonly sessionToken?: string;
}

/** Names of the same thing, in lower case and without separators. */
const ID = ['awsaccesskeyid', 'accesskeyid', 'accesskey', 'accesskeyname', 's3accesskey'];
const SECRET = ['awssecretaccesskey', 'secretaccesskey', 'secretkey', 's3secretkey'];
const TOKEN = ['awssessiontoken', 'sessiontoken', 'awssecuritytoken', 'securitytoken', 'accesstoken', 'token'];

type Values = ReadonlyMap<string, string>;

/**
 * @param profile which section of an ini file; null for `default`, or the only one.
 * @returns null if the text is in none of the forms, or lacks one of the two.
 */
export function parseCredentials(given: string, profile: string | null): Credentials | null {
  const text = given.replace(/^\uFEFF/, '').trim();
  return fromJson(text) ?? fromCsv(text) ?? fromPair(text) ?? credentialsIn(sectionOf(text, profile));
}

export function credentialsIn(values: Values | null): Credentials | null {
  const one = (names: readonly string[]) => names.map((name) => values?.get(name)).find((value) => value !== undefined);
  const [accessKeyId, secretAccessKey, sessionToken] = [one(ID), one(SECRET), one(TOKEN)];
  if (accessKeyId === undefined || secretAccessKey === undefined) return null;
  if (![accessKeyId, secretAccessKey, sessionToken ?? 'x'].every(isPrintable)) return null;
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

const isPrintable = (value: string): boolean => /^[!-~]{1,4096}$/.test(value);

const nameOf = (key: string): string =>
  key
    .trim()
    .toLowerCase()
    .replaceAll(/[\s_-]/g, '');

export const valuesOf = (entries: Iterable<readonly [string, unknown]>): Values =>
  new Map(
    [...entries].flatMap(([key, value]): [string, string][] =>
      typeof value === 'string' && value !== '' ? [[nameOf(key), value]] : [],
    ),
  );

function fromJson(text: string): Credentials | null {
  if (!/^[[{]/.test(text)) return null;
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return null; // `[default]` begins an ini file
  }
  const tables = [found, ...nested(found)].filter((each) => typeof each === 'object' && each !== null);
  return tables.map((table) => credentialsIn(valuesOf(Object.entries(table)))).find((c) => c !== null) ?? null;
}

/** radosgw-admin has them in `keys`, MinIO's client in a table of its own, assume-role in `Credentials`. */
function nested(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap((each: unknown) => [each, ...(Array.isArray(each) ? (each as unknown[]) : [])]);
}

function fromCsv(text: string): Credentials | null {
  const [head = '', row = '', ...more] = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  if (!/access key id/i.test(head) || !head.includes(',') || more.length > 0) return null;
  const cells = (line: string) => line.split(',').map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'));
  const values = cells(row);
  return credentialsIn(valuesOf(cells(head).map((name, i) => [name, values[i] ?? ''] as const)));
}

/** `KEY:SECRET`, alone in the file. */
function fromPair(text: string): Credentials | null {
  const [, accessKeyId, secretAccessKey] = /^([A-Za-z0-9_.-]{3,128}):([!-~]{3,256})$/.exec(text) ?? [];
  return accessKeyId === undefined || secretAccessKey === undefined ? null : { accessKeyId, secretAccessKey };
}

/** The values of one section of an ini file, or of a file of variables. */
function sectionOf(text: string, profile: string | null): Values | null {
  const sections = new Map<string, [string, string][]>([['', []]]);
  let section = '';
  for (const raw of text.split(/\r?\n/)) {
    const line = raw.trim();
    if (line === '' || /^[#;]/.test(line)) continue;
    const heading = /^\[\s*(?:profile\s+)?([^\]]*?)\s*\]$/.exec(line)?.[1];
    if (heading !== undefined) {
      section = heading;
      sections.set(section, sections.get(section) ?? []);
      continue;
    }
    const [, key = '', value = ''] = /^(?:export\s+)?([^=:]+?)\s*[=:]\s*(.*)$/.exec(line) ?? [];
    const bare = value.replace(/\s[#;].*$/, '').trim(); // no key has white space in it
    sections.get(section)?.push([key, bare.replace(/^(["'])(.*)\1$/, '$2')]);
  }
  const named = [...sections].filter(([, values]) => values.length > 0);
  const only = named.length === 1 ? named[0]?.[1] : undefined;
  const found = profile === null ? (sections.get('default') ?? only) : sections.get(profile);
  return found === undefined ? null : valuesOf(found);
}
