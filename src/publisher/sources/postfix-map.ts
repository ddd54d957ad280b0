/**
 * The postfix-map source: the keys of a map that Postfix uses, compiled or its text, read as Postfix reads them (postmap(1),
 * virtual(5)). A key without @ (a domain, a local user) is no recipient. Reads the map, or has postmap list it; a
 * cdb is read here, since postmap cannot list one.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { HostError } from '../../errors.ts';
import { logOnce } from '../../io/log.ts';
import { CdbReader, type ReadAt } from '../../map/cdb.ts';
import { PublishError } from '../errors.ts';
import type { PostfixMapSource } from '../source-config.ts';
import { outputOf } from './command-output.ts';
import { fileLines } from './file.ts';
import { linesOf } from './lines.ts';
import type { SourceReader } from './source-reader.ts';

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
  /** Null: the map's text. */
  readonly map: string | null;
  /** The file that holds it, for those who wait for changes. */
  readonly file: string;
}

/** @throws HostError CONFIG: a type whose keys cannot be listed, or a path that is not absolute. */
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
  if (map === null) return { form: 'addresses', unit: 'line', read: () => textKeys(name, file) };
  const read = map.startsWith('cdb:') ? () => cdbKeys(name, file) : () => listedKeys(name, map);
  return { form: 'addresses', unit: 'row', read };
}

/** Keys that `postmap -s` lists: `key<TAB>value`, in whatever form they were compiled. */
async function* listedKeys(name: string, map: string): AsyncGenerator<string[]> {
  const left = new LeftOut(name);
  const { MAIL_CONFIG } = process.env;
  const env = MAIL_CONFIG === undefined ? {} : { MAIL_CONFIG };
  const run = { name, argv: ['postmap', '-s', map], timeout: TIMEOUT, env };
  for await (const lines of linesOf(name, outputOf(run))) {
    yield lines.map((line) => left.unlessAddress(external(line.split('\t')[0] ?? '')));
  }
  left.tell();
}

async function* cdbKeys(name: string, file: string): AsyncGenerator<string[]> {
  const left = new LeftOut(name);
  const failed = (error: unknown) =>
    new PublishError('SOURCE', `${name} cannot be read: ${(error as Error).message}`, error);
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let fd: number | undefined;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const { size } = fstatSync(fd);
    let batch: string[] = [];
    for (const key of new CdbReader(windowed(fd), size).keys()) {
      // Some writers count the end of a C string in.
      const text = utf8.decode(key.at(-1) === 0 ? key.subarray(0, -1) : key);
      if (batch.push(left.unlessAddress(external(text))) < BATCH) continue;
      yield batch;
      batch = [];
    }
    yield batch;
  } catch (error) {
    throw error instanceof PublishError ? error : failed(error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
  left.tell();
}

/** Reads ahead: records are small, and lie one behind the other. */
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

/** The keys of a map's text, each at the place of its first line; every other line is `''`. */
async function* textKeys(name: string, path: string): AsyncGenerator<string[]> {
  const left = new LeftOut(name);
  const found: string[] = [];
  // The logical line that may go on, and its place among those found.
  let [open, place] = ['', -1];
  const close = () => {
    if (place >= 0) found[place] = keyOf(open, left);
    place = -1;
  };
  for await (const lines of fileLines({ name, path })) {
    for (const line of lines) {
      const at = found.push('') - 1;
      // Blank lines and comments do not end a logical line that goes on behind them.
      if (/^\s*(#|$)/.test(line)) continue;
      if (/^\s/.test(line) && place >= 0) {
        open += line;
        continue;
      }
      close();
      [open, place] = [line, at];
    }
    const whole = place < 0 ? found.length : place;
    yield found.splice(0, whole);
    if (place >= 0) place = 0;
  }
  close();
  yield found;
  left.tell();
}

/** The key of a whole logical line, or `''` where Postfix takes none. */
function keyOf(line: string, left: LeftOut): string {
  const [, key = '', value = ''] = /^((?:[^\s"\\]|\\.|"(?:[^"\\]|\\.)*")+)\s+(\S.*)$/su.exec(line) ?? [];
  if (key === '' || value === '') return left.out();
  return left.unlessAddress(key);
}

/** A key in internal form (`a b@example.org`) as it would be written; any other as it is. */
function external(key: string): string {
  const at = key.lastIndexOf('@');
  const local = key.slice(0, at);
  if (at <= 0 || local.startsWith('"') || ATOM.test(local)) return key;
  return `"${local.replaceAll(/["\\]/g, String.raw`\$&`)}"${key.slice(at)}`;
}

/** Counts what is left out, and says so once. */
class LeftOut {
  readonly #name: string;
  #bare = 0;
  #broken = 0;

  constructor(name: string) {
    this.#name = name;
  }

  unlessAddress(key: string): string {
    if (key.includes('@')) return key;
    if (key !== '') this.#bare++;
    return '';
  }

  out(): string {
    this.#broken++;
    return '';
  }

  tell(): void {
    const rows = (count: number) => (count === 1 ? '1 row' : `${count} rows`);
    if (this.#bare > 0)
      logOnce('notice', `${this.#name}: ${rows(this.#bare)} without @ (domains, local users) left out`);
    if (this.#broken > 0) {
      logOnce(
        'warning',
        `${this.#name}: ${rows(this.#broken)} without a value, or with an odd quote, which Postfix ignores as well, left out`,
      );
    }
  }
}
