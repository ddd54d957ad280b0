/**
 * Makes V8 free buffers that are no longer used. V8 counts only the small object of each buffer, not the 256 KiB
 * behind it, and would keep dozens of MiB.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options: { readonly type: 'minor' | 'major' }) => void;

const BYTES = 4 * 1024 * 1024;

let collect: Collect | undefined;
let passed = 0;

/** Counts bytes that were read into buffers which nobody uses any more. */
export function havePassed(bytes: number): void {
  passed += bytes;
  if (passed < BYTES) return;
  passed = 0;
  collect ??= exposed();
  collect({ type: 'minor' });
}

/** Frees all that is no longer used, before much memory is taken at once. */
export function collectAll(): void {
  collect ??= exposed();
  collect({ type: 'major' });
}

/** V8 gives `gc` to contexts that are made while the flag is set. */
function exposed(): Collect {
  setFlagsFromString('--expose-gc');
  try {
    return runInNewContext('gc') as Collect;
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}
