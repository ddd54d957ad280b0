/**
 * Where the bytes of a log go: into one half of the input while the lines of the other are read. Before each half is
 * space for the begin of a line that ends in it. Pure.
 */

/** The longest line that is read, in bytes. */
export const MOST_LINE = 64 * 1024;
/** Bytes that are read at once. */
export const BLOCK = 1024 * 1024;
/** Behind the bytes that were read: a line feed and a quote, and what a search by sixteens looks at. */
const SENTINELS = 64;
const HALF = MOST_LINE + BLOCK + SENTINELS;

export const INPUT_BYTES = 2 * HALF;

/** Where the next bytes go in each half, of an input that begins there. */
export const halves = (input: number): readonly [number, number] => [input + MOST_LINE, input + MOST_LINE + HALF];
