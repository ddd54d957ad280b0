/** Opens a live cdb for look-ups. */
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { isAbsent } from '../../io/atomic-file.ts';
import { CdbReader } from '../../map/cdb-reader.ts';
import type { Has } from '../../map/lookup.ts';

const MOST_IN_MEMORY = 2 ** 30;

export interface OpenMap {
  readonly has: Has;
  /** The value of a key; null where it is not there. */
  readonly get: (key: string) => string | null;
  readonly close: () => void;
}

/** @param inMemory for many look-ups: reads the whole file at once, unless it is very large. */
export function openMap(file: string, inMemory = false): OpenMap | null {
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
  const whole = inMemory && fstatSync(fd).size <= MOST_IN_MEMORY ? readFileSync(fd) : null;
  const read = (position: number, length: number) => {
    if (whole !== null) return whole.subarray(position, position + length);
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(fd, bytes, 0, length, position));
  };
  try {
    const reader = new CdbReader(read, fstatSync(fd).size);
    const get = (key: string) => {
      const value = reader.get(Buffer.from(key));
      return value === null ? null : Buffer.from(value).toString();
    };
    return { has: (key) => reader.get(Buffer.from(key)) !== null, get, close: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
