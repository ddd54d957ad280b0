/** What an object store says, read from its XML. Pure. */

/** A listing of keys. */
export interface Listing {
  readonly objects: readonly { readonly key: string; readonly modified: Date }[];
  /** For the next part; null if this is the last. */
  readonly next: string | null;
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

const unescaped = (text: string): string =>
  text.replaceAll(/&(?:#x([0-9a-f]{1,6})|#([0-9]{1,7})|(lt|gt|amp|quot|apos));/gi, (whole, hex, decimal, name) => {
    if (typeof name === 'string') return ENTITIES[name.toLowerCase()] ?? whole;
    const code = typeof hex === 'string' ? Number.parseInt(hex, 16) : Number(decimal);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });

/** Some stores encode keys as in a URL, also where nobody has asked for it. */
function decoded(key: string): string | null {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    return null;
  }
}

/** The text of the first element of this name; null if there is none. */
function element(xml: string, name: string): string | null {
  const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return found === undefined ? null : unescaped(found);
}

/** The store's own code and message, one line of at most 300 characters; null if the body has none. */
export function errorWords(body: string): string | null {
  const [code, message] = [element(body, 'Code'), element(body, 'Message')];
  if (code === null) return null;
  return `${code.slice(0, 80)}${message === null || message === '' ? '' : `: ${message.slice(0, 220)}`}`;
}

export const errorCode = (body: string): string | null => element(body, 'Code')?.slice(0, 80) ?? null;

/** The region that the bucket is in, where the store says that another one was asked; null if it does not. */
export const errorRegion = (body: string): string | null => element(body, 'Region')?.slice(0, 40) ?? null;

/** A ListBucketResult; null if the text is not one, or says that there is more without saying where. */
export function parseListing(xml: string): Listing | null {
  if (!/<ListBucketResult[\s>]/.test(xml) || !xml.trimEnd().endsWith('</ListBucketResult>')) return null;
  const isEncoded = element(xml, 'EncodingType')?.trim().toLowerCase() === 'url';
  const objects: { key: string; modified: Date }[] = [];
  for (const part of xml.split('<Contents>').slice(1)) {
    const end = part.indexOf('</Contents>');
    if (end < 0) return null;
    const contents = part.slice(0, end);
    const [key, time] = [element(contents, 'Key'), Date.parse(element(contents, 'LastModified') ?? '')];
    if (key === null || Number.isNaN(time)) return null;
    const plain = isEncoded ? decoded(key) : key;
    if (plain === null) return null;
    objects.push({ key: plain, modified: new Date(time) });
  }
  const isCut = element(xml, 'IsTruncated')?.trim() === 'true';
  const next = isCut ? element(xml, 'NextContinuationToken') : null;
  return isCut && (next === null || next === '') ? null : { objects, next };
}
