/**
 * Makes the maps beside the live ones: text and cdb of recipients and of domains in one pass over the union, then
 * read back. Nothing live is touched; only this file makes a CompiledMap.
 */
import { createHash } from 'node:crypto';
import { fstatSync, statSync } from 'node:fs';
import path from 'node:path';
import { DomainSet } from '../../bundle/table/domain-set.ts';
import type { RowBlock } from '../../bundle/table/rows.ts';
import { CompileError, HostError, InstallError } from '../../errors.ts';
import {
  AtomicFile,
  makeFolder,
  removeUnfinished as removeTemp,
  tempName,
  translateSpace,
} from '../../io/atomic-file.ts';
import { ScratchFile } from '../../io/scratch-file.ts';
import { CdbWriter } from '../../map/cdb.ts';
import { domainRows } from '../../map/domains.ts';
import { listText } from '../../map/list-text.ts';
import { expressible, sourceRoom, sourceText } from '../../map/source-text.ts';
import { union, type Member } from '../../map/union.ts';
import { removeUnfinished } from './live-maps.ts';
import { fileSha256 } from './map-damage.ts';
import { postmap } from '../mta/postfix/postmap.ts';
import { readBack, Samples } from './read-back.ts';
import { addDomains } from '../../bundle/address/row-domain.ts';
import { ENDINGS, type MapType } from '../map-files.ts';

const MODE = 0o640;
/** Rows from which on it takes longer to copy the files than to start the program that names them. */
const LARGE = 100_000;

declare const compiled: unique symbol;
export interface CompiledMap {
  readonly [compiled]: true;
  /** Finished and on disk under their temp names, in the order of installing. */
  readonly files: readonly {
    readonly name: string;
    readonly file: AtomicFile;
    readonly sha256: string;
    readonly bytes: number;
  }[];
  readonly rows: number;
  /** Rows that the text form cannot express. */
  readonly left: number;
}

export interface CompileRules {
  readonly mapDir: string;
  readonly value: string;
  /** The cdb is written in any case; the others by the host's postmap. */
  readonly types: readonly MapType[];
  /** The form of the text file: `key<TAB>value` a line, or a key a line. */
  readonly text: 'pairs' | 'list';
  /** Rows to expect, at least. */
  readonly expected: number;
  readonly gid: number | null;
  readonly warn: (message: string) => void;
}

/**
 * Maps in the making. Rows are added in their order; nothing comes of them before `finish`, which needs the lock. A
 * draft that is
 * `nameless` has no names in the map folder until then, and needs no lock before.
 */
export class Draft {
  readonly #files: (AtomicFile | ScratchFile)[] = [];
  readonly #rules: CompileRules;
  readonly #recipients: MapPair;

  /** @throws CompileError, InstallError, HostError NO_SPACE */
  constructor(rules: CompileRules, how: 'named' | 'nameless') {
    this.#rules = rules;
    try {
      makeFolder(rules.mapDir, 0o755);
      this.#recipients = new MapPair('relay_recipients', rules.expected, rules, this.#files, how);
    } catch (error) {
      this.discard();
      throw translate(error, rules.mapDir);
    }
  }

