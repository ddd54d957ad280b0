/** Reads an entry's attributes with all their values. If the server returns a range of values, asks for the rest. */
import { PublishError } from '../../errors.ts';
import type { Attributes } from './presets/question.ts';

/** An entry as ldapts gives it: values by description; a single value alone; an empty list if there is none. */
export interface Entry {
  readonly dn: string;
  readonly [description: string]: string | string[] | Buffer | Buffer[];
}

/** Can be asked again for an entry. */
export interface EntryReader {
  /** One entry by its DN, with these attributes. @throws PublishError SOURCE, also if it is gone. */
  entry(dn: string, attributes: readonly string[]): Promise<Entry>;
}

/**
 * Active Directory gives 1500 values at a time. This allows more than any entry has addresses, and stops a server
 * that never ends.
 */
const MOST_REQUESTS = 1000;

interface Range {
  readonly from: number;
  /** Null means up to the last. */
  readonly to: number | null;
}

interface Description {
  readonly attribute: string;
  /** The attribute with its options but without a range, to ask for it again. */
  readonly whole: string;
  /** The same for every spelling of it. */
  readonly key: string;
  readonly range: Range | null;
}

/**
 * @param name of the source, for messages.
 * @returns the values of each attribute by its name in lower case. Options are merged (`mail;lang-de` is a mail).
 * @throws PublishError SOURCE for a value that is not UTF-8, or ranges that do not form a whole.
 */
export async function attributesOf(name: string, entry: Entry, directory: EntryReader): Promise<Attributes> {
  const found = new Map<string, string[]>();
  const ranged = new Set<string>();
  const given = new Set<string>();
  let left = MOST_REQUESTS;
  const ask: Ask = async (description) => {
    if (left-- === 0) throw new PublishError('SOURCE', `${name} gives an entry in more than ${MOST_REQUESTS} parts`);
    return await directory.entry(entry.dn, [description]);
  };
  for (const [description, raw] of Object.entries(entry)) {
    if (description === 'dn') continue;
    const { attribute, whole, key, range } = described(name, description);
    const values = textsOf(name, attribute, raw);
    // With the first range the plain attribute also comes, empty.
    if (range !== null || values.length > 0) {
      if (ranged.has(key) || (range !== null && given.has(key)))
        throw new PublishError('SOURCE', `${name} gave ${attribute} of one entry twice, once in ranges`);
      given.add(key);
    }
    if (range !== null) {
      ranged.add(key);
      const rest = await restOf(name, { attribute, whole, key, range }, values.length, ask);
      for (const each of rest) values.push(each);
    }
    const known = found.get(attribute.toLowerCase());
    if (known === undefined) found.set(attribute.toLowerCase(), values);
    else for (const each of values) known.push(each);
  }
  return found;
}

type Ask = (description: string) => Promise<Entry>;

/**
 * An attribute description (RFC 4512 section 2.5): `mail;lang-de` is a mail, `proxyAddresses;range=0-1499` are the
 * first of many.
 */
function described(name: string, description: string): Description {
  const [attribute = '', ...options] = description.split(';');
  const kept = options.filter((each) => !/^range=/i.test(each));
  const ranges = options.filter((each) => /^range=/i.test(each));
  const key = [attribute, ...[...kept].sort()].join(';').toLowerCase();
  const whole = [attribute, ...kept].join(';');
  if (ranges.length === 0) return { attribute, whole, key, range: null };
  const [, from, to] = /^range=([0-9]{1,10})-([0-9]{1,10}|\*)$/i.exec(ranges.join(';')) ?? [];
  // As an ordinary option, a part would pass for the whole.
  if (from === undefined || to === undefined)
    throw new PublishError('SOURCE', `${name} gave a part of ${attribute} of one entry without saying which`);
  return { attribute, whole, key, range: { from: Number(from), to: to === '*' ? null : Number(to) } };
}

/** Range retrieval (MS-ADTS 3.1.1.3.1.3.3): the values of one attribute after its first range. */
async function restOf(
  name: string,
  { attribute, whole, key, range: first }: Description & { readonly range: Range },
  count: number,
  ask: Ask,
): Promise<string[]> {
  const failed = (why: string) => new PublishError('SOURCE', `${name} ${why} of ${attribute} of one entry`);
  const insist = (range: Range, from: number, length: number) => {
    const fits = range.from === from && (range.to === null || (length > 0 && range.to === from + length - 1));
    if (!fits)
      throw failed(`gave ${length} values as ${range.from} to ${range.to ?? 'the last'}, asked from ${from} on,`);
  };
  insist(first, 0, count);
  const rest: string[] = [];
  for (let range = first; range.to !== null;) {
    const from = range.to + 1;
    const entry = await ask(`${whole};range=${from}-*`);
    // ldapts adds requested attributes that did not come, as empty ones.
    const parts = Object.entries(entry).flatMap(([description, raw]) => {
      if (description === 'dn' || [raw].flat().length === 0) return [];
      const part = described(name, description);
      return part.key === key && part.range !== null ? [{ range: part.range, raw }] : [];
    });
    const [part, another] = parts;
    if (part === undefined) throw failed(`gave no values from ${from} on`);
    if (another !== undefined) throw failed(`gave two answers from ${from} on`);
    const values = textsOf(name, attribute, part.raw);
    insist(part.range, from, values.length);
    for (const each of values) rest.push(each);
    ({ range } = part);
  }
  return rest;
}

function textsOf(name: string, attribute: string, raw: Entry[string]): string[] {
  return [raw].flat().map((value) => {
    if (typeof value !== 'string' || value.includes('\ufffd')) {
      throw new PublishError('SOURCE', `${name}: a value of ${attribute} is not UTF-8`);
    }
    return value;
  });
}
