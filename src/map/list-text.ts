/**
 * The text form of a map that is a plain list: a key a line, as OpenSMTPD reads a table of type `file`. A key that it
 * would part in two, or take for a comment, is left out and counted: one such line, and it takes no row of the file
 * (the parser of table_static.c; tried with OpenSMTPD 6.8). Pure.
 */
import type { RowBlock } from '../bundle/table/rows.ts';

const [SPACE, TAB, HASH, COLON, LF] = [0x20, 0x09, 0x23, 0x3a, 0x0a];

/** Whether a line of this key alone is read back as the key: no white space, no colon, no leading `#`. */
export function isListable(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end || bytes[start] === HASH) return false;
  for (let i = start; i < end; i++) {
    const c = bytes[i];
    if (c === SPACE || c === TAB || c === COLON) return false;
  }
  return true;
}

const AT = 0x40;

/**
 * The lines of a block, written into `text`, which has room for its bytes and two more a row; and how many rows are
 * left out.
 * @param how `wildcards` has an `@` before each key: every address of that domain.
 */
export function listText(
  { bytes, starts, count }: RowBlock,
  text: Uint8Array = new Uint8Array(bytes.length + 2 * count),
  how: 'list' | 'wildcards' = 'list',
): { text: Uint8Array; left: number } {
  let used = 0;
  let left = 0;
  for (let i = 0; i < count; i++) {
    const start = starts[i] ?? 0;
    const end = (starts[i + 1] ?? 1) - 1;
    if (!isListable(bytes, start, end)) {
      left++;
      continue;
    }
    if (how === 'wildcards') text[used++] = AT;
    for (let k = start; k < end; k++) text[used++] = bytes[k] ?? 0;
    text[used++] = LF;
  }
  return { text: text.subarray(0, used), left };
}
