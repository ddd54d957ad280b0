/** What `relaymap check` reports, and the lines that mend it. Words only. */
import { wrapped } from '../say/wrap.ts';
export type Level = 'error' | 'warning' | 'note';

export interface Finding {
  /**
   * error: the maps are useless, or mail is wrongly taken or refused. warning: that may come. note: worth knowing,
   * no fault.
   */
  readonly level: Level;
  readonly text: string;
  /** The lines to type; one that begins with `#` says where the next belongs. */
  readonly type: readonly string[];
  /** Nothing is wrong as far as is known; this says what is not. */
  readonly isUnknown?: true;
}

/** The lines that put something into the configuration. */
export const inConfig = (file: string, where: string, line: string): string[] => [`# in ${file}, ${where}:`, line];

/** `a, b, c and 4 more` */
export function several(names: readonly string[], most = 3): string {
  const rest = names.length - most;
  return names.slice(0, most).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

/** The findings as text that fits 80 columns; the lines to type are never broken. */
export function findingLines({ level, text, type }: Finding): string[] {
  const [head = '', ...rest] = wrapped(`${level}: ${text}`);
  return [head, ...rest.map((line) => `  ${line}`), ...type.map((line) => `    ${line}`)];
}
