/**
 * The text form of a map: `key<TAB>value`, a row a line, as postmap reads it. Some rows it cannot express; they are
 * left out here and counted, and are in the compiled map all the same. Pure.
 */
import type { RowBlock } from '../bundle/table/rows.ts';

const [SPACE, QUOTE, HASH, TAB, LF, BACKSLASH] = [0x20, 0x22, 0x23, 0x09, 0x0a, 0x5c];

/**
 * Whether postmap would read this row back as the key it is: no leading `#`, no white space, quotes in pairs. A
 * backslash takes the meaning from the character behind it, so pairs are counted with and without such quotes: both
 * kinds are even.
 */
export function expressible(bytes: Uint8Array, start: number, end: number): boolean {
  if (bytes[start] === HASH) return false;
  let bareIsOpen = false;
  let escapedIsOpen = false;
  for (let i = start; i < end; i++) {
    const c = bytes[i];
    if (c === SPACE) return false;
    if (c === QUOTE) bareIsOpen = !bareIsOpen;
    if (c !== BACKSLASH) continue;
    // Behind the last one postmap would find the TAB.
    if (++i === end || bytes[i] === SPACE) return false;
    if (bytes[i] === QUOTE) escapedIsOpen = !escapedIsOpen;
  }
  return !bareIsOpen && !escapedIsOpen;
}

/** Bytes that the text of a block may take, at most. */
export const sourceRoom = ({ bytes, count }: RowBlock, value: Uint8Array): number =>
  bytes.length + count * (value.length + 1);

/**
 * Whether a block's rows hold none of the bytes that make one inexpressible, but for a leading `#`: one look, and
 * most blocks do not.
 */
function isPlain({ bytes, starts, count }: RowBlock): boolean {
  const rows = Buffer.from(bytes.buffer, bytes.byteOffset, starts[count]); // whose includes is the fast one
  return !(rows.includes(SPACE) || rows.includes(QUOTE) || rows.includes(BACKSLASH));
}

/** The text of a block's rows, written into `text`, and how many of them it cannot express. */
export function sourceText(
  block: RowBlock,
  value: Uint8Array,
  text: Uint8Array = new Uint8Array(sourceRoom(block, value)),
): { text: Uint8Array; left: number } {
  const { bytes, starts, count } = block;
  const plain = isPlain(block);
  const from = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const into = new DataView(text.buffer, text.byteOffset, text.byteLength);
  let used = 0;
  let left = 0;
  for (let i = 0; i < count; i++) {
    const start = starts[i] ?? 0;
    const end = (starts[i + 1] ?? 1) - 1;
    if ((!plain || bytes[start] === HASH) && !expressible(bytes, start, end)) {
      left++;
      continue;
    }
    let k = start;
    for (; k + 4 <= end; k += 4, used += 4) into.setInt32(used, from.getInt32(k));
    for (; k < end; k++) text[used++] = bytes[k] ?? 0;
    text[used++] = TAB;
    for (let k = 0; k < value.length; k++) text[used++] = value[k] ?? 0;
    text[used++] = LF;
  }
  return { text: text.subarray(0, used), left };
}
