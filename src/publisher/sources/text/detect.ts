/**
 * Detects the format of a source from its first lines. It chooses another format only if the text cannot be a list
 * of addresses. If it chose wrongly, the lines would be refused one by one. Pure.
 */
import { columnOf, isNaming } from './columns.ts';
import { PLAIN_PROPERTY, PROPERTY, RECORD_LINE } from './formats/properties.ts';
import { DASHES, FRAME, inAscii } from './formats/table.ts';
import { separatorOf } from './formats/csv.ts';
import type { Format, TextOptions } from './text-options.ts';

/** A format, or one of the two ways in which programs show a list on a screen. */
export type Shape = Format | 'table' | 'properties';

/** @param head the beginning of the source. Its last line may be cut off. */
export function shapeOf(head: Buffer, { format, separator, columns, domain }: TextOptions): Shape {
  if (format !== undefined && format !== 'text') return format;
  const lines = head
    .toString()
    .replace(/^\ufeff/, '')
    .split(/\r?\n/);
  const screen = screenOf(lines, domain);
  if (screen !== null) return screen;
  if (format === 'text') return 'text';
  const found = separator === undefined ? unmistakable(lines) : 'csv';
  return found === null ? (columns === undefined ? 'text' : 'csv') : found;
}

/** As many lines as are looked at. */
const MOST_LINES = 200;

const isName = (cell: string): boolean => isNaming(columnOf(cell));

function screenOf(lines: readonly string[], domain: string | undefined): 'table' | 'properties' | null {
  const first = lines.findIndex((line) => line.trim() !== '');
  const line = (lines[first] ?? '').trimEnd();
  if (first < 0) return null;
  if (FRAME.test(inAscii(line))) return 'table';
  if (DASHES.test(lines[first + 1] ?? '') && !line.includes('@')) return 'table';
  const some = lines.slice(first, first + MOST_LINES);
  const properties = some.map((each) => PROPERTY.exec(each)?.[1]);
  if (properties[0] !== undefined && properties.some((name) => name !== undefined && isName(name))) return 'properties';
  return RECORD_LINE.test(line) || isHeading(line, some[1] ?? '') || isPlainList(some, domain) ? 'properties' : null;
}

/** Virtualmin: an address, and under it, further right, what is known of it. */
const isHeading = (line: string, next: string): boolean =>
  /^[^\s:@]+@[^\s:@]+$/.test(line) && /^\s+[A-Za-z][\w .()/-]*: /.test(next);

/** What a program says of an account. */
const ACCOUNT = /^(?:clear )?(?:passwd|password)$|^(?:uid|gid|dir|quota)$/i;

/**
 * Records of properties with a colon behind each name. Aliases look alike; but a record has an address under a name
 * that is known, which cannot be an alias without a domain, or the same names come again and again.
 */
function isPlainList(lines: readonly string[], domain: string | undefined): boolean {
  const found = lines.flatMap((line) => (/^\s|^#/.test(line) ? [] : [PLAIN_PROPERTY.exec(line)]));
  const names = found.map((each) => each?.[1] ?? '');
  if (
    names.length === 0 ||
    names[0] === '' ||
    /^(?:dn|version)$/i.test(names[0] ?? '') ||
    lines.some((line) => /^[^\s:]*@[^\s:]*:/.test(line))
  )
    return false;
  // The second record has the names of the first in the same order. Aliases that are there twice do not.
  const next = names.indexOf(names[0] ?? '', 1);
  const isAgain = next > 1 && (names[next + 1] ?? '') === names[1];
  if (isAgain || names.filter((name) => ACCOUNT.test(name)).length > 2) return true;
  const isKnown = found.some((each) => each !== null && isName(each[1] ?? '') && (each[2] ?? '').includes('@'));
  return isKnown && domain === undefined && names.every((name) => !/^(?:postmaster|root|mailer-daemon)$/i.test(name));
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
  // If a comment comes before it and it has one column, this is a list and the line is its header.
  const isFirst = text.startsWith(first) || first.split(separatorOf(first)).length > 1;
  return isFirst && isCsv(first, real) ? 'csv' : null;
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
  if (!cells.some(isName)) return cells.some((cell) => columnOf(cell) === 'other') || isTable(first, lines);
  return cells.length > 1 || lines.slice(1, MOST_LINES).some((line) => /[;,|"]|\b(?:smtp|x500):/i.test(line));
}

/** Names that nobody knows, above rows of as many cells, with addresses in them: the CSV reader says what to do. */
function isTable(first: string, lines: readonly string[]): boolean {
  const separator = separatorOf(first);
  const cellsOf = (line: string): string[] => line.replace(/"[^"]*"/g, '""').split(separator);
  const count = cellsOf(first).length;
  const rows = lines.slice(1, MOST_LINES);
  const alike = rows.filter((row) => cellsOf(row).length === count).length;
  return count > 1 && alike * 2 > rows.length && rows.some((row) => row.includes('@') && !/^[^\s@]+@\S+\s/.test(row));
}
