/**
 * What a row of the table `recipients` may look like (section 4 of docs/bundle-format.md), and how an address
 * becomes one. Strings in, strings out: touches nothing. Whether a table is sorted, without duplicates and valid
 * UTF-8 is table.ts's matter.
 *
 * Addresses are in INTERNAL form: no quotes, `local@domain` parted at the LAST `@`, or `@domain` for a whole domain.
 */
import { foldCase } from './case-folding.ts';

/** Each rule that a row can break, in words for a person that complete "the address ...". */
const RULES = {
  empty: 'is empty',
  'no-domain': 'has no @',
  'unpaired-surrogate': 'is not valid Unicode: half of a surrogate pair stands alone in it',
  'control-character': 'holds a control character (U+0000-1F or U+007F-9F)',
  'too-long': 'is longer than 512 bytes',
  'empty-label': 'has a domain with an empty label (nothing after the @, or a dot at an end, or two in a row)',
  'single-label': 'has a domain of a single label, which Postfix would take for a whole top-level domain',
  'domain-too-long': 'has a domain of more than 253 bytes',
  'address-literal': 'has an address literal for a domain ([...])',
  'space-in-domain': 'has a space in its domain',
  'not-folded': 'is not case-folded (Unicode 15.0 CaseFolding, C and F)',
} as const;

export type AddressRule = keyof typeof RULES;

/** The limits of section 4, in bytes of UTF-8; a row is counted without its LF. */
export const MAX_ROW_BYTES = 512;
const MAX_DOMAIN_BYTES = 253;

const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
// With the u flag a whole pair is one code point, so that this finds single halves only.
const UNPAIRED_SURROGATE = /[\ud800-\udfff]/u;

/**
 * An address that cannot be a row. The message is the rule in words: it never holds the address, whose owner may be
 * a stranger.
 */
export class AddressError extends Error {
  readonly rule: AddressRule;

  constructor(rule: AddressRule) {
    super(describeRule(rule));
    this.name = 'AddressError';
    this.rule = rule;
  }
}

/** The rule in words that complete "the address ..." or "row 17 ...". */
export function describeRule(rule: AddressRule): string {
  return RULES[rule];
}

/** The row that stands for an address in internal form: folded, with every rule checked. Throws `AddressError`. */
export function canonicalRow(address: string): string {
  const row = foldCase(address);
  const rule = rowRule(row);
  if (rule !== null) throw new AddressError(rule);
  return row;
}

/** The first rule that a row (without its LF) breaks, or null if it is one that a table may hold. */
export function rowRule(row: string): AddressRule | null {
  if (row === '') return 'empty';
  if (UNPAIRED_SURROGATE.test(row)) return 'unpaired-surrogate';
  if (CONTROL.test(row)) return 'control-character';
  if (Buffer.byteLength(row) > MAX_ROW_BYTES) return 'too-long';
  if (!row.includes('@')) return 'no-domain';
  return domainRule(domainOf(row)) ?? (foldCase(row) === row ? null : 'not-folded');
}

/** The two parts of a row. `local` is '' for a row that stands for a whole domain. */
export function splitRow(row: string): { local: string; domain: string } {
  const at = row.lastIndexOf('@');
  return { local: row.slice(0, Math.max(at, 0)), domain: row.slice(at + 1) };
}

/** What follows the last `@` of a row. */
export function domainOf(row: string): string {
  return row.slice(row.lastIndexOf('@') + 1);
}

function domainRule(domain: string): AddressRule | null {
  // Before the labels are counted: `[192.0.2.1]` would pass for four of them, and `[ipv6:::1]` for one.
  if (domain.startsWith('[')) return 'address-literal';
  if (domain.includes(' ')) return 'space-in-domain';
  if (Buffer.byteLength(domain) > MAX_DOMAIN_BYTES) return 'domain-too-long';
  if (domain === '' || domain.startsWith('.') || domain.endsWith('.') || domain.includes('..')) return 'empty-label';
  return domain.includes('.') ? null : 'single-label';
}
