/**
 * A small record in state_dir that everybody may read, one JSON file each. A damaged one is told apart from an absent
 * one.
 */
import * as z from 'zod/mini';
import { isAbsent, removeDurable, writeFileAtomic } from '../../io/atomic-file.ts';
import { readRegularFile } from '../../io/regular-file.ts';
import type { Read } from './state.ts';

export function readJsonRecord<T>(file: string, schema: z.ZodMiniType<T>): Read<T> {
  try {
    const result = z.safeParse(schema, JSON.parse(readRegularFile(file).toString()));
    return result.success ? { is: 'whole', value: result.data } : { is: 'corrupt', why: 'it has another form' };
  } catch (error) {
    if (isAbsent(error)) return { is: 'absent' };
    return { is: 'corrupt', why: error instanceof SyntaxError ? 'it is not JSON' : (error as Error).message };
  }
}

/** @param found what was read there: a folder in its place could not be renamed onto. */
export function writeJsonRecord(file: string, record: object, found: Read<unknown>): void {
  if (found.is === 'corrupt') removeDurable(file);
  writeFileAtomic(file, `${JSON.stringify(record, null, 1)}\n`, 0o644);
}
