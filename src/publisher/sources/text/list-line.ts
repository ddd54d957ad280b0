/** A line of a plain list as text: an address, and what may stand beside it. Pure. */
import { EntryError, firstField } from '../../entry.ts';
import { columnOf } from './columns.ts';
import { refusesMail } from './map-refusal.ts';
import { addressesIn, PartialValue } from './values.ts';

/** The addresses of a line; or that it is a header, refuses mail, or is an address of a type other than SMTP. */
export type ListLine = readonly string[] | 'header' | 'refusing' | 'other';

/** An address with its type, as PowerShell prints `EmailAddresses`. */
const TYPED = /^(?:smtp|x400|x500|sip|eum|spo|ms|ccmail|notes|gwise|airsync):/i;

/** What Mailman says above its lists. Without this its first word would be a local part. */
const SENTENCE = /^\s*(?:\d+|No) .*(?::|found)\s*$/i;
/** How cyradm shows what is below a mailbox. */
const IMAP_FLAGS = /\s\(\\[A-Za-z\\ ]+\)\s*$/;

/**
 * @param begun whether anything but a header has been read.
 * @param domain for a local part without one.
 * @returns null for a blank line or a comment.
 * @throws EntryError
 */
export function listLine(line: string, begun: boolean, domain: string | undefined): ListLine | null {
  const field = firstField(line);
  if (field === null) return null;
  if (TYPED.test(field)) return typedLine(line);
  if (!field.includes('@')) {
    if (domain !== undefined && SENTENCE.test(line)) throw new EntryError('has no @, and its line is a sentence');
    if (domain !== undefined && !field.startsWith('"')) return [`${field}@${domain}`];
    return !begun && isHeader(line) ? 'header' : [field];
  }
  if (IMAP_FLAGS.test(line)) throw new EntryError('is a mailbox of Cyrus, not its address');
  const rest = line.slice(line.indexOf(field) + field.length).trim();
  return rest !== '' && refusesMail(rest) ? 'refusing' : [field];
}

function typedLine(line: string): ListLine {
  try {
    const found = addressesIn(line);
    return found.length === 0 ? 'other' : found;
  } catch (error) {
    throw error instanceof PartialValue ? new EntryError(error.message, { cause: error }) : error;
  }
}

/** Whether it is the header of a CSV with one address per row, or of a column of addresses. */
function isHeader(line: string): boolean {
  const cell = line.trim().split(/[,;\t|]/)[0] ?? '';
  return ['address', 'alias', 'user'].includes(columnOf(cell.replace(/^"|"$/g, '')));
}
