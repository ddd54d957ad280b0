/** The file source: one address a line (commands.md section 3). Reads the one file, in chunks. */
import { createReadStream } from 'node:fs';
import { PublishError } from '../errors.ts';
import type { FileSource } from '../config.ts';

const MAX_LINE = 64 * 1024;

export interface Line {
  readonly number: number;
  readonly text: string;
}

/**
 * The lines of a file, without their ends; a byte order mark at its start is no part of the first.
 * @throws PublishError SOURCE: it cannot be read, is not UTF-8, or holds a line that cannot be one.
 */
export async function* fileLines(source: FileSource): AsyncGenerator<Line> {
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  let rest: Buffer = Buffer.alloc(0);
  let number = 0;
  const decode = (bytes: Buffer): Line => {
    number++;
    try {
      return { number, text: utf8.decode(bytes) };
    } catch (error) {
      throw new PublishError('SOURCE', `${source.name}, line ${number}: not UTF-8`, error);
    }
  };
  try {
    for await (const chunk of createReadStream(source.path) as AsyncIterable<Buffer>) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let start = 0;
      for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
        yield decode(bytes.subarray(start, end));
        start = end + 1;
      }
      rest = bytes.subarray(start);
      if (rest.length > MAX_LINE)
        throw new PublishError('SOURCE', `${source.name}, line ${number + 1}: over ${MAX_LINE} bytes`);
    }
  } catch (error) {
    if (error instanceof PublishError) throw error;
    throw new PublishError('SOURCE', `${source.name} cannot be read: ${(error as Error).message}`, error);
  }
  if (rest.length > 0) yield decode(rest);
}
