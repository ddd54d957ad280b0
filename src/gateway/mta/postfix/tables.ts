/**
 * The tables that a Postfix parameter names, what they answer, and what they hold as far as they can be listed.
 * Reads only.
 */
import { createReadStream } from 'node:fs';
import { isAbsent } from '../../../io/atomic-file.ts';
import { cdbKeys } from '../../../map/cdb-reader.ts';
import { postfixStream, reasonOf } from './commands.ts';

/**
 * The words of a parameter that is a list: `cdb:/path`, `$mydestination`, `example.org`. Braces hold white space
 * and commas together.
 */
export function words(value: string): string[] {
  const found: string[] = [];
  let [word, depth] = ['', 0];
  for (const c of value) {
    if (c === '{') depth++;
    if (c === '}') depth--;
    if (depth > 0 || !/[\s,]/.test(c)) word += c;
    else if (word !== '') {
      found.push(word);
      word = '';
    }
  }
  return word === '' ? found : [...found, word];
}

/** Whether a word is a table, and not a name or a file of names. */
export const isTable = (word: string): boolean => /^[a-z][a-z0-9_-]*:/.test(word);

/**
 * `proxy:` asks another process for the same table; here that process is not needed, and it may not run. Within
 * `unionmap:{...}` it stands before each table.
 */
export const withoutProxy = (table: string): string => table.replace(/(^|[{,\s])(?:proxy:)+/g, '$1');

export const typeOf = (table: string): string => withoutProxy(table).split(':')[0] ?? '';

/** What stands behind the type: a path, mostly. */
export const nameOf = (table: string): string => withoutProxy(table).split(':').slice(1).join(':');

/** A warning alone is none: a memcache that is down answers from what stands behind it. */
const isFatal = (error: string): boolean =>
  /^postmap: (fatal|error|panic): /m.test(error) || (!error.includes('postmap: warning: ') && error !== '');

/** @returns key to value of those keys that the table has; null where it cannot be asked. */
export async function queryTable(table: string, keys: readonly string[]): Promise<Map<string, string> | null> {
  if (keys.length === 0) return new Map();
  let out = '';
  const asked = keys.map((key) => `${key}\n`).join('');
  const { status, error } = await postfixStream('postmap', ['-q', '-', withoutProxy(table)], asked, (chunk) => {
    out += chunk.toString();
  });
  if (status === null || (status !== 0 && isFatal(error))) return null;
  const found = out.split('\n').filter((line) => line !== '');
  return new Map(found.map((line) => [line.split('\t')[0] ?? '', line.split('\t').slice(1).join('\t')]));
}

/** Why a table cannot be opened or asked, in the words of postmap(1); null where it can. */
export async function tableFault(table: string): Promise<string | null> {
  const { status, error } = await postfixStream(
    'postmap',
    ['-q', 'nobody@example.org', withoutProxy(table)],
    '',
    () => undefined,
  );
  if (status === null || status === 0 || !isFatal(error)) return null;
  return reasonOf(error);
}

/**
 * Gives each key of a table to `take`.
 * @returns null, or why it cannot be listed.
 */
export async function listTable(table: string, take: (key: Buffer) => void): Promise<string | null> {
  const plain = withoutProxy(table);
  // postmap lists what stands behind it and not what it holds itself.
  if (typeOf(plain) === 'memcache') return 'tables of this type cannot be listed';
  if (typeOf(plain) === 'cdb') return listCdb(`${nameOf(plain)}.cdb`, take);
  let rest: Buffer = Buffer.alloc(0);
  const { status, error } = await postfixStream('postmap', ['-s', plain], '', (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, start)) {
      const line = bytes.subarray(start, end);
      const tab = line.indexOf(0x09);
      take(tab < 0 ? line : line.subarray(0, tab));
      start = end + 1;
    }
    rest = bytes.subarray(start);
  });
  if (status === 0) return null;
  return /sequence operation is not supported|via the proxy/.test(error)
    ? 'tables of this type cannot be listed'
    : reasonOf(error);
}

/** postmap has no sequence operation for cdb, so that one is read here. */
async function listCdb(file: string, take: (key: Buffer) => void): Promise<string | null> {
  try {
    await cdbKeys(createReadStream(file), take);
    return null;
  } catch (error) {
    return isAbsent(error) ? `${file} is not there` : (error as Error).message;
  }
}
