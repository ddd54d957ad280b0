/**
 * One entry of a source becomes rows (docs/commands.md, section 3; docs/bundle-format.md, section 4, for internationalised domains).
 * Stricter than the format about what an address is: a comma, a `<` or a second address in an entry means that the source is not what
 * it was taken for. Pure.
 */
import { domainToASCII, domainToUnicode } from 'node:url';
import { AddressError, canonicalRow, describeRule } from '../bundle/address/address.ts';

/** Why an entry is not an address, in words that follow the entry. */
export class EntryError extends Error {}

/** Characters that nobody sees and nobody types: all of Unicode's Cf, the Hangul fillers, the blank of Braille. */
const INVISIBLE = /[\p{Cf}\u034f\u115f\u1160\u2800\u3164\uffa0]/u;
const NOT_ASCII_SPACE = /[\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]/;
/** RFC 5322's atext and the dot: what a local part may hold without quotes. RFC 6531 adds all that is not ASCII. */
const UNQUOTED = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\u0080-\u{10ffff}-]*$/u;
const LABEL_BYTES = 63;

/** Domains that may be internationalised are left out. */
const SIMPLE_DOMAIN = /^(?!(?:.*\.)?xn--)(?:[a-z0-9_-]{1,63}\.){1,4}[a-z0-9_-]{1,63}$/i;
/** An address that is its own row but for its case: most lines of most lists. */
const SIMPLE = new RegExp(`^[a-z0-9._+=-]{1,120}@${SIMPLE_DOMAIN.source.slice(1)}`, 'i');

/** The canonical row of a line that plainly is one address, or null: then the rules have to be asked one by one. */
export function simpleRow(line: string): string | null {
  return line.length <= 253 && SIMPLE.test(line) ? line.toLowerCase() : null;
}

/** Whether an ASCII domain is one that needs no rule but lower case; of what `simpleRow` asks, the half that simple-lines.ts cannot see. */
export const isSimpleDomain = (domain: string): boolean => SIMPLE_DOMAIN.test(domain);

/**
 * The first field of a line: up to the first white space outside quotes. Null for a blank line or a comment.
 * @throws EntryError for a carriage return that ends no line: what follows it would be lost in silence.
 */
export function firstField(line: string): string | null {
  const whole = line.endsWith('\r') ? line.slice(0, -1) : line;
  if (whole.includes('\r')) throw new EntryError('has a carriage return in it: are the line ends those of an old Mac?');
  const text = whole.replace(/^[\t\v\f ]+/, '');
  if (text === '' || text.startsWith('#')) return null;
  return /^(?:"(?:[^"\\]|\\.)*")?[^\t\v\f ]*/u.exec(text)?.[0] ?? '';
}

/**
 * A field in internal form: `local@domain` without quotes, or `@domain`. `*@domain` is how other software writes `@domain`.
 * @throws EntryError
 */
export function addressOf(field: string): string {
  if (NOT_ASCII_SPACE.test(field)) throw new EntryError('holds white space that is not ASCII');
  const address = field.startsWith('"') ? unquoted(field) : plain(field);
  // In a domain the rules of internationalised names decide: some languages need such a character there.
  const unseen = INVISIBLE.exec(address.slice(0, address.lastIndexOf('@')))?.[0].codePointAt(0);
  if (unseen !== undefined) {
    const number = unseen.toString(16).toUpperCase().padStart(4, '0');
    throw new EntryError(`holds an invisible character (U+${number}) in its local part; type the address anew`);
  }
  return address;
}

function plain(field: string): string {
  const [local = '', domain, more] = field.split('@');
  if (domain === undefined) throw new EntryError('has no @');
  if (more !== undefined) throw new EntryError('has more than one @, and its local part is not quoted');
  if (!UNQUOTED.test(local)) throw new EntryError('has a character in its local part that has to be quoted');
  if (local === '*') return `@${domain}`;
  if (/^\*|\*$/.test(local))
    throw new EntryError(
      'is a pattern elsewhere, with its *, and a list holds none; put the local part in quotes if it is meant',
    );
  return field;
}

function unquoted(field: string): string {
  const [, quoted, domain = ''] = /^"((?:[^"\\]|\\.)*)"@([^@]*)$/u.exec(field) ?? [];
  if (quoted === undefined) throw new EntryError('begins with a quote, but is not of the form "local part"@domain');
  // Without this check it would become a row for the whole domain.
  if (quoted === '') throw new EntryError('has an empty local part');
  return `${quoted.replace(/\\(.)/gu, '$1')}@${domain}`;
}

/**
 * The canonical rows of an address: one, or two where its domain is internationalised (U-labels and A-labels, UTS 46
 * non-transitional), since Postfix does not convert between them.
 * @throws EntryError
 */
export function rowsOf(address: string): string[] {
  const at = address.lastIndexOf('@');
  const [local, domain] = [address.slice(0, at), address.slice(at + 1)];
  // Before the conversion, which goes by the rules of URLs: it cuts at a slash, decodes %41 and drops tabs.
  const odd = domain.startsWith('[') ? null : /[^\u0080-\u{10ffff}A-Za-z0-9._ -]/u.exec(domain);
  if (odd !== null) throw new EntryError(`has the character ${JSON.stringify(odd[0])} in its domain`);
  const international = /[^\u0000-\u007f]/.test(domain) || /(?:^|\.)xn--/i.test(domain);
  if (!international) return [canonical(address)];
  // Folded only afterwards: folding first would turn a sharp s into ss, which is another domain.
  return bothForms(domain).map((form) => canonical(`${local}@${form}`));
}

/** A-labels and U-labels. */
function bothForms(domain: string): [string, string] {
  const ascii = domainToASCII(domain);
  const unicode = domainToUnicode(ascii);
  const isName =
    // Wide digits become an IPv4 address, and `xn--zz--` a name that has no need of it.
    !/^[0-9.]*$/.test(ascii) &&
    domainToASCII(unicode) === ascii &&
    unicode !== ascii &&
    ascii.split('.').every((label) => label.length <= LABEL_BYTES);
  if (!isName) throw new EntryError('has a domain that is no valid internationalised name');
  return [ascii, unicode];
}

function canonical(address: string): string {
  try {
    return canonicalRow(address);
  } catch (error) {
    if (error instanceof AddressError) throw new EntryError(describeRule(error.rule), { cause: error });
    throw error;
  }
}
