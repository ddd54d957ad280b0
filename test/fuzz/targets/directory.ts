// What a directory gives for one entry: descriptions of attributes, ranges of their values, and the answers to what
// is asked further.
import { PublishError } from '../../../src/publisher/errors.ts';
import { attributesOf, type Entry } from '../../../src/publisher/sources/ldap/ranges.ts';
import { attempt, must, same, type Target } from '../target.ts';

/**
 * Names of attributes that do not come through ldapts: one stands for the entry's own name, the other for none of
 * an object's.
 */
const LOST = ['dn', '__proto__'];

type Values = Record<string, string[]>;

/**
 * A part by the letters of MS-ADTS 3.1.1.3.1.3.3: description without the range, and where the part begins and
 * ends.
 */
interface Part {
  readonly of: string;
  readonly from: number;
  readonly to: number;
  readonly values: readonly string[];
}

const isRange = (option: string): boolean => option.toLowerCase().startsWith('range=');

/** A second reader of a description; the part where it is one, else only what it is of. */
function partOf(description: string, values: readonly string[]): Part | { readonly of: string } {
  const [attribute = '', ...options] = description.split(';');
  const of = [attribute.toLowerCase(), ...options.filter((each) => !isRange(each)).map((each) => each.toLowerCase())];
  of.splice(1, of.length, ...of.slice(1).sort());
  const range = options.find(isRange);
  if (range === undefined) return { of: of.join(';') };
  const [from = '', to = ''] = range.slice('range='.length).split('-');
  return { of: of.join(';'), from: Number(from), to: to === '*' ? Infinity : Number(to), values };
}

/**
 * `[{entry}, {answer}, ...]`, each with descriptions and values: the answers come in turn, the last one for ever if
 * it is `"again"`.
 */
function scripted(input: Uint8Array): { readonly entry: Values; readonly answers: Values[]; readonly again: boolean } {
  const isValues = (each: unknown): each is Values =>
    typeof each === 'object' &&
    each !== null &&
    Object.values(each).every((all) => Array.isArray(all) && all.every((value) => typeof value === 'string'));
  try {
    const all = JSON.parse(new TextDecoder().decode(input)) as unknown;
    if (Array.isArray(all)) {
      const [entry = {}, ...answers] = all.filter(isValues);
      return { entry, answers, again: all.at(-1) === 'again' };
    }
  } catch {
    // no script
  }
  return { entry: {}, answers: [], again: false };
}

/** As ldapts gives it: one value is a text, several are a list; what was asked for and did not come is there, empty. */
function given(values: Values, asked: readonly string[]): Entry {
  const entry: Record<string, string | string[]> & { dn: string } = { dn: 'cn=x' };
  for (const [description, all] of Object.entries(values))
    if (!LOST.includes(description)) entry[description] = all.length === 1 ? (all[0] ?? '') : all;
  for (const each of asked) entry[each] ??= [];
  return entry;
}