  /** @throws as the constructor does; the draft is discarded then. */
  add(block: RowBlock): void {
    try {
      this.#recipients.add(block);
    } catch (error) {
      this.discard();
      throw translate(error, this.#rules.mapDir);
    }
  }

  /**
   * All files read back and on disk, under their temp names.
   * @param names the domains of all rows that were added.
   * @throws as the constructor does; the draft is discarded then.
   */
  async finish(names: DomainSet): Promise<CompiledMap> {
    const recipients = this.#recipients;
    try {
      if (recipients.rows === 0) {
        const why = 'the union of all bundles has no rows; an empty map rejects all mail';
        throw new CompileError('COMPILE_FAILED', why);
      }
      const files = await recipients.finish();
      const domains = new MapPair('relay_domains', names.size, this.#rules, this.#files, 'named');
      for (const block of domainRows(names)) domains.add(block);
      files.push(...(await domains.finish()));
      return { files, rows: recipients.rows, left: recipients.left } as unknown as CompiledMap;
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /** Removes what was written; safe to call at any time, and without effect on what has been installed. */
  discard(): void {
    for (const file of this.#files) file.discard();
  }

  /** With the lock. */
  #failed(error: unknown): unknown {
    this.discard();
    try {
      removeUnfinished(this.#rules.mapDir); // what a postmap that failed has half made is no file of ours
    } catch {
      // a folder that cannot even be looked into: the next cycle begins with it again, and the first failure is the
      // one to tell
    }
    return translate(error, this.#rules.mapDir);
  }
}

/** @throws CompileError, InstallError, HostError NO_SPACE; leaves no file behind then. */
export async function compile(members: readonly Member[], rules: CompileRules): Promise<CompiledMap> {
  const draft = new Draft(rules, 'named');
  const names = new DomainSet();
  try {
    for await (const block of union(members)) {
      draft.add(block);
      addDomains(names, block);
    }
  } catch (error) {
    draft.discard();
    throw translate(error, rules.mapDir); // of a copy
  }
  return draft.finish(names);
}

/**
 * A map of its own, of rows that are sorted already. Its leftovers under the temp name are the caller's to remove.
 * @throws CompileError, InstallError, HostError NO_SPACE; leaves no file behind then.
 */
export async function compileRows(name: string, blocks: Iterable<RowBlock>, rules: CompileRules): Promise<CompiledMap> {
  const files: (AtomicFile | ScratchFile)[] = [];
  try {
    makeFolder(rules.mapDir, 0o755);
    const map = new MapPair(name, rules.expected, rules, files, 'named');
    for (const block of blocks) map.add(block);
    return { files: await map.finish(), rows: map.rows, left: map.left } as unknown as CompiledMap;
  } catch (error) {
    for (const file of files) file.discard();
    throw translate(error, rules.mapDir);
  }
}

/** Not a fault of the list: the map folder cannot be written, and nothing there may be taken for unrepairable. */
const FOLDER_CODES = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EISDIR', 'ELOOP']);

function translate(error: unknown, mapDir: string): unknown {
  const full = translateSpace(error, 'the maps');
  if (full instanceof HostError || full instanceof CompileError) return full;
  const { message, code, path: where } = full as { message?: string; code?: unknown; path?: string };
  if (where?.startsWith(mapDir) === true && FOLDER_CODES.has(String(code)))
    return new InstallError('INSTALL_FAILED', `${mapDir} cannot be written: ${message}`, full);
  return new CompileError('COMPILE_FAILED', `the maps could not be made: ${message ?? String(full)}`, full);
}

/**
 * A text and a cdb of the same rows, being written. What has no name yet is copied into files that have one at the
 * end.
 */
class MapPair {
  rows = 0;
  /** Rows that the text cannot express. */
  left = 0;
  readonly #name: string;
  readonly #rules: CompileRules;
  readonly #files: (AtomicFile | ScratchFile)[];
  readonly #value: Uint8Array;
  #text: AtomicFile | ScratchFile;
  readonly #textHash = createHash('sha256');
  #cdb: AtomicFile | ScratchFile;
  readonly #writer: CdbWriter;
  readonly #samples = new Samples();
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
    const { text, left } =
      this.#rules.text === 'list' ? listText(block, this.#lines) : sourceText(block, this.#value, this.#lines);
    this.#text.write(text);
    this.#textHash.update(text);
    this.#samples.take(block, this.rows);
    this.rows += block.count;
    this.left += left;
  }

  async finish(): Promise<CompiledMap['files'][number][]> {
    const { keys } = this.#samples;
    const name = this.#name;
    if (this.#rules.text === 'list' && this.left === this.rows) {
      const why = `no row of ${name} can be written into a list of one row a line; an empty one rejects all mail`;
      throw new CompileError('COMPILE_FAILED', why);
    }
    const text = (this.#text = this.#named(name, this.#text));
    const cdb = (this.#cdb = this.#named(`${name}.cdb`, this.#cdb));
    this.#writer.finish();
    const found = readBack(cdb, this.rows, keys, this.#value);
    const bytes = fstatSync(text.fd).size;
    text.finish();
    cdb.finish();
    return [
      { name, file: text, sha256: this.#textHash.digest('hex'), bytes },
      { name: `${name}.cdb`, file: cdb, ...found },
      ...(await foreignMaps(name, text, this.rows - this.left, keys, this.#rules, this.#files)),
    ];
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
): Promise<CompiledMap['files'][number][]> {
  const made: CompiledMap['files'][number][] = [];
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
