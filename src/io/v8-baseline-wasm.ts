/**
 * Makes V8 compile WebAssembly with its baseline compiler only. It must be loaded before undici, which compiles its
 * HTTP parser on load. The optimising compiler would take 28 MiB, and more time than parsing all that a poll reads.
 */
import { setFlagsFromString } from 'node:v8';

setFlagsFromString('--liftoff-only');
