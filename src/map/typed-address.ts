/**
 * An address as a person types it or as it stands in an SMTP command, in internal form: without angle brackets, and
 * without the quotes and backslashes that its local part needs there. Pure.
 */

const ATOM = String.raw`[^\s"(),:;<>@[\\\].]+`;
const QUOTED = String.raw`"(?:[^"\\]|\\.)*"`;
const WORD = `(?:${ATOM}|${QUOTED})`;
/** Dot-separated words of which one is quoted. */
const EXTERNAL = new RegExp(`^(?=[^@]*")(${WORD}(?:\\.${WORD})*)@([^@"]*)$`);
const DOMAIN = /^(?:[^\s"(),:;<>@[\\\]]+|\[[^\s[\]]+\])$/u;

/**
 * The address in internal form, or null for what is not one address: no `@`, nothing before or after it, a domain
 * with a character that no domain has. A local part that holds what should have been quoted (`a b@example.org`) is
 * taken as it is. `""` is an empty one.
 */
export function typedAddress(text: string): string | null {
  const bare = /^\s*<(.*)>\s*$/su.exec(text)?.[1] ?? text;
  const [, words, domain] = EXTERNAL.exec(bare) ?? [];
  if (words !== undefined && domain !== undefined) return DOMAIN.test(domain) ? `${unquoted(words)}@${domain}` : null;
  const at = bare.lastIndexOf('@');
  return at > 0 && DOMAIN.test(bare.slice(at + 1)) ? bare : null;
}

const unquoted = (words: string): string =>
  words.replace(new RegExp(QUOTED, 'gu'), (quoted) => quoted.slice(1, -1).replace(/\\(.)/gsu, '$1'));
