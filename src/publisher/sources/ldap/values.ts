/**
 * The addresses in one attribute value. Directories have blanks around addresses, types before them, and several in
 * one value. Pure.
 */
import { addressesIn, PartialValue } from '../text/values.ts';

/** An address type such as Exchange's. `smtp` is the type of Internet mail. */
const TYPED = /^([a-z][a-z0-9+.-]*):(?!\/\/)(.*)$/is;

/**
 * The addresses of a value, as in a cell of an export. A value that shows only a part is returned whole, and
 * refused later.
 */
export function addressesOf(value: string): readonly string[] {
  try {
    return addressesIn(value);
  } catch (error) {
    if (error instanceof PartialValue) return [value];
    throw error;
  }
}

/** The address of a value that the software's own look-up compares as a whole: commas and blanks belong to it. */
export function wholeAddressOf(value: string): readonly string[] {
  const text = value.trim();
  const [, type, rest] = TYPED.exec(text) ?? [];
  if (type === undefined || rest === undefined) return [text];
  return /^(?:smtp|mailto)$/i.test(type) ? [rest.trim()] : [];
}
