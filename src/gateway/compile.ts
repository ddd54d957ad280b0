/**
 * Makes the maps beside the live ones: text and cdb of recipients and of domains in one pass over the union, then read back.
 * Nothing live is touched; only this file makes a CompiledMap.
 */
import { createHash } from 'node:crypto';
import { fstatSync, readSync, statSync } from 'node:fs';
import path from 'node:path';
import { DomainSet } from '../bundle/domain-set.ts';
import type { RowBlock } from '../bundle/rows.ts';
import { CompileError, HostError, InstallError } from '../errors.ts';
import { AtomicFile, makeFolder, translateSpace } from '../io/atomic-file.ts';
import { CdbReader, CdbWriter } from '../map/cdb.ts';
import { addDomains, domainRows } from '../map/domains.ts';
import { expressible, sourceText } from '../map/source-text.ts';
import { union, type Member } from '../map/union.ts';
import { ENDINGS, type MapType } from './live-maps.ts';
import { fileSha256 } from './map-bytes.ts';
import { postmap } from './postmap.ts';

const MODE = 0o640;
const SAMPLES = 64;

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
  /** Rows to expect, at least. */
  readonly expected: number;
  readonly gid: number | null;
  readonly warn: (message: string) => void;
}

/** @throws CompileError, InstallError, HostError NO_SPACE; leaves no file behind then. */
export async function compile(members: readonly Member[], rules: CompileRules): Promise<CompiledMap> {
  const files: AtomicFile[] = [];
  try {
    makeFolder(rules.mapDir, 0o755);
    const value = Buffer.from(rules.value);
    const [recipients, domains] = [
      mapPair('relay_recipients', value, rules, files),
      mapPair('relay_domains', value, rules, files),
    ];
    const names = new DomainSet();
    for await (const block of union(members)) {
      recipients.add(block);
      addDomains(names, block);
    }
    if (recipients.rows === 0)
      throw new CompileError('COMPILE_FAILED', 'the union of all bundles has no rows; an empty map rejects all mail');
    for (const block of domainRows(names)) domains.add(block);
    return {
      files: [...(await recipients.finish()), ...(await domains.finish())],
      rows: recipients.rows,
      left: recipients.left,
    } as unknown as CompiledMap;
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

/** A text and a cdb of the same rows, being written. */
function mapPair(name: string, value: Uint8Array, rules: CompileRules, files: AtomicFile[]) {
  const open = (base: string): AtomicFile => {
    const file = new AtomicFile(path.join(rules.mapDir, base), MODE);
    files.push(file);
    giveToGroup(file, rules);
    return file;
  };
  const text = open(name);
  const cdb = open(`${name}.cdb`);
  const textHash = createHash('sha256');
  const writer = new CdbWriter(
    { append: (bytes) => cdb.write(bytes), writeAt: (bytes, position) => cdb.write(bytes, position) },
    value,
    name === 'relay_recipients' ? rules.expected : 1024,
  );
  const samples = new Samples();
  const pair = {
    rows: 0,
    left: 0,
    add(block: RowBlock): void {
      writer.add(block);
      const { text: lines, left } = sourceText(block, value);
      text.write(lines);
      textHash.update(lines);
      samples.take(block, pair.rows);
      pair.rows += block.count;
      pair.left += left;
    },
    async finish() {
      writer.finish();
      const found = readBack(cdb, pair.rows, samples.keys, value);
      const textBytes = fstatSync(text.fd).size;
      text.finish();
      cdb.finish();
      return [
        { name, file: text, sha256: textHash.digest('hex'), bytes: textBytes },
        { name: `${name}.cdb`, file: cdb, ...found },
        ...(await foreignMaps(name, text, pair.rows - pair.left, samples.keys, rules, files)),
      ];
    },
  };
  return pair;
}

/** The same rows in the map types that only the host's postmap writes, made from the finished text and read back by it. */
async function foreignMaps(
  name: string,
  text: AtomicFile,
  rows: number,
  keys: readonly Uint8Array[],
  rules: CompileRules,
  files: AtomicFile[],
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
    rules.warn(`${path.basename(file.target)} cannot be given to the group postfix: ${(error as Error).message}`);
  }
}

/** A few keys from all over the table. */
class Samples {
  readonly keys: Uint8Array[] = [];
  #step = 1;

  take(block: RowBlock, before: number): void {
    for (let i = 0; i < block.count; i++) {
      if ((before + i) % this.#step !== 0) continue;
      this.keys.push(new Uint8Array(block.bytes.subarray(block.starts[i], (block.starts[i + 1] ?? 1) - 1)));
      if (this.keys.length < 2 * SAMPLES) continue;
      for (let k = 0; k < SAMPLES; k++) this.keys[k] = this.keys[2 * k] ?? new Uint8Array(0);
      this.keys.length = SAMPLES;
      this.#step *= 2;
    }
  }
}

/** Reads a written cdb as a stranger would: structure, row count, sampled keys present, keys that cannot be there absent. */
function readBack(
  cdb: AtomicFile,
  rows: number,
  keys: readonly Uint8Array[],
  value: Uint8Array,
): { sha256: string; bytes: number } {
  const bytes = fstatSync(cdb.fd).size;
  const hash = createHash('sha256');
  const chunk = Buffer.allocUnsafe(1024 * 1024);
  for (let at = 0; at < bytes;) {
    const read = readSync(cdb.fd, chunk, 0, chunk.length, at);
    if (read === 0) throw new CompileError('READBACK_FAILED', `the cdb ends at ${at} bytes, ${bytes} were written`);
    hash.update(chunk.subarray(0, read));
    at += read;
  }
  const reader = new CdbReader((position, length) => {
    const part = Buffer.alloc(length);
    return part.subarray(0, readSync(cdb.fd, part, 0, length, position));
  }, bytes);
  const count = reader.count();
  if (count !== rows)
    throw new CompileError('READBACK_FAILED', `the cdb has ${count} records, ${rows} rows were written`);
  for (const key of keys) {
    const found = reader.get(key);
    if (found === null || Buffer.compare(found, value) !== 0) {
      throw new CompileError('READBACK_FAILED', 'a row that was written is not found in the cdb');
    }
    // No row can hold a control character, so this one must be absent.
    if (reader.get(Buffer.concat([Buffer.from('\u0001'), key])) !== null) {
      throw new CompileError('READBACK_FAILED', 'a row that was not written is found in the cdb');
    }
  }
  return { sha256: hash.digest('hex'), bytes };
}
