/**
 * HTML of text that comes from anybody: whatever is put into a template is escaped, unless it is markup itself. Pure.
 */
import { printable } from '../../../errors.ts';

export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Value = string | number | Markup | readonly Markup[] | null;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Control characters and those that turn the direction of text are written out. */
const escaped = (text: string): string => printable(text).replace(/[&<>"']/g, (c) => ENTITIES[c] ?? '');

export function markup(parts: TemplateStringsArray, ...values: readonly Value[]): Markup {
  return new Markup(parts.map((part, i) => part + markupOf(values[i] ?? null)).join(''));
}

function markupOf(value: Value): string {
  if (value === null) return '';
  if (value instanceof Markup) return value.text;
  if (typeof value === 'string' || typeof value === 'number') return escaped(String(value));
  return value.map(({ text }) => text).join('');
}
