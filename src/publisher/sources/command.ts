/**
 * The command source: reads what a program prints as if it were a file. The exit status counts (docs/commands.md
 * section 3).
 */
import type { CommandSource } from '../source-config.ts';
import { outputOf } from './command-output.ts';
import { refuseFurtherPages } from './further-pages.ts';
import type { Batch, Seen, SourceReader } from './source-reader.ts';
import type { Page } from './text/page.ts';
import { TextSource } from './text/read-text.ts';

const TIMEOUT = 300_000;

/** @param timeout milliseconds. */
export const commandSource = (source: CommandSource, timeout = TIMEOUT): SourceReader => ({
  unit: 'line',
  domain: source.domain,
  read: (_, seen = { lines: 0 }) => printed(source, timeout, seen),
});

async function* printed(source: CommandSource, timeout: number, seen: Seen): AsyncGenerator<Batch> {
  const { name, argv } = source;
  const text = new TextSource(name, source);
  const pages: Page[] = [];
  yield* text.read(outputOf({ name, argv, timeout }), seen, { pages });
  refuseFurtherPages(name, pages);
  yield* text.end();
}
