/** Lines of a map's text: one that begins with white space goes on the one before; blank lines and comments stand between. Pure. */

export interface LogicalLine {
  readonly text: string;
  /** Of its first line, from 1. */
  readonly number: number;
}

export async function* logicalLines(batches: AsyncIterable<readonly string[]>): AsyncGenerator<LogicalLine[]> {
  let number = 0;
  let open: { text: string[]; number: number } | null = null;
  const closed = (): LogicalLine[] => (open === null ? [] : [{ text: open.text.join(''), number: open.number }]);
  for await (const lines of batches) {
    const found: LogicalLine[] = [];
    for (const line of lines) {
      number++;
      // Neither ends a logical line that goes on behind it.
      if (/^\s*(?:#|$)/.test(line)) continue;
      if (/^\s/.test(line) && open !== null) {
        open.text.push(line);
        continue;
      }
      found.push(...closed());
      open = { text: [line], number };
    }
    yield found;
  }
  yield closed();
}
