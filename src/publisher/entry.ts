/**
 * One line of a source becomes rows (commands.md section 3, file source; format section 4 for IDN). The words of a refusal never
 * matter to a gateway: they are for the person who keeps the source. Pure.
 */
import { domainToASCII, domainToUnicode } from 'node:url';
import { AddressError, canonicalRow, describeRule } from '../bundle/address.ts';

/** Why an entry is not an address. */
export class EntryError extends Error {}

const WIDE_SPACE = /[\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]/;
const ASCII_SPACE = /[\t\v\f\r ]/;

/**
 * The address of a line in internal form: its first field, unquoted. Null for a blank line or a comment.
 * @throws EntryError
 */
export function entryOf(line: string): string | null {
  const trimmed = line.replace(/^[\t\v\f\r ]+/, '');
  if (trimmed === '' || trimmed.startsWith('#')) return null;
  const address = trimmed.startsWith('"') ? quoted(trimmed) : plain(trimmed);
  if (WIDE_SPACE.test(address)) throw new EntryError('holds white space that is not ASCII');
  return address;
}

function plain(text: string): string {
  const [field = ''] = text.split(ASCII_SPACE, 1);
  const at = field.indexOf('@');
  if (at < 0) throw new EntryError('has no @');
  if (field.includes('@', at + 1)) throw new EntryError('has two @ and its local part is not quoted');
  return field;
}

function quoted(text: string): string {
  const match = /^"((?:[^"\\]|\\.)*)"@(.*)$/s.exec(text);
  if (match === null) throw new EntryError('has a quoted local part that does not end in "@');
  const [, local = '', rest = ''] = match;
  const [domain = ''] = rest.split(ASCII_SPACE, 1);
  if (domain.includes('@')) throw new EntryError('has an @ in its domain');
  if (local === '') throw new EntryError('has an empty local part');
  return `${local.replace(/\\(.)/gs, '$1')}@${domain}`;
}

/**
 * The canonical rows of an address: one, or two where its domain is internationalised (U-labels and A-labels, UTS 46
 * non-transitional, since Postfix does not convert between them).
 * @throws EntryError
 */
export function rowsOf(address: string): string[] {
  const at = address.lastIndexOf('@');
  const local = address.slice(0, at);
  const domain = address.slice(at + 1);
  // Folded only after the conversion: folding first would turn a sharp s into ss, another domain.
  const forms = isInternational(domain) ? bothForms(domain) : [domain];
  return [...new Set(forms.map((form) => canonical(`${local}@${form}`)))];
}

const isInternational = (domain: string): boolean => /[^\u0000-\u007f]/.test(domain) || /(^|\.)xn--/i.test(domain);

function bothForms(domain: string): string[] {
  const ascii = domainToASCII(domain);
  const unicode = domainToUnicode(ascii);
  if (ascii === '' || unicode === '') throw new EntryError('has a domain that is no valid internationalised name');
  return [ascii, unicode];
}

function canonical(address: string): string {
  const domain = address.slice(address.lastIndexOf('@') + 1);
  const odd = /[^\u0080-\u{10ffff}A-Za-z0-9._-]/u.exec(domain.startsWith('[') ? '' : domain);
  if (odd !== null && odd[0] !== ' ') throw new EntryError(`has the character "${odd[0]}" in its domain`);
  try {
    return canonicalRow(address);
  } catch (error) {
    if (error instanceof AddressError) throw new EntryError(describeRule(error.rule));
    throw error;
  }
}
