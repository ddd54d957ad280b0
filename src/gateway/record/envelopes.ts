/**
 * The signed envelopes of one bundle, as files: those of good copies in the bundle's folder, those of payloads that
 * were verified and not taken in `seen/` below it. Apart, so that a record rebuilt from the files never takes a
 * refused version for a floor (docs/bundle-format.md section 6). Nothing here verifies.
 */
import { createHash } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { decodeEnvelope } from '../../bundle/trust/envelope.ts';
import type { VerifiedManifest } from '../../bundle/trust/verify.ts';
import { isAbsent, makeFolder, writeFileAtomic } from '../../io/atomic-file.ts';
import { readRegularFile } from '../../io/regular-file.ts';
import type { EnvelopeRef } from './state.ts';

const MODE = 0o640;
/** How many of the seen envelopes are read at each cycle. The others only have to be there. */
const SEEN_READ = 64;

export interface StoredEnvelope {
  readonly ref: EnvelopeRef;
  /** Null where the file does not hold the payload that it is named after. */
  readonly bytes: Uint8Array | null;
}

export class Envelopes {
  readonly #good: string;
  readonly #seen: string;

  constructor(folder: string) {
    this.#good = folder;
    this.#seen = path.join(folder, 'seen');
  }

  /** Stores the envelope of a manifest whose table is kept. */
  keepGood(v: VerifiedManifest): EnvelopeRef {
    const ref = refOf(v);
    write(this.#good, ref, v.envelope);
    return ref;
  }

  /** Stores the envelope of a manifest that was verified and is not taken. */
  keepSeen(v: VerifiedManifest): EnvelopeRef {
    const ref = refOf(v);
    if (this.read(ref) === null) write(this.#seen, ref, v.envelope);
    return ref;
  }

  /** A stored envelope, or null where it is missing or does not hold the payload it is named after. */
  read(ref: EnvelopeRef): Uint8Array | null {
    return read(this.#good, ref) ?? read(this.#seen, ref);
  }

  /** All that are stored of good copies, for rebuilding a lost record. */
  good(): StoredEnvelope[] {
    return stored(this.#good);
  }

  /** All that were only seen. */
  seen(): StoredEnvelope[] {
    return stored(this.#seen);
  }

  /** The first of these seen envelopes that is missing or damaged; null if none is. */
  missing(refs: readonly EnvelopeRef[]): EnvelopeRef | null {
    if (refs.length === 0) return null;
    const there = new Set([...namesIn(this.#good), ...namesIn(this.#seen)]);
    const newest = refs.length - SEEN_READ;
    return refs.find((ref, i) => !there.has(fileName(ref)) || (i >= newest && this.read(ref) === null)) ?? null;
  }

  /**
   * Removes all but these from the bundle's folder and from `seen/`. What an earlier version stored among the good
   * ones is moved there.
   * @param others names in the bundle's folder that stay
   */
  clean(good: readonly EnvelopeRef[], seen: readonly EnvelopeRef[], others: readonly string[]): void {
    const apart = new Set(namesIn(this.#seen));
    for (const ref of seen) {
      const bytes = apart.has(fileName(ref)) ? null : read(this.#good, ref);
      if (bytes !== null) write(this.#seen, ref, bytes);
    }
    removeOthers(this.#good, new Set([...good.map(fileName), ...others, path.basename(this.#seen)]));
    // An empty folder goes too: a run that was disturbed leaves nothing that an undisturbed one has not.
    if (seen.length === 0) rmSync(this.#seen, { force: true, recursive: true });
    else removeOthers(this.#seen, new Set(seen.map(fileName)));
  }
}

const refOf = ({ manifest, digest }: VerifiedManifest): EnvelopeRef => ({ version: manifest.version, digest });

const fileName = ({ version, digest }: EnvelopeRef): string => `${version}-${digest}.json`;

function write(folder: string, ref: EnvelopeRef, bytes: Uint8Array): void {
  makeFolder(folder, 0o750);
  writeFileAtomic(path.join(folder, fileName(ref)), bytes, MODE);
}

function read(folder: string, ref: EnvelopeRef): Uint8Array | null {
  try {
    const bytes = readRegularFile(path.join(folder, fileName(ref)));
    const found = createHash('sha256').update(decodeEnvelope(bytes).payload).digest('hex');
    return found === ref.digest ? bytes : null;
  } catch {
    return null; // missing and damaged are the same to the caller: the proof is gone
  }
}

const stored = (folder: string): StoredEnvelope[] =>
  namesIn(folder).flatMap((name) => {
    const [, version, digest] = /^([0-9]+)-([0-9a-f]{64})\.json$/.exec(name) ?? [];
    if (version === undefined || digest === undefined) return [];
    const ref = { version: Number(version), digest };
    return [{ ref, bytes: read(folder, ref) }];
  });

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

function removeOthers(folder: string, keep: ReadonlySet<string>): void {
  for (const name of namesIn(folder))
    if (!keep.has(name)) rmSync(path.join(folder, name), { force: true, recursive: true });
}
