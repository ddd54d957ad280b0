/**
 * Has V8 compile WebAssembly by its baseline compiler alone, and so must be loaded before undici, which compiles its HTTP parser when it is
 * loaded: the optimising compiler would take 28 MiB, and longer than all that a poll has for it to parse.
 */
import { setFlagsFromString } from 'node:v8';

setFlagsFromString('--liftoff-only');
