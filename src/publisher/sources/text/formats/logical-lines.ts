/** Lines of a map's text: one that begins with white space goes on the one before; blank lines and comments stand between. Pure. */

export interface LogicalLine {
  readonly text: string;
  /** Of its first line, from 1. */
  readonly number: number;
}

export async function* logicalLines(batches: AsyncIterable<readonly string[]>): AsyncGenerator<LogicalLine[]> {
  let number = 0;
  let open: { text: string[]; number: number } | null = null;
  const closed = (): LogicalLine[] =>
    open === null
      ? []
      : [{ text: open.text.length === 1 ? (open.text[0] ?? '') : open.text.join(''), number: open.number }];
  for await (const lines of batches) {
    const found: LogicalLine[] = [];
    for (const line of lines) {
      number++;
      // Neither a comment nor a blank line ends a logical line that goes on behind it.
      if (!/^[^\s#]/.test(line)) {
        if (/^\s*(?:#|$)/.test(line)) continue;
        if (open !== null) {
          open.text.push(line);
          continue;
        }
      }
      if (open !== null) found.push(...closed());
      open = { text: [line], number };
    }
    yield found;
  }
  yield closed();
}
