/** Times in a signed document: exactly `YYYY-MM-DDTHH:MM:SSZ` (docs/bundle-format.md section 3). Pure. */
import * as z from 'zod/mini';

/** Text of that form, which becomes a Date. */
export const time = () =>
  z.pipe(
    z.string({ error: 'is not text' }).check(z.refine(isTime, { error: 'is not a time like 2026-11-24T07:00:00Z' })),
    z.transform((text: string) => new Date(text)),
  );

function isTime(text: string): boolean {
  const date = new Date(text);
  // A year of more than four digits has other lengths, in every form that Date takes.
  return text.length === 20 && !Number.isNaN(date.getTime()) && date.toISOString() === text.replace('Z', '.000Z');
}
