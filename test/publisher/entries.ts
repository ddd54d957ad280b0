// Reads a text of any format in pieces of any length, in this process, and gives its entries as a source hands them
// over.
import { Buffer } from 'node:buffer';
import { PublishError } from '../../src/publisher/errors.ts';
import type { Batch } from '../../src/publisher/sources/source-reader.ts';
import { TextSource } from '../../src/publisher/sources/text/read-text.ts';
import type { TextOptions } from '../../src/publisher/sources/text/text-options.ts';
import type { Page } from '../../src/publisher/sources/text/page.ts';

export async function* pieces(text: string | Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += length) yield await Promise.resolve(bytes.subarray(at, at + length));
}

/** The addresses of a batch; of a plain list its lines. */
export function textsOf(batch: Batch): string[] {
  if (Buffer.isBuffer(batch)) return batch.toString().split('\n').slice(0, -1);
  return 'unit' in batch
    ? batch.entries.map(({ text, target }) => (target === undefined ? text : `${text} ${target}`))
    : [...batch];
}

/** What the source `list` gives, or the words of its refusal. */
export async function entriesOf(
  text: string | Uint8Array,
  options: TextOptions = {},
  length = 7,
  pages: Page[] = [],
): Promise<string[] | string> {
  const source = new TextSource('list', options);
  const found: string[] = [];
  try {
    for await (const batch of source.read(pieces(text, length), { lines: 0 }, { pages })) found.push(...textsOf(batch));
    for (const batch of source.end()) found.push(...textsOf(batch));
  } catch (error) {
    if (error instanceof PublishError) return error.message;
    throw error;
  }
  return found;
}
