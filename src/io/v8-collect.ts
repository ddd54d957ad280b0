/**
 * Has the runtime let go of buffers that have passed. It sees only the small objects in front of them, not the 256 KiB behind each, and
 * would keep dozens of MiB of them. Touches nothing else.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options: { readonly type: 'minor' }) => void;

const BYTES = 8 * 1024 * 1024;

let collect: Collect | undefined;
let passed = 0;

/** So many bytes have been read in buffers that nobody holds any more. */
export function havePassed(bytes: number): void {
  passed += bytes;
  if (passed < BYTES) return;
  passed = 0;
  collect ??= exposed();
  collect({ type: 'minor' });
}

/** V8 gives its collector to contexts that are made while the flag is set. */
function exposed(): Collect {
  setFlagsFromString('--expose-gc');
  try {
    return runInNewContext('gc') as Collect;
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}
