/** Reads the text of a kept or published table. If it is damaged, the error names the file. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { gunzipOne } from '../../bundle/table/gzip.ts';
import { cut, MAX_ROW, type RowBlock } from '../../bundle/table/rows.ts';
import { TableError } from '../../errors.ts';
import { isAbsent } from '../../io/atomic-file.ts';
import { PublishError } from '../errors.ts';

const LF = 0x0a;
/** A row, and after it a time if the row waits to be removed. */
const MAX_LINE = MAX_ROW + 16;

/** The same of a file. @throws PublishError STATE */
export const readFileText = (file: string, sha256: string | null): AsyncGenerator<Uint8Array> =>
  readText(createReadStream(file), file, sha256);

/**
 * The text in pieces of whole rows. Does not look inside the rows.
 * @param member the file's bytes. @param file its name, for messages.
 * @param sha256 of the whole text, if known. It is checked at the end.
 * @throws PublishError STATE
 */
export async function* readText(
  member: AsyncIterable<Uint8Array>,
  file: string,
  sha256: string | null,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  try {
    for await (const rows of wholeRows(gunzipOne(member))) {
      if (sha256 !== null) hash.update(rows);
      yield rows;
    }
    const found = hash.digest('hex');
    if (sha256 !== null && found !== sha256)
      throw new TableError('HASH_MISMATCH', `its text has the SHA-256 ${found}, not ${sha256}`);
  } catch (error) {
    if (error instanceof PublishError) throw error;
    if (!isAbsent(error)) {
      throw new PublishError('STATE', `${file} is damaged (${(error as Error).message}); remove it`, error);
    }
    throw new PublishError('STATE', `${file} is gone`, error);
  }
}

/** @throws TableError NOT_CANONICAL if the last row has no LF, or a row is far too long. */
async function* wholeRows(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let rest: Uint8Array = new Uint8Array(0);
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const end = bytes.lastIndexOf(LF) + 1;
    if (end > 0) yield bytes.subarray(0, end);
    rest = bytes.subarray(end);
    if (rest.length > MAX_LINE) throw new TableError('NOT_CANONICAL', `a row is longer than ${MAX_ROW} bytes`);
  }
  if (rest.length > 0) throw new TableError('NOT_CANONICAL', 'the last row has no LF');
}

/** The same, cut into rows. */
export async function* blocksOf(text: AsyncIterable<Uint8Array>): AsyncGenerator<RowBlock> {
  for await (const rows of text) yield cut(rows);
}
