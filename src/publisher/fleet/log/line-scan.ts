/**
 * The loop over all lines of a log, in WebAssembly: assembly/line-scan.ts. It lies in one memory with what it compares
 * lines with and what is read, so that it copies nothing. Pure.
 */
import { Block } from './block.ts';
import { LINE_SCAN_WASM } from './line-scan-wasm.ts';

/** What Node's types do not have. */
interface WebAssemblyOfNode {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: Readonly<Record<string, Readonly<Record<string, (...numbers: number[]) => number>>>>,
  ) => { readonly exports: object };
}
const { Module, Instance } = (globalThis as unknown as { readonly WebAssembly: WebAssemblyOfNode }).WebAssembly;
const MODULE = new Module(Buffer.from(LINE_SCAN_WASM, 'base64'));

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  readonly setUp: (seed: number, latest: number) => void;
  readonly changed: () => void;
  readonly pass: (from: number, end: number) => number;
}

/** Where things lie, in bytes; assembly/line-scan.ts says what each is. */
const NAMES = [
  'FEED',
  'HASH',
  'PASSED',
  'TABLE',
  'PLACES',
  'WAYS',
  'PLACE',
  'SIZE',
  'COUNTS',
  'HEAD',
  'KIND',
  'LEAST_BYTES',
  'INPUT',
] as const;
export type Layout = Readonly<Record<(typeof NAMES)[number], number>>;

const PAGE = 65_536;

export interface LineScan {
  /** The whole memory. What is read goes to `INPUT` and behind it. */
  readonly block: Block;
  readonly at: Layout;
  /** Passes over the known lines from `from` on. @returns where the next line begins; the memory has the rest. */
  readonly pass: (from: number, end: number) => number;
  /** To be called when other bytes have come into the memory. */
  readonly changed: () => void;
}

/**
 * @param inputBytes for what is read. @param commonTime reads the time at a place, and `anyTime` the one between two.
 * @param seed of the hash. @param latest lines after it, in seconds since 1970, are not known.
 */
export function lineScan(
  inputBytes: number,
  commonTime: (at: number) => number,
  anyTime: (from: number, to: number) => number,
  seed: number,
  latest: number,
): LineScan {
  const { exports } = new Instance(MODULE, { 'line-scan': { commonTime, anyTime } });
  const { memory, setUp, pass, changed } = exports as Exports;
  const numbers = exports as Readonly<Record<string, { readonly value: number }>>;
  const at = Object.fromEntries(NAMES.map((name) => [name, numbers[name]?.value ?? 0])) as Layout;
  memory.grow(Math.ceil((at.INPUT + inputBytes) / PAGE));
  setUp(seed, latest);
  return { block: new Block(memory.buffer.byteLength, memory.buffer), at: { ...at }, pass, changed };
}
