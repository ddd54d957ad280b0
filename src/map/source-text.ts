/**
 * The text form of a map: `key<TAB>value`, a row a line, as postmap reads it. Some rows it cannot express; they are left out
 * here and counted, and are in the compiled map all the same. Pure.
 */
import type { RowBlock } from '../bundle/rows.ts';

const [SPACE, QUOTE, HASH, TAB, LF, BACKSLASH] = [0x20, 0x22, 0x23, 0x09, 0x0a, 0x5c];

/** The bytes that may make a row inexpressible; all others never do, but for a leading `#`. */
const ODD = Uint8Array.from({ length: 256 }, (_, c) => (c === SPACE || c === QUOTE || c === BACKSLASH ? 1 : 0));

/**
 * Whether postmap would read this row back as the key it is: no leading `#`, no white space, quotes in pairs. A backslash takes the
 * meaning from the character behind it, so pairs are counted with and without such quotes.
 */
export function expressible(bytes: Uint8Array, start: number, end: number): boolean {
  if (bytes[start] === HASH) return false;
  let quotes = 0;
  let bare = 0;
  for (let i = start; i < end; i++) {
    const c = bytes[i];
    if (c === SPACE) return false;
    if (c === QUOTE) bare++;
    if (c === QUOTE) quotes++;
    if (c !== BACKSLASH) continue;
    // Behind the last one postmap would find the TAB.
    if (++i === end || bytes[i] === SPACE) return false;
    if (bytes[i] === QUOTE) quotes++;
  }
  return quotes % 2 === 0 && bare % 2 === 0;
}

/** Bytes that the text of a block may take, at most. */
export const sourceRoom = ({ bytes, count }: RowBlock, value: Uint8Array): number =>
  bytes.length + count * (value.length + 1);

/** The text of a block's rows, written into `text`, and how many of them it cannot express. */
export function sourceText(
  block: RowBlock,
  value: Uint8Array,
  text: Uint8Array = new Uint8Array(sourceRoom(block, value)),
): { text: Uint8Array; left: number } {
  const { bytes, starts, count } = block;
  let used = 0;
  let left = 0;
  for (let i = 0; i < count; i++) {
    const start = starts[i] ?? 0;
    const end = (starts[i + 1] ?? 1) - 1;
    const row = used;
    let odd = bytes[start] === HASH;
    for (let k = start; k < end; k++) {
      const c = bytes[k] ?? 0;
      if (ODD[c] !== 0) odd = true;
      text[used++] = c;
    }
    if (odd && !expressible(bytes, start, end)) {
      left++;
      used = row;
      continue;
    }
    text[used++] = TAB;
    for (let k = 0; k < value.length; k++) text[used++] = value[k] ?? 0;
    text[used++] = LF;
  }
  return { text: text.subarray(0, used), left };
}
