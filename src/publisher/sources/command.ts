/** The command source: what a program prints, one address a line as in a file. Its exit status counts (docs/commands.md section 3). */
import type { CommandSource } from '../source-config.ts';
import { outputOf } from './command-output.ts';
import { linesOf, wholeLines } from './lines.ts';
import type { SourceReader } from './source-reader.ts';

const TIMEOUT = 300_000;

/** @param timeout milliseconds. */
export const commandSource = ({ name, argv }: CommandSource, timeout = TIMEOUT): SourceReader => ({
  form: 'lines',
  unit: 'line',
  read: () => linesOf(name, outputOf({ name, argv, timeout })),
  readLines: (seen) => wholeLines(name, outputOf({ name, argv, timeout }), seen),
});
