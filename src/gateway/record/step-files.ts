/**
 * The stored key ring steps of one bundle, as files: signed envelopes, `keyring/NUMBER.json` below its folder. Nothing
 * here verifies.
 */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { decodeEnvelope } from '../../bundle/trust/envelope.ts';
import { isAbsent, makeFolder, removeDurable, writeFileAtomic } from '../../io/atomic-file.ts';
import { readRegularFile } from '../../io/regular-file.ts';

export const STEPS_FOLDER = 'keyring';
const MODE = 0o640;

export interface StoredStep {
  readonly step: number;
  readonly bytes: Uint8Array;
  /** Lower-case hex SHA-256 of the file, and of the payload in it. */
  readonly file: string;
  readonly digest: string;
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export class StepFiles {
  readonly #folder: string;

  /** @param folder the bundle's */
  constructor(folder: string) {
    this.#folder = path.join(folder, STEPS_FOLDER);
  }

  /** Null where it is missing or no envelope. */
  read(step: number): StoredStep | null {
    try {
      const bytes = readRegularFile(this.#file(step));
      return { step, bytes, file: sha256(bytes), digest: sha256(decodeEnvelope(bytes).payload) };
    } catch {
      return null; // the proof is gone either way
    }
  }

  /** The numbers of the files that are there, in order. @throws what reading the folder throws */
  numbers(): number[] {
    try {
      const names = readdirSync(this.#folder).flatMap((name) => /^([1-9][0-9]{0,15})\.json$/.exec(name)?.[1] ?? []);
      return names.map(Number).sort((a, b) => a - b);
    } catch (error) {
      if (isAbsent(error)) return [];
      throw error;
    }
  }

  keep(step: number, envelope: Uint8Array): void {
    makeFolder(this.#folder, 0o750);
    writeFileAtomic(this.#file(step), envelope, MODE);
  }

  /** Removes the files of higher steps. */
  removeAfter(step: number): void {
    for (const other of this.numbers()) if (other > step) removeDurable(this.#file(other));
  }

  #file(step: number): string {
    return path.join(this.#folder, `${step}.json`);
  }
}
