/** Who made a request, by how certain that is (docs/commands.md section 3.2). Pure. */

/** The strongest first. */
export const CERTAINTIES = ['certificate', 'token', 'claim', 'address'] as const;
export type Certainty = (typeof CERTAINTIES)[number];

/** Longer names are cut. */
const MOST_NAME = 128;

export const shortName = (name: string): string =>
  name.length <= MOST_NAME ? name : Array.from(name).slice(0, MOST_NAME).join('');

/**
 * The CN of a subject in the form of RFC 2253, as nginx and Apache log it: `CN=mx1,O=Example`. A CA that signs what it
 * is asked to sign must not let `O=x\,CN=mx1` pass for a CN.
 * @returns null if there is none, or more than one.
 */
export function commonName(subject: string): string | null {
  const parts: string[] = [];
  let part = '';
  for (let i = 0; i < subject.length; i++) {
    const c = subject[i] ?? '';
    if (c === '\\') {
      // Bytes of UTF-8, `\C3\BC`.
      const hex = /^(?:\\[0-9a-fA-F]{2})+/.exec(subject.slice(i))?.[0];
      part += hex === undefined ? (subject[i + 1] ?? '') : Buffer.from(hex.replaceAll('\\', ''), 'hex').toString();
      i += hex === undefined ? 1 : hex.length - 1;
    } else if (c === ',' || c === '+') {
      parts.push(part);
      part = '';
    } else part += c;
  }
  parts.push(part);
  const names = parts.flatMap((each) => /^ *CN=([^]*)$/i.exec(each)?.[1] ?? []);
  const [name] = names;
  return names.length !== 1 || name === undefined || name === '' ? null : name;
}
