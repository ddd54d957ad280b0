/**
 * Refuses a document that is one page of a list if the other pages cannot be requested: part of a list is not the
 * list. Pure.
 */
import { PublishError } from '../errors.ts';
import type { Page } from './text/page.ts';

/** @throws PublishError SOURCE */
export function refuseFurtherPages(name: string, pages: readonly Page[]): void {
  for (const { next, query, more, total, records, before } of pages) {
    const why =
      more ??
      (next !== null
        ? 'it names the URL of a further page'
        : query !== null
          ? 'it names a further page'
          : missing(total, Math.max(records, before + records)));
    if (why !== null) throw new PublishError('SOURCE', `${name} is a part of a list, not the whole: ${why}`);
  }
}

/** What is missing, as text; null if as many entries have come as the list has. */
export const missing = (total: number | null, seen: number): string | null =>
  total === null || seen >= total ? null : `it says ${total} entries in all, and ${seen} have come`;
