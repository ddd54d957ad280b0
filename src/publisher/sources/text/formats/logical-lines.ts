/**
 * Logical lines of a map's text. A line that begins with white space continues the previous one. Blank lines and
 * comments may come between. Pure.
 */

export interface LogicalLine {
  readonly text: string;
  /** The number of its first line, from 1. */
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
      // A comment or blank line does not end a logical line that continues after it.
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
