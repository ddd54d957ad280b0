/**
 * JSON from exports and interfaces: an array of addresses or of records, records deeper inside, one document per
 * line (NDJSON). Each element of an array is parsed by itself, so a long list is never one value. Pure.
 */
import { PublishError } from '../../../errors.ts';
import type { Entry } from '../../source-reader.ts';
import type { Page } from '../page.ts';
import type { ReadingOptions } from '../text-options.ts';
import { JsonDocuments, JsonFault, type JsonText } from './json-documents.ts';
import { JsonRecords } from './json-records.ts';

/**
 * @param pages receives what the document says of other pages of the list.
 * @throws PublishError SOURCE if the JSON is invalid or cut short, or a record cannot be taken whole.
 */
export async function* jsonEntries(
  options: ReadingOptions,
  chunks: AsyncIterable<Uint8Array>,
  pages: Page[] = [],
): AsyncGenerator<Entry[]> {
  const documents = new JsonDocuments();
  const reader = new JsonRecords(options, pages);
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  const failed = (why: string, cause?: unknown) => new PublishError('SOURCE', `${options.name} ${why}`, cause);
  const taken = (texts: readonly JsonText[]): Entry[] => {
    const found: Entry[] = [];
    for (const { text, number, isElement } of texts) {
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch (error) {
        throw failed(`${isElement ? 'entry' : 'document'} ${number} is not JSON`, error);
      }
      found.push(...reader.take(value, isElement ? number : null));
    }
    return found;
  };
  const decoded = (chunk?: Uint8Array): string => {
    try {
      return utf8.decode(chunk, { stream: chunk !== undefined });
    } catch (error) {
      throw failed('is not UTF-8', error);
    }
  };
  try {
    for await (const chunk of chunks) yield taken(documents.read(decoded(chunk)));
    decoded();
    documents.end();
  } catch (error) {
    throw error instanceof JsonFault ? failed(error.message, error) : error;
  }
  reader.end();
}
