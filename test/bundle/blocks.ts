// Tables as streams of blocks for the tests: cut where a test says, and read back into strings. Touches nothing.
import * as fc from 'fast-check';
import { RowSplitter, type RowBlock, type RowStream } from '../../src/bundle/table/rows.ts';

/** The text of rows, each with its LF. */
export const textOf = (rows: readonly string[]): Buffer => Buffer.from(rows.map((row) => `${row}\n`).join(''));

export const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** The rows of a table: each once, in the order of bytes. */
export const sorted = (rows: Iterable<string>): string[] => [...new Set(rows)].sort(byBytes);

export function* cut(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** The blocks that a splitter makes of rows, `size` bytes of text at a time. */
export function blocks(rows: readonly string[], size = 64): RowBlock[] {
  const splitter = new RowSplitter();
  const made = [...cut(textOf(rows), size)].map((chunk) => kept(splitter.push(chunk)));
  splitter.end();
  if (splitter.fault !== null) throw new Error(`row ${splitter.fault.row} ${splitter.fault.rule}`);
  return made;
}

/** A block of its own memory: the splitter uses its own again. */
const kept = ({ bytes, starts, count }: RowBlock): RowBlock => ({
  bytes: new Uint8Array(bytes),
  starts: starts.slice(),
  count,
});

/** A stream that tells whether it is still open. */
export class Stream implements AsyncIterable<RowBlock> {
  open = false;
  readonly #rows: readonly string[];
  readonly #size: number;
  readonly #fault: Error | null;

  constructor(rows: readonly string[], size = 64, fault: Error | null = null) {
    this.#rows = rows;
    this.#size = size;
    this.#fault = fault;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RowBlock> {
    this.open = true;
    try {
      for (const block of blocks(this.#rows, this.#size)) {
        await Promise.resolve();
        yield block;
      }
      if (this.#fault !== null) throw this.#fault;
    } finally {
      this.open = false;
    }
  }
}

export const stream = (rows: readonly string[], size = 64): Stream => new Stream(rows, size);

export function rowsOf({ bytes, starts, count }: RowBlock): string[] {
  return Array.from({ length: count }, (_, i) =>
    Buffer.from(bytes.subarray(starts[i] ?? 0, (starts[i + 1] ?? 1) - 1)).toString(),
  );
}

export async function collected(rows: RowStream): Promise<string[]> {
  const all: string[] = [];
  for await (const block of rows) all.push(...rowsOf(block));
  return all;
}

/** Rows of a few domains, so that tables overlap. */
export const row = fc
  .tuple(
    fc.constantFrom('', 'a', 'b', 'ab', 'a b', '#x', '"', 'u+t', 'ä', '李', 'x@y', 'zz'),
    fc.constantFrom('a.example', 'b.example', 'sub.a.example', 'bücher.example', 'c.d.e.example'),
  )
  .map(([local, domain]) => `${local}@${domain}`);
export const table = fc.array(row, { maxLength: 30 }).map(sorted);
export const chunk = fc.integer({ min: 1, max: 80 });
