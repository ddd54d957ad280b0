/**
 * Detects the format of a source from its first lines. It chooses another format only if the text cannot be a list
 * of addresses. If it chose wrongly, the lines would be refused one by one. Pure.
 */
import { columnOf, isNaming } from './columns.ts';
import { DASHES, PROPERTY } from './formats/table.ts';
import { separatorOf } from './formats/csv.ts';
import type { Format, TextOptions } from './text-options.ts';

/** A format, or one of the two ways in which PowerShell shows a list on a screen. */
export type Shape = Format | 'table' | 'properties';

/** @param head the beginning of the source. Its last line may be cut off. */
export function shapeOf(head: Buffer, { format, separator, columns }: TextOptions): Shape {
  if (format !== undefined && format !== 'text') return format;
  const lines = head
    .toString()
    .replace(/^\ufeff/, '')
    .split(/\r?\n/);
  const screen = screenOf(lines);
  if (screen !== null) return screen;
  if (format === 'text') return 'text';
  const found = separator === undefined ? unmistakable(lines) : 'csv';
  return found === null ? (columns === undefined ? 'text' : 'csv') : found;
}

const isName = (cell: string): boolean => isNaming(columnOf(cell));

function screenOf(lines: readonly string[]): 'table' | 'properties' | null {
  const first = lines.findIndex((line) => line.trim() !== '');
  if (first < 0) return null;
  if (DASHES.test(lines[first + 1] ?? '') && !(lines[first] ?? '').includes('@')) return 'table';
  const properties = lines.slice(first, first + 200).map((line) => PROPERTY.exec(line)?.[1]);
  return properties[0] !== undefined && properties.some((name) => name !== undefined && isName(name))
    ? 'properties'
    : null;
}

function unmistakable(lines: readonly string[]): Format | null {
  const text = lines.join('\n').trimStart();
  if (/^\[\s*(?:["{[\]]|$)|^\{\s*(?:"|\}|$)/.test(text)) return 'json';
  const real = lines.filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const first = real[0] ?? '';
  if (/^"?(?:#TYPE |sep=.)/i.test(text)) return 'csv';
  if (/^(?:version: *1\s*$|dn::? )/i.test(first)) return 'ldif';
  if (isPasswd(first)) return 'passwd';
  if (/^(?:"(?:[^"\\]|\\.)*"(?:@[^\s":]+)?|[^\s":,;]+)\s*:(?:\s+\S|\s*$)/.test(first)) return 'aliases';
  // If a comment comes before it, this is a list and the line is its header.
  return text.startsWith(first) && isCsv(first, real) ? 'csv' : null;
}

/** An address or a name, then a hash with its scheme, or the seven fields of passwd(5). */
const isPasswd = (line: string): boolean =>
  /^[^\s:|]+[:|](?:\{[A-Za-z0-9.-]+\}|\$[0-9a-z]+\$)/.test(line) ||
  /^[^\s:|]+:[^:\s]*:\d*:\d*:[^:]*:[^:]*(?::|$)/.test(line);

function isCsv(first: string, lines: readonly string[]): boolean {
  // An @ follows a quoted local part, but not a quoted cell.
  if (/^"(?:[^"\\]|\\.)*"@/.test(first)) return false;
  if (/^"(?:[^"]|"")*"(?:[,;|%\t]|$)/.test(first)) return true;
  if (/^[^\s,;|"@]+@[^\s,;|"@]+[,;|]/.test(first)) return true;
  if (first.includes('@')) return false;
  const cells = first.split(separatorOf(first)).map((cell) => cell.trim().replace(/^"|"$/g, ''));
  // Known columns, but none with addresses: the CSV reader says what is missing.
  if (!cells.some(isName)) return cells.some((cell) => columnOf(cell) === 'other');
  return cells.length > 1 || lines.slice(1, 200).some((line) => /[;,|"]|\b(?:smtp|x500):/i.test(line));
}
