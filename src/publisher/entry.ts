/**
 * Turns one entry of a source into rows (docs/commands.md section 3; docs/bundle-format.md section 4 for
 * internationalised domains). It is stricter about addresses than the format. A comma, a `<` or a second address in
 * an entry means that the source is not a list of addresses. Pure.
 */
import { domainToASCII, domainToUnicode } from 'node:url';
import { AddressError, canonicalRow, describeRule } from '../bundle/address/address.ts';

/** Why an entry is not an address. The message continues a sentence that begins with the entry. */
export class EntryError extends Error {}

/** Characters that nobody sees or types: Unicode's Cf, the Hangul fillers, the Braille blank. */
const INVISIBLE = /[\p{Cf}\u034f\u115f\u1160\u2800\u3164\uffa0]/u;
const NOT_ASCII_SPACE = /[\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]/;
/**
 * RFC 5322's atext and the dot: what a local part may contain without quotes. RFC 6531 adds all non-ASCII
 * characters.
 */
const UNQUOTED = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\u0080-\u{10ffff}-]*$/u;
/** Quotes that word processors and spreadsheets make of `"` and `'`: anywhere, and around an address. */
const CURLY = /[\u00ab\u00bb\u201c-\u201f]|^[\u2018-\u201b\u2039]|[\u2018-\u201b\u203a]$/;
/** A key of a regexp: or pcre: map. */
const EXPRESSION = /^!?\/.*\/[a-z]*$/i;
/** A mailbox, as Cyrus lists it. */
const MAILBOX = /^user\//;
const LABEL_BYTES = 63;

/** Excludes domains that may be internationalised. */
const SIMPLE_DOMAIN = /^(?!(?:.*\.)?xn--)(?:[a-z0-9_-]{1,63}\.){1,4}[a-z0-9_-]{1,63}$/i;
/** An address that is its own row, apart from case: most lines of most lists. */
const SIMPLE = new RegExp(`^[a-z0-9._+=-]{1,120}@${SIMPLE_DOMAIN.source.slice(1)}`, 'i');

/** The canonical row of a line that is plainly one address; null if the full rules must decide. */
export function simpleRow(line: string): string | null {
  return line.length <= 253 && SIMPLE.test(line) ? line.toLowerCase() : null;
}

/**
 * Whether an ASCII domain needs no rule but lower case. This is the part of `simpleRow` that simple-lines.ts cannot
 * check by itself.
 */
export const isSimpleDomain = (domain: string): boolean => SIMPLE_DOMAIN.test(domain);

/**
 * The first field of a line: up to the first white space outside quotes. Null for a blank line or a comment.
 * @throws EntryError for a carriage return inside the line: what follows it would be lost silently.
 */
export function firstField(line: string): string | null {
  const whole = line.endsWith('\r') ? line.slice(0, -1) : line;
  if (whole.includes('\r')) throw new EntryError('has a carriage return in it: are the line ends those of an old Mac?');
  const text = whole.replace(/^[\t\v\f ]+/, '');
  if (text === '' || text.startsWith('#')) return null;
  return /^(?:"(?:[^"\\]|\\.)*")?[^\t\v\f ]*/u.exec(text)?.[0] ?? '';
}

/**
 * A field in internal form: `local@domain` without quotes, or `@domain`. Other software writes `@domain` as
 * `*@domain`.
 * @throws EntryError
 */
export function addressOf(field: string): string {
  if (NOT_ASCII_SPACE.test(field)) throw new EntryError('holds white space that is not ASCII');
  if (CURLY.test(field))
    throw new EntryError('has a typographic quote (\u201c \u201d \u2018 \u2019 \u00ab \u00bb) in it');
  if (EXPRESSION.test(field))
    throw new EntryError('is a regular expression, and a list holds none; name the addresses that it stands for');
  const address = field.startsWith('"') ? unquoted(field) : plain(field);
  // Only the local part: in a domain the IDN rules decide, since some languages need such characters there.
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
  if (domain === '' && local !== '' && more === undefined)
    throw new EntryError('is for every domain, and a list has no row for that; name the addresses that it stands for');
  if (MAILBOX.test(local))
    throw new EntryError('is a mailbox of Cyrus, not its address; leave out user/, and what stands below a mailbox');
  if (more !== undefined) throw new EntryError('has more than one @, and its local part is not quoted');
  if (!UNQUOTED.test(local)) throw new EntryError('has a character in its local part that has to be quoted');
  if (local === '*') return `@${domain}`;
  // Mailu writes % for any characters. At the end it may be meant (`100%`): a warning names that address.
  const sign = /^[*%]|\*$/.exec(local)?.[0];
  if (sign !== undefined)
    throw new EntryError(
      `is a pattern elsewhere, with its ${sign}, and a list holds none; put the local part in quotes if it is meant`,
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
 * The canonical rows of an address: one, or two (U-labels and A-labels, UTS 46 non-transitional) if its domain is
 * internationalised, because Postfix does not convert between them.
 * @throws EntryError
 */
export function rowsOf(address: string): string[] {
  const at = address.lastIndexOf('@');
  const [local, domain] = [address.slice(0, at), address.slice(at + 1)];
  // Check before converting: the conversion follows the URL rules, so it cuts at a slash, decodes %41 and drops
  // tabs.
  const odd = domain.startsWith('[') ? null : /[^\u0080-\u{10ffff}A-Za-z0-9._ -]/u.exec(domain);
  if (odd !== null) throw new EntryError(`has the character ${JSON.stringify(odd[0])} in its domain`);
  const international = /[^\u0000-\u007f]/.test(domain) || /(?:^|\.)xn--/i.test(domain);
  if (!international) return [canonical(address)];
  // Fold after converting: folding first would turn a sharp s into ss, which is another domain.
  return bothForms(domain).map((form) => canonical(`${local}@${form}`));
}

/** A-labels and U-labels. */
function bothForms(domain: string): [string, string] {
  const ascii = domainToASCII(domain);
  const unicode = domainToUnicode(ascii);
  const isName =
    // Wide digits become an IPv4 address; `xn--zz--` decodes to a name that needs no encoding.
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
