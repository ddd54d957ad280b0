/**
 * Full case folding as Postfix does it when it looks an address up: Unicode 15.0, statuses C and F, each other code
 * point unchanged, no normalisation (section 4 of docs/bundle-format.md). Not `toLowerCase()`, which differs on 352
 * characters and with Node's version. Text in, text out: touches nothing.
 */
import { EXPANSIONS, RUNS } from './case-folding-data.ts';

const NON_ASCII = /[^\u0000-\u007f]/;
let table: ReadonlyMap<number, string> | undefined;

/** `text` folded; folding the result again gives the same. An unpaired surrogate stays what it is. */
export function foldCase(text: string): string {
  // In ASCII, folding and lower case are the same, and almost every address ends here.
  if (!NON_ASCII.test(text)) return text.toLowerCase();
  // Not before a character needs it: a start-up that folds nothing does not pay for the table.
  table ??= readTable();
  let folded = '';
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    folded += code < 0x80 ? character.toLowerCase() : (table.get(code) ?? character);
  }
  return folded;
}

/** Every character that folds, with what it folds to, beyond ASCII; in the order of their code points. */
export const foldings = (): (readonly [from: string, to: string])[] =>
  [...(table ??= readTable())]
    .map(([code, to]) => [String.fromCodePoint(code), to] as const)
    .sort(([a], [b]) => (a.codePointAt(0) ?? 0) - (b.codePointAt(0) ?? 0));

function readTable(): ReadonlyMap<number, string> {
  const mapping = new Map<number, string>();
  let code = 0;
  for (const run of RUNS.split(' ')) {
    const [gap = 0, count = 0, step = 0, delta = 0] = numbers(run);
    code += gap;
    for (let i = 0; i < count; i++) {
      if (i > 0) code += step;
      mapping.set(code, String.fromCodePoint(code + delta));
    }
  }
  for (const expansion of EXPANSIONS.split(' ')) {
    const [from = 0, ...to] = numbers(expansion);
    mapping.set(from, String.fromCodePoint(...to));
  }
  return mapping;
}

function numbers(word: string): number[] {
  return word.split('.').map((digits) => Number.parseInt(digits, 36));
}
