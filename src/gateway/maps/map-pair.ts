/** One map in the making: its text, its cdb, and the types that only the host's postmap writes. */
import { createHash } from 'node:crypto';
import { fstatSync, statSync } from 'node:fs';
import path from 'node:path';
import type { RowBlock } from '../../bundle/table/rows.ts';
import { splitRoute } from '../../bundle/table/transport.ts';
import { CompileError } from '../../errors.ts';
import { AtomicFile, removeUnfinished as removeTemp, tempName } from '../../io/atomic-file.ts';
import { ScratchFile } from '../../io/scratch-file.ts';
import { CdbWriter } from '../../map/cdb-writer.ts';
import { listText } from '../../map/list-text.ts';
import { expressible, sourceRoom, sourceText } from '../../map/source-text.ts';
import { ENDINGS, NEXT_HOPS, ROUTED_DOMAINS, type MapType } from '../map-files.ts';
import { postmap } from '../mta/postfix/postmap.ts';
import { fileSha256 } from './map-damage.ts';
import { readBack, Samples } from './read-back.ts';

const MODE = 0o640;
/** Rows from which on it takes longer to copy the files than to start the program that names them. */
const LARGE = 100_000;

/** A finished file, on disk under its temp name. */
export interface MapFile {
  readonly name: string;
  readonly file: AtomicFile;
  readonly sha256: string;
  readonly bytes: number;
}

/** What the mail server is to find for a next hop. */
export type RouteValue = (nextHop: string) => string;

export interface CompileRules {
  readonly mapDir: string;
  readonly value: string;
  /** The cdb is written in any case; the others by the host's postmap. */
  readonly types: readonly MapType[];
  /** The form of the text file: `key<TAB>value` a line, a key a line, or `@` and a key that is a domain. */
  readonly text: 'pairs' | 'list' | 'wildcards';
  /** Rows to expect, at least. */
  readonly expected: number;
  readonly gid: number | null;
  readonly warn: (message: string) => void;
}

/**
 * A text and a cdb of the same rows, being written. What has no name yet is copied into files that have one at the
 * end.
 */
export class MapPair {
  rows = 0;
  /** Rows that the text cannot express. */
  left = 0;
  readonly #name: string;
  readonly #rules: CompileRules;
  readonly #files: (AtomicFile | ScratchFile)[];
  readonly #value: Uint8Array;
  /** What belongs to a next hop, where each domain has a value of its own. */
  #route: RouteValue | null = null;
  #text: AtomicFile | ScratchFile;
  readonly #textHash = createHash('sha256');
  #cdb: AtomicFile | ScratchFile;
  readonly #writer: CdbWriter;
  readonly #samples = new Samples();
  /** Where the text is a list: the domains that have a next hop. */
  readonly #routed: string[] = [];
  #lines: Uint8Array = Buffer.allocUnsafeSlow(64 * 1024);

  constructor(
    name: string,
    expected: number,
    rules: CompileRules,
    files: (AtomicFile | ScratchFile)[],
    how: 'named' | 'nameless',
  ) {
    this.#name = name;
    this.#rules = rules;
    this.#files = files;
    this.#value = Buffer.from(rules.value);
    this.#text = how === 'named' ? this.#open(name) : this.#scratch();
    this.#cdb = how === 'named' ? this.#open(`${name}.cdb`) : this.#scratch();
    let end = 0;
    const append = (bytes: Uint8Array) => {
      this.#cdb.write(bytes, end); // told, since a file that was named meanwhile is open anew
      end += bytes.length;
    };
    const writeAt = (bytes: Uint8Array, position: number) => this.#cdb.write(bytes, position);
    this.#writer = new CdbWriter({ append, writeAt }, this.#value, expected);
  }

