/** Opens a live cdb for look-ups. */
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { isAbsent } from '../../io/atomic-file.ts';
import { CdbReader } from '../../map/cdb.ts';
import type { Has } from '../../map/lookup.ts';

const MOST_IN_MEMORY = 2 ** 30;

/** @param inMemory for many look-ups: reads the whole file at once, unless it is very large. */
export function openMap(file: string, inMemory = false): { has: Has; close: () => void } | null {
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
    return { has: (key) => reader.get(Buffer.from(key)) !== null, close: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
