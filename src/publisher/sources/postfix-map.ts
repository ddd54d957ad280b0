/**
 * The postfix-map source: the keys of a map that Postfix uses, compiled or as text (docs/commands.md section 3). A
 * key without @ (a domain, a local user) is not a recipient. Reads the text, or has postmap list the map. It reads
 * a cdb itself, because postmap cannot list one.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { HostError } from '../../errors.ts';
import { CdbReader, type ReadAt } from '../../map/cdb-reader.ts';
import { PublishError } from '../errors.ts';
import type { PostfixMapSource } from '../source-config.ts';
import { outputOf } from './command-output.ts';
import { fileSource } from './file.ts';
import type { Batch, Entry, SourceReader } from './source-reader.ts';
import { Omissions } from './text/omissions.ts';
import { linesOf } from './text/lines.ts';
import { MapKeys } from './text/map-keys.ts';

/** Types whose keys postmap can list, and what each adds to a path. */
const SUFFIX: Readonly<Record<string, string>> = {
  cdb: '.cdb',
  lmdb: '.lmdb',
  hash: '.db',
  btree: '.db',
  dbm: '.pag',
  sdbm: '.pag',
};
const TIMEOUT = 120_000;
const BATCH = 4096;
const WINDOW = 256 * 1024;
const ATOM = /^[^\s"(),:;<>@[\\\]]+$/u;

interface Where {
  /** Null for a map's text. */
  readonly map: string | null;
  /** The file to watch for changes. */
  readonly file: string;
}

/** @throws HostError CONFIG for a type whose keys cannot be listed, or a path that is not absolute. */
export function mapFile({ name, path: given }: Pick<PostfixMapSource, 'name' | 'path'>): Where {
  const [, type, file = given] = /^([a-z][a-z0-9_-]*):(.*)$/s.exec(given) ?? [];
  const wrong = (why: string) => new HostError('CONFIG', `${name}: ${why}`);
  if (!file.startsWith('/'))
    throw wrong('path must be an absolute path, or a map type and one: "hash:/etc/postfix/virtual"');
  if (type === undefined || type === 'texthash') return { map: null, file };
  const suffix = SUFFIX[type];
  if (suffix === undefined) {
    throw wrong(
      `the keys of a ${type} map cannot be listed; name its text, or one of ${Object.keys(SUFFIX).join(', ')}`,
    );
  }
  return { map: given, file: file + suffix };
}

/** @throws HostError CONFIG */
export function postfixMapSource(source: PostfixMapSource): SourceReader {
  const { map, file } = mapFile(source);
  const { name } = source;
  if (map !== null) {
    const isRoutes = source.table === 'transport';
    return { unit: 'row', read: () => compiled(name, map, file, isRoutes) };
  }
  const { read } = fileSource({ ...source, type: 'file', path: file, format: 'postfix' });
  return { unit: 'line', read };
}

/** What becomes of the rows of a map. */
type Taker = Pick<MapKeys, 'take' | 'refuse' | 'end'>;

/** Next hops: each row as it stands. */
const ROUTES: Taker = {
  take: (number, key, value) => [{ number, text: `${key}\t${value}` }],
  refuse: () => undefined,
  end: () => [],
};

async function* compiled(name: string, map: string, file: string, isRoutes: boolean): AsyncGenerator<Batch> {
  const left = new Omissions(name);
  const keys: Taker = isRoutes ? ROUTES : new MapKeys({ name, unit: 'row', left });
  const rows = map.startsWith('cdb:') ? cdbRows(name, file, keys) : listedRows(name, map, keys);
  for await (const entries of rows) yield { unit: 'row', entries };
  yield { unit: 'row', entries: keys.end() };
  left.tell();
}

/** Keys that `postmap -s` lists: `key<TAB>value`, in whatever form they were compiled. */
async function* listedRows(name: string, map: string, keys: Taker): AsyncGenerator<Entry[]> {
  const { MAIL_CONFIG } = process.env;
  const env = MAIL_CONFIG === undefined ? {} : { MAIL_CONFIG };
  const run = { name, argv: ['postmap', '-s', map], timeout: TIMEOUT, env };
  let number = 0;
  for await (const lines of linesOf(name, outputOf(run))) {
    yield lines.flatMap((line) => {
      const [key = '', ...values] = line.split('\t');
      const value = values.join('\t');
      return keys.take(++number, external(key), value);
    });
  }
}

async function* cdbRows(name: string, file: string, keys: Taker): AsyncGenerator<Entry[]> {
  const failed = (error: unknown) =>
    new PublishError('SOURCE', `${name} cannot be read: ${(error as Error).message}`, error);
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  // Some writers include the final zero byte of a C string.
  const textOf = (bytes: Uint8Array) => utf8.decode(bytes.at(-1) === 0 ? bytes.subarray(0, -1) : bytes);
  let fd: number | undefined;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const { size } = fstatSync(fd);
    let batch: Entry[] = [];
    let number = 0;
    for (const { key, value } of new CdbReader(windowed(fd), size).records()) {
      number++;
      const text = textOf(key);
      // qmail's validrcptto.cdb has no values. A hyphen before an address excludes it from the catch-all.
      if (value.length === 0 && /^-[^@]+@/.test(text)) keys.refuse(number, text.slice(1));
      else batch.push(...keys.take(number, external(text), value.length === 0 ? '' : textOf(value)));
      if (batch.length < BATCH) continue;
      yield batch;
      batch = [];
    }
    yield batch;
  } catch (error) {
    throw error instanceof PublishError ? error : failed(error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Reads ahead: records are small and adjacent. */
function windowed(fd: number): ReadAt {
  let [start, bytes] = [0, Buffer.alloc(0)];
  return (position, length) => {
    if (position < start || position + length > start + bytes.length) {
      bytes = Buffer.alloc(Math.max(length, WINDOW));
      bytes = bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, position));
      start = position;
    }
    return bytes.subarray(position - start, position - start + length);
  };
}

/** A key in internal form (`a b@example.org`) becomes an address with quotes. Any other key stays as it is. */
function external(key: string): string {
  const at = key.lastIndexOf('@');
  const local = key.slice(0, at);
  if (at <= 0 || local.startsWith('"') || ATOM.test(local)) return key;
  return `"${local.replaceAll(/["\\]/g, String.raw`\$&`)}"${key.slice(at)}`;
}
