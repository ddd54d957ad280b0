/** What one value of an attribute stands for: directories hold blanks around addresses, types before them and several in one. Pure. */

/** Exchange's types of addresses, of which `smtp` is the one that mail of the Internet has. */
const TYPED = /^([a-z][a-z0-9+.-]*):(?!\/\/)(.*)$/is;

/** The addresses of a value as they are written there; a value that is not of that form stays whole, and is judged as it is. */
export function addressesOf(value: string): string[] {
  const text = value.trim();
  const [, type, rest] = TYPED.exec(text) ?? [];
  if (type !== undefined && rest !== undefined && !type.includes('@')) {
    const kind = type.toLowerCase();
    return kind === 'smtp' || kind === 'mailto' ? addressesOf(rest) : [];
  }
  if (text.includes('"')) return [text];
  const parts = text.split(/[\s,;]+/).filter((part) => part !== '');
  return parts.length > 1 && parts.every((part) => part.includes('@')) ? parts.flatMap(addressesOf) : [text];
}