  add(block: RowBlock): void {
    this.#writer.add(block);
    const room = sourceRoom(block, this.#value);
    if (room > this.#lines.length) this.#lines = Buffer.allocUnsafeSlow(2 * room);
    const form = this.#rules.text;
    const { text, left } =
      form === 'pairs' ? sourceText(block, this.#value, this.#lines) : listText(block, this.#lines, form);
    this.#text.write(text);
    this.#textHash.update(text);
    this.#samples.take(block, this.rows);
    this.rows += block.count;
    this.left += left;
  }

  /** Rows `DOMAIN TAB NEXTHOP`, each domain with a value of its own. */
  addRoutes(block: RowBlock, value: (nextHop: string) => string): void {
    const { bytes, starts, count } = block;
    this.#route = value;
    const lines: string[] = [];
    for (let i = 0; i < count; i++) {
      const row = bytes.subarray(starts[i], (starts[i + 1] ?? 1) - 1);
      const [key, found] = routed(row, value);
      this.#writer.addPair(key, found);
      if (expressible(key, 0, key.length)) lines.push(`${key.toString()}\t${found.toString()}\n`);
      else this.left++;
      if (this.#rules.text === 'list') this.#routed.push(key.toString());
    }
    const text = Buffer.from(lines.join(''));
    this.#text.write(text);
    this.#textHash.update(text);
    this.#samples.take(block, this.rows);
    this.rows += count;
  }

  async finish(): Promise<MapFile[]> {
    const route = this.#route;
    const rows = this.#samples.keys;
    const pairs =
      route === null ? null : new Map(rows.map((row) => routed(row, route)).map(([k, v]) => [latin1(k), v]));
    const keys = pairs === null ? rows : [...pairs.keys()].map((key) => Buffer.from(key, 'latin1'));
    const valueOf = (key: Uint8Array) => (pairs === null ? this.#value : (pairs.get(latin1(key)) ?? NO_VALUE));
    const name = this.#name;
    if (this.#rules.text !== 'pairs' && name !== NEXT_HOPS && this.left === this.rows) {
      const why = `no row of ${name} can be written into a list of one row a line; an empty one rejects all mail`;
      throw new CompileError('COMPILE_FAILED', why);
    }
    const text = (this.#text = this.#named(name, this.#text));
    const cdb = (this.#cdb = this.#named(`${name}.cdb`, this.#cdb));
    this.#writer.finish();
    const found = readBack(cdb, this.rows, keys, valueOf);
    const bytes = fstatSync(text.fd).size;
    text.finish();
    const list = this.#rules.text === 'list' && name === NEXT_HOPS ? [this.#list(ROUTED_DOMAINS, this.#routed)] : [];
    cdb.finish();
    return [
      { name, file: text, sha256: this.#textHash.digest('hex'), bytes },
      { name: `${name}.cdb`, file: cdb, ...found },
      ...list,
      ...(await foreignMaps(name, text, this.rows - this.left, keys, this.#rules, this.#files)),
    ];
  }

  /** A file of one row a line; without a row it names a domain that nobody has, since OpenSMTPD takes no empty list. */
  #list(name: string, rows: readonly string[]): MapFile {
    const file = this.#open(name);
    const text = Buffer.from([...(rows.length === 0 ? [NOBODYS_DOMAIN] : rows), ''].join('\n'));
    file.write(text);
    file.finish();
    return { name, file, sha256: createHash('sha256').update(text).digest('hex'), bytes: text.length };
  }

  #scratch(): ScratchFile {
    const file = new ScratchFile(this.#rules.mapDir, this.#rules.expected >= LARGE);
    this.#files.push(file);
    return file;
  }

  #named(base: string, from: AtomicFile | ScratchFile): AtomicFile {
    if (from instanceof AtomicFile) return from;
    const temp = tempName(path.join(this.#rules.mapDir, base));
    removeTemp(path.join(this.#rules.mapDir, base));
    const isNamed = from.name(temp);
    const file = this.#open(base, isNamed ? temp : undefined);
    if (!isNamed) from.copyTo((chunk) => file.write(chunk));
    from.discard();
    return file;
  }

  #open(base: string, made?: string): AtomicFile {
    const file = new AtomicFile(path.join(this.#rules.mapDir, base), MODE, made);
    this.#files.push(file);
    giveToGroup(file, this.#rules);
    return file;
  }
}

const NOBODYS_DOMAIN = 'none.invalid';

const NO_VALUE = new Uint8Array(0);

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/** A row `DOMAIN TAB NEXTHOP` as key and value of a map. */
function routed(row: Uint8Array, value: RouteValue): [Buffer, Buffer] {
  const { domain, nextHop } = splitRoute(Buffer.from(row).toString());
  return [Buffer.from(domain), Buffer.from(value(nextHop))];
}

/**
 * The same rows in the map types that only the host's postmap writes, made from the finished text and read back by
 * it.
 */
async function foreignMaps(
  name: string,
  text: AtomicFile,
  rows: number,
  keys: readonly Uint8Array[],
  rules: CompileRules,
  files: (AtomicFile | ScratchFile)[],
): Promise<MapFile[]> {
  const made: MapFile[] = [];
  for (const type of rules.types.filter((t) => t !== 'cdb')) {
    const asked = keys.filter((key) => expressible(key, 0, key.length));
    const fault = await postmap(type, text.temp, rows, asked);
    if (fault !== null) throw new CompileError(fault.code, fault.why);
    const file = new AtomicFile(path.join(rules.mapDir, name + ENDINGS[type]), MODE, text.temp + ENDINGS[type]);
    files.push(file);
    giveToGroup(file, rules);
    file.finish();
    made.push({ name: name + ENDINGS[type], file, sha256: fileSha256(file.temp), bytes: statSync(file.temp).size });
  }
  return made;
}

function giveToGroup(file: AtomicFile, rules: CompileRules): void {
  try {
    if (rules.gid !== null) file.giveToGroup(rules.gid);
  } catch (error) {
    rules.warn(
      `${path.basename(file.target)} cannot be given to the group of the mail server: ${(error as Error).message}`,
    );
  }
}
