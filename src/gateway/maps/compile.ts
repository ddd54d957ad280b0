/**
 * Makes the maps beside the live ones: text and cdb of recipients and of domains in one pass over the union, those of
 * next hops where they are asked for, then read back. Nothing live is touched; only this file makes a CompiledMap.
 */
import { DomainSet } from '../../bundle/table/domain-set.ts';
import type { RowBlock, RowStream } from '../../bundle/table/rows.ts';
import { CompileError, HostError, InstallError } from '../../errors.ts';
import { makeFolder, translateSpace, type AtomicFile } from '../../io/atomic-file.ts';
import type { ScratchFile } from '../../io/scratch-file.ts';
import { domainRows } from '../../map/domains.ts';
import { union, type Member } from '../../map/union.ts';
import { removeUnfinished, type MapFiles } from './live-maps.ts';
import { MapPair, type CompileRules, type MapFile, type RouteValue } from './map-pair.ts';
import { sameDomains } from './same-domains.ts';
import { addDomains } from '../../bundle/address/row-domain.ts';

declare const compiled: unique symbol;
export interface CompiledMap {
  readonly [compiled]: true;
  /** Finished and on disk under their temp names, in the order of installing. */
  readonly files: readonly MapFile[];
  /** The record of live files that stay, since they would be made the same. */
  readonly same: MapFiles;
  readonly rows: number;
  /** Rows that the text form cannot express. */
  readonly left: number;
}

/** The map of next hops that belongs to the others. */
export interface Routes {
  /** Rows `DOMAIN TAB NEXTHOP`, sorted, one a domain. */
  readonly rows: RowStream;
  /** About how many. */
  readonly expected: number;
  readonly value: RouteValue;
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
   * @param routes null where no next hops are asked for, or those that are live are to stay
   * @param live the record of the live maps, where what would be made the same may stay
   * @throws as the constructor does; the draft is discarded then.
   */
  async finish(names: DomainSet, routes: Routes | null = null, live: MapFiles | null = null): Promise<CompiledMap> {
    const recipients = this.#recipients;
    try {
      if (recipients.rows === 0) {
        const why = 'no row of the installed lists is within `domains`; an empty map would reject all mail';
        throw new CompileError('COMPILE_FAILED', why);
      }
      const files = await recipients.finish();
      if (routes !== null) {
        const hops = new MapPair('transport', routes.expected, this.#rules, this.#files, 'named');
        for await (const block of routes.rows) hops.addRoutes(block, routes.value);
        files.push(...(await hops.finish()));
      }
      const [made] = files;
      const same = live === null || made === undefined ? null : sameDomains(live, names, this.#rules, made);
      const { rows, left } = recipients;
      if (same !== null) return { files, same, rows, left } as unknown as CompiledMap;
      const domains = new MapPair('relay_domains', names.size, this.#rules, this.#files, 'named');
      for (const block of domainRows(names)) domains.add(block);
      files.push(...(await domains.finish()));
      return { files, same: {}, rows, left } as unknown as CompiledMap;
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
export async function compile(
  members: readonly Member[],
  rules: CompileRules,
  routes: Routes | null = null,
  live: MapFiles | null = null,
): Promise<CompiledMap> {
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
  return draft.finish(names, routes, live);
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
    return { files: await map.finish(), same: {}, rows: map.rows, left: map.left } as unknown as CompiledMap;
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
