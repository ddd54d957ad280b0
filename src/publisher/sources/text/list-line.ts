/** A line of a plain list as text: an address, and what may stand beside it. Pure. */
import { EntryError, firstField } from '../../entry.ts';
import { columnOf, isNaming } from './columns.ts';
import { refusesMail } from './map-refusal.ts';
import { addressesIn, PartialValue } from './values.ts';

/** The addresses of a line; or that it is a header, refuses mail, or is an address of a type other than SMTP. */
export type ListLine = readonly string[] | 'header' | 'refusing' | 'other';

/** An address with its type, as PowerShell prints `EmailAddresses`. */
const TYPED = /^(?:smtp|x400|x500|sip|eum|spo|ms|ccmail|notes|gwise|airsync):/i;

/** The longest names of columns that are local parts as well: `mail`, `user`, `account`. */
const SHORT = 7;
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
    if (domain === undefined || field.startsWith('"')) return !begun && isHeader(line) ? 'header' : [field];
    if (!begun && field.length > SHORT && isNaming(columnOf(field))) return 'header';
    return localPart(line, field, domain);
  }
  if (IMAP_FLAGS.test(line)) throw new EntryError('is a mailbox of Cyrus, not its address');
  const rest = line.slice(line.indexOf(field) + field.length).trim();
  return rest !== '' && refusesMail(rest) ? 'refusing' : [field];
}

/**
 * A local part stands alone on its line, or with one word beside it, as in a map. Otherwise the first word of a
 * sentence or of a name would become an address, and an address beside it would be lost.
 */
function localPart(line: string, field: string, domain: string): ListLine {
  const rest = line
    .slice(line.indexOf(field) + field.length)
    .replace(/(?:^|\s)#.*$/, '')
    .trim();
  if (refusesMail(rest)) return 'refusing';
  if (rest.includes('@') || /\s/.test(rest)) throw new EntryError('has no @, and more than a value stands beside it');
  if (!/[\p{L}\p{N}]/u.test(field)) throw new EntryError('has no @, and neither a letter nor a digit');
  return [`${field}@${domain}`];
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
  return isNaming(columnOf(cell.replace(/^"|"$/g, '')));
}