export const directory: Target = {
  name: 'directory',
  form: 'json',
  longest: 1024,
  words: [
    'mail',
    'MAIL',
    'mail;lang-de',
    'mail;lang-de;x-y',
    ';range=0-1',
    ';range=0-*',
    ';range=@-#',
    ';range=@-*',
    ';Range=1-2',
    ';range=',
    ';range=00-01',
    ';range=0-99999999999',
    ';range=1e3-*',
    ';binary',
    'dn',
    '__proto__',
    'again',
    '\ufffd',
  ],
  seeds: () => [
    '[{"mail":["a"]}]',
    '[{"mail":[],"mail;range=0-1":["a","b"]},{"mail;range=@-#":["c","d"]},{"mail;range=@-*":["e"]}]',
    '[{"mail;range=0-0":["a"]},{"mail;range=@-#":["c"]},"again"]',
    '[{"mail;range=0-*":["a","b"]}]',
    '[{"mail;range=0-5":["a"]}]',
    '[{"mail;range=0-x":["a"]}]',
    '[{"mail;range=0-1;range=0-*":["a","b"]}]',
    '[{"mail;lang-de;range=0-0":["a"],"MAIL;lang-en":["b"],"mail":["c"]},{"mail;LANG-DE;range=@-*":["d"],"mail":["e"]}]',
    '[{"mail":["a"],"mail;range=0-*":["b"]}]',
    '[{"mail;range=0-0":["a"],"other;range=0-0":["b"]},{"mail;range=@-*":["c"]},{"other;range=@-#":["d","e"]},{}]',
    '[{"mail;range=0-0":["a"]},{"mail;range=@-#":["b"],"mail;range=@-*":["c"]}]',
    '[{"mail;range=0-0":["a"]},{"mail;range=@-*":["b"],"mail;range=@-#":["c"]}]',
    '[{"mail":["\ufffd"]}]',
  ],
  run: async (input) => {
    const script = scripted(input);
    const parts: (Part | { readonly of: string; readonly values: readonly string[] })[] = [];
    const note = (values: Values) => {
      for (const [description, all] of Object.entries(values))
        if (!LOST.includes(description)) parts.push({ ...partOf(description, all), values: all });
    };
    note(script.entry);
    let requests = 0;
    const reader = {
      entry: async (dn: string, asked: readonly string[]): Promise<Entry> => {
        same([dn, asked.length], ['cn=x', 1], 'what is asked for');
        must(++requests <= 1000, 'more requests than are bounded');
        const turn = script.answers[requests - 1] ?? (script.again ? script.answers.at(-1) : undefined);
        if (turn === undefined) throw new PublishError('SOURCE', 'gone');
        const from = /^[^]*;range=([0-9]+)-\*$/.exec(asked[0] ?? '')?.[1];
        must(from !== undefined, `asked for ${asked[0]}`);
        // What an answer says is counted from what was asked for, where it is written so.
        const values = Object.fromEntries(
          Object.entries(turn).map(([description, all]) => [
            description.replaceAll('@', from).replaceAll('#', String(Number(from) + all.length - 1)),
            all,
          ]),
        );
        // Beside the part that was asked for an answer may hold whatever it likes: it is not taken for one.
        const wanted = partOf(asked[0] ?? '', []).of;
        const isPart = (part: ReturnType<typeof partOf>) => part.of === wanted && 'from' in part;
        note(
          Object.fromEntries(
            Object.entries(values).filter(([each, all]) => all.length > 0 && isPart(partOf(each, all))),
          ),
        );
        return await Promise.resolve(given(values, asked));
      },
    };
    const made = await attempt(() => attributesOf('list', given(script.entry, []), reader));
    if ('refused' in made) {
      must(made.refused.startsWith('SOURCE '), made.refused);
      return `${made.refused} ${Math.min(3, requests)}`;
    }
    // All that was given, each once and in its order: a part begins where the one before has ended, and the last
    // one says so.
    const next = new Map<string, number>();
    const wanted = new Map<string, string[]>();
    for (const part of parts) {
      if ('from' in part) {
        same(part.from, next.get(part.of) ?? 0, `where a part of ${part.of} begins`);
        must(part.to === Infinity || part.to - part.from + 1 === part.values.length, 'a part that is none');
        next.set(part.of, part.to + 1);
      }
      const attribute = part.of.split(';', 1)[0] ?? '';
      wanted.set(attribute, [...(wanted.get(attribute) ?? []), ...part.values]);
    }
    for (const [of, to] of next) must(to === Infinity, `${of} is cut at ${to}`);
    const sorted = (all: Iterable<readonly [string, readonly string[]]>) =>
      [...all].map(([name, values]) => [name, [...values].sort()] as const).sort(([a], [b]) => (a < b ? -1 : 1));
    same(sorted(made.value), sorted(wanted), 'the values');
    return `taken, ${Math.min(3, made.value.size)} attributes, ${Math.min(3, next.size)} in ranges, ${Math.min(3, requests)} requests`;
  },
};
