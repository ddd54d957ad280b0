/**
 * The only writer to stderr. Under systemd each line starts with a journald priority, elsewhere with a word.
 * Control characters are escaped here, so no text from outside can move a terminal's cursor.
 */
import { fstatSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { printable } from './printable.ts';

export type Level = 'error' | 'warning' | 'notice' | 'info' | 'debug';

const PRIORITY: Record<Level, number> = { error: 3, warning: 4, notice: 5, info: 6, debug: 7 };
const COLOUR: Partial<Record<Level, string>> = { error: '\u001b[31m', warning: '\u001b[33m' };

/** Whether stderr is the journal. systemd gives its device and inode in JOURNAL_STREAM. */
function isJournal(): boolean {
  const named = process.env['JOURNAL_STREAM'];
  if (named === undefined) return false;
  try {
    const { dev, ino } = fstatSync(2);
    return named === `${dev}:${ino}`;
  } catch {
    return false; // stderr is closed: there is no one to format for
  }
}

const journal = isJournal();
const colour = isatty(2) && !process.env['NO_COLOR'];

/**
 * Writes one message as one line, or as several if the caller passes several: text from outside cannot start a new
 * line. Never throws: a log that cannot be written must not stop the mail.
 */
export function log(level: Level, message: string | readonly string[]): void {
  for (const line of typeof message === 'string' ? [message] : message) {
    const text = printable(line);
    const tint = colour ? COLOUR[level] : undefined;
    const word = level === 'error' || level === 'warning' ? `${level}: ` : '';
    const out = journal
      ? `<${PRIORITY[level]}>${text}`
      : tint === undefined
        ? word + text
        : `${tint}${word}\u001b[0m${text}`;
    try {
      writeSync(2, `${out}\n`);
    } catch {
      return; // stderr is gone or full; nowhere is left to say so
    }
  }
}

/**
 * Shows progress of work that takes over a second: one line, rewritten in place and erased at the end. On a
 * terminal only.
 * @param text called a few times a second. @returns ends it.
 */
export function progress(text: () => string): () => void {
  if (!isatty(2) || process.env['TERM'] === 'dumb') return () => undefined;
  let shown = false;
  let rounds = 0;
  const timer = setInterval(() => {
    if (++rounds < 4) return;
    shown = true;
    writeSync(2, `\r\u001b[K${printable(text()).slice(0, 78)}`);
  }, 250);
  timer.unref();
  return () => {
    clearInterval(timer);
    if (shown) writeSync(2, '\r\u001b[K');
  };
}

const said = new Set<string>();
const REMEMBERED = 1000;

/**
 * Logs a message unless this process has logged the same text before. A source that is read every few seconds would
 * repeat it each time.
 */
export function logOnce(level: Level, message: string): void {
  if (said.has(message)) return;
  if (said.size >= REMEMBERED) said.clear();
  said.add(message);
  log(level, message);
}
