/**
 * The addresses in one cell of an export: alone or joined, with a type such as `smtp:`, a name, or brackets. Pure.
 */

/** A cell that shows only a part of its value. The message completes "row 7 ...". */
export class PartialValue extends Error {}

/** What exports write for an empty value. */
const NOTHING = /^(?:-+|n\/?a|null|nil|none|undefined|\\n|\(null\)|<null>|not set)$/i;
/** PowerShell writes a list's type if nobody told it how to join the list. */
const TYPE_NAME = /^(?:System|Microsoft|Deserialized\.[A-Za-z]+)\.[\w.`]+(?:\[.*\])?$/;
const CUT = /(?:\.\.\.|…)["'}\]]*$/;
/** Address types of Exchange and similar software other than SMTP. Nobody sends Internet mail to them. */
const OTHER_TYPES =
  'x400|x500|sips?|eum|spo|ms|msmail|ccmail|notes|gwise|groupwise|ex|fax|rfax|rightfax|faxmaker|airsync|tel|im|xmpp|jid|legdn|ci|uc|profs|snads|mhs|x121|telex|oneoff|invalid|mobile|vpim|kerberos|krb';
/**
 * A type where an address may begin. Depending on its version, Exchange joins addresses with blanks, semicolons,
 * commas, `%` or `+`.
 */
const TYPED = new RegExp(String.raw`(^|[\s;,|%+{("'])(smtp|mailto|${OTHER_TYPES}):`, 'gi');

/**
 * The addresses of a cell as written, including invalid ones: the rules of entry.ts check each.
 * @param domain for a local part without one.
 * @throws PartialValue if the cell says that it is incomplete.
 */
export function addressesIn(cell: string, domain?: string): string[] {
  const whole = cell.trim();
  if (whole === '' || NOTHING.test(whole)) return [];
  if (TYPE_NAME.test(whole)) throw new PartialValue('holds the type of a list, not the list; join it in the export');
  if (CUT.test(whole)) throw new PartialValue('is cut off (...); export it whole');
  // `Name <smtp:a@b>`: the type adds nothing here.
  const text = unwrapped(whole).replace(/<(?:smtp|mailto):/gi, '<');
  // Most cells are one address.
  if (/^[\w.+-]+@[\w.-]+$/.test(text)) return [text];
  const found: string[] = [];
  for (const { type, content } of typed(text)) {
    if (type === '' || type === 'smtp' || type === 'mailto') found.push(...joined(content, domain));
    // The first word belongs to the type. Later words with an @ were joined to it.
    else for (const word of words(content).slice(1)) if (word.includes('@')) found.push(...joined(word, domain));
  }
  return found;
}

/** Whether a text contains what may be an address: an @ between other characters. */
export const holdsAddress = (text: string): boolean => text.includes('@') && /[^\s@]@[^\s@]/.test(text);

/** Removes the brackets that a program puts around a list. */
function unwrapped(text: string): string {
  if (/^\[.*\]$/s.test(text)) {
    try {
      const list: unknown = JSON.parse(text);
      if (Array.isArray(list) && list.every((each) => typeof each === 'string')) return list.join('\n');
    } catch {
      // Not JSON: a list as Python writes it, or something else.
    }
    return text.slice(1, -1).replace(/(^|,\s*)'([^']*)'(?=\s*(?:,|$))/g, '$1$2');
  }
  return /^\{.*\}$/s.test(text) ? text.slice(1, -1) : text;
}

interface Typed {
  /** In lower case; `''` before the first. */
  readonly type: string;
  readonly content: string;
}

function typed(text: string): Typed[] {
  const marks = [...text.matchAll(TYPED)];
  const first = marks[0] === undefined ? text : text.slice(0, marks[0].index);
  const rest = marks.map((mark, i) => ({
    type: (mark[2] ?? '').toLowerCase(),
    content: withoutEnd(text.slice(mark.index + mark[0].length, marks[i + 1]?.index)),
  }));
  return [{ type: '', content: first }, ...rest];
}

/** Removes the separators at the end. A regular expression would scan a long run of them once for each. */
function withoutEnd(text: string): string {
  let end = text.length;
  while (end > 0 && /[\s;,|%+{}()]/.test(text[end - 1] ?? '')) end--;
  return text.slice(0, end);
}

const words = (text: string): string[] => text.split(/[\s;,|]+/).filter((word) => word !== '');

/** Addresses joined by `;`, `,`, `|`, a line end or a blank. */
function joined(text: string, domain: string | undefined): string[] {
  return items(text).flatMap((item) => {
    const named = /^([^<>]*)<([^<>]*)>?$/.exec(item);
    if (named !== null)
      return item.endsWith('>') && !(named[1] ?? '').includes('@') ? [(named[2] ?? '').trim()] : [item];
    const quoted = /^'([^']*@[^']*)'$/.exec(item)?.[1] ?? /^"([^"@\s]+@[^"@\s]+)"$/.exec(item)?.[1];
    if (quoted !== undefined) return [quoted];
    const parts = /\s/.test(item) ? blankParted(item) : [item];
    return parts.map((part) => (domain === undefined || part.includes('@') ? part : `${part}@${domain}`));
  });
}

/** Splits at separators that are neither in quotes nor in angle brackets. */
function items(text: string): string[] {
  const found: string[] = [];
  let [from, quoted, bracket] = [0, false, false];
  for (let i = 0; i <= text.length; i++) {
    const c = text[i] ?? '\n';
    if (c === '\\' && quoted) i++;
    else if (c === '"' && i < text.length) quoted = !quoted;
    else if (c === '<' && !quoted) bracket = true;
    else if (c === '>') bracket = false;
    else if (i >= text.length || (!quoted && !bracket && /[;,\r\n]/.test(c))) {
      const item = text.slice(from, i).trim();
      // A local part may contain a bar too. It joins addresses only if there is one on each side.
      const parts = item.split('|').map((part) => part.trim());
      if (parts.every((part) => part.includes('@'))) found.push(...parts);
      else if (item !== '') found.push(item);
      from = i + 1;
    }
  }
  return found;
}

/** Several addresses separated by blanks. Anything else stays whole and is refused as it is. */
function blankParted(item: string): string[] {
  if (item.includes('"')) return [item];
  const parts = item.split(/\s+/);
  return parts.every((part) => part.includes('@')) ? parts : [item];
}
