/**
 * The addresses in one attribute value. Directories have blanks around addresses, types before them, and several in
 * one value. Pure.
 */
import { addressesIn, PartialValue } from '../text/values.ts';

/** A type of addresses before one, as Exchange has them; `smtp` is the one that mail of the Internet has. */
const TYPED = /^([a-z][a-z0-9+.-]*):(?!\/\/)(.*)$/is;

/** The addresses of a value, as in a cell of an export; a value that shows only a part is given as it is, and refused as such. */
export function addressesOf(value: string): readonly string[] {
  try {
    return addressesIn(value);
  } catch (error) {
    if (error instanceof PartialValue) return [value];
    throw error;
  }
}

/** The one address of a value that a software's own look-up compares as a whole: commas and blanks within it are its own. */
export function wholeAddressOf(value: string): readonly string[] {
  const text = value.trim();
  const [, type, rest] = TYPED.exec(text) ?? [];
  if (type === undefined || rest === undefined) return [text];
  return /^(?:smtp|mailto)$/i.test(type) ? [rest.trim()] : [];
}
