// The question whether Postfix folds every code point as we do, put to a real postmap: a cdb by our own writer that
// has our form of every code point for a key and its number for a value, the questions in their unfolded form, and
// what the answers say. Touches no disk: whoever asks brings the postmap.
import { AddressError, canonicalRow } from '../../src/bundle/address/address.ts';
import { foldCase } from '../../src/bundle/address/case-folding.ts';
import { RowCollector, type RowBlock } from '../../src/bundle/table/rows.ts';
import { written } from '../map/cdb-records.ts';
import { Random } from './random.ts';

/** Where Postfix looks up another key than our row. */
export interface Disagreement {
  /** `U+1E9E`, or the code points of a longer text. */
  readonly text: string;
  /** The local part of our row. */
  readonly ours: string;
  /** What Postfix made of it, as far as that is a key of ours; null where it found nothing. */
  readonly postfix: string | null;
}

export interface EveryCodePoint {
  /** To be asked with `postmap -q -`. */
  readonly cdb: Buffer;
  /** One a line. */
  readonly questions: Buffer;
  readonly asked: number;
  /** Code points that cannot stand in a row, by the rule that says so. */
  readonly impossible: Readonly<Record<string, number>>;
  disagreements(answers: string): Disagreement[];
}

const DIGITS = 8;
const LONGER = 20_000;
const DOMAIN = '@example.org';

export function everyCodePoint(): EveryCodePoint {
  const keys: string[] = [];
  const numbers = new Map<string, string>();
  const expected = new Map<string, string>();
  const changing: string[] = [];
  const impossible: Record<string, number> = {};
  const ask = (text: string): void => {
    const question = `x${text}${DOMAIN}`;
    const row = rowOf(question, impossible);
    if (row === null || expected.has(question)) return;
    let number = numbers.get(row);
    if (number === undefined) {
      number = String(keys.length).padStart(DIGITS, '0');
      numbers.set(row, number);
      keys.push(row);
    }
    expected.set(question, number);
    if (row !== question) changing.push(text);
  };
  for (let code = 0; code <= 0x10ffff; code++) ask(String.fromCodePoint(code));
  // A folded row is asked for as well, and several together: no rule may look at a neighbour.
  const characters = changing.flatMap((text) => [text, foldCase(text)]);
  for (const text of characters) ask(text);
  for (const text of longer(characters, new Random(15))) ask(text);

  return {
    cdb: numbered(keys),
    questions: Buffer.from([...expected.keys()].map((question) => `${question}\n`).join('')),
    asked: expected.size,
    impossible,
    disagreements(answers) {
      const found = new Map<string, string>();
      for (const line of answers.split('\n')) {
        const tab = line.lastIndexOf('\t');
        if (tab > 0) found.set(line.slice(0, tab), line.slice(tab + 1));
      }
      return [...expected]
        .filter(([question, number]) => found.get(question) !== number)
        .map(([question, number]) => ({
          text: Array.from(local(question), (c) => `U+${(c.codePointAt(0) ?? 0).toString(16).toUpperCase()}`).join(' '),
          ours: local(keys[Number(number)] ?? ''),
          postfix: found.has(question) ? local(keys[Number(found.get(question))] ?? '') : null,
        }));
    },
  };
}

/** What was put between the letter and the domain. */
const local = (row: string): string => row.slice(1, -DOMAIN.length);

function rowOf(question: string, impossible: Record<string, number>): string | null {
  try {
    return canonicalRow(question);
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    impossible[error.rule] = (impossible[error.rule] ?? 0) + 1;
    return null;
  }
}

/** Texts of two to eight of these characters, and of those that rules for lower case look at as neighbours. */
function* longer(characters: readonly string[], random: Random): Generator<string> {
  const special = Array.from(
    '\u03a3\u03c3\u03c2\u0130\u0131I\u0307\u00df\u1e9e\u0301\u0345\u00ad\u200d\ufb03\u1fb7.- ',
  );
  for (let i = 0; i < LONGER; i++) {
    const length = 2 + random.number(7);
    yield Array.from({ length }, () => random.pick(random.once(3) ? special : characters)).join('');
  }
}

/** A cdb by our writer, whose values, all alike when it was written, are then the numbers of the keys. */
function numbered(keys: readonly string[]): Buffer {
  const blocks: RowBlock[] = [];
  const rows = new RowCollector();
  for (const key of keys) {
    const bytes = Buffer.from(key);
    rows.add(bytes, 0, bytes.length);
    const block = rows.full();
    if (block !== null) blocks.push(block);
  }
  const file = written([...blocks, rows.rest()], '0'.repeat(DIGITS), keys.length);
  let at = 2048;
  for (let i = 0; i < keys.length; i++) {
    at += 8 + file.readUInt32LE(at);
    file.write(String(i).padStart(DIGITS, '0'), at);
    at += DIGITS;
  }
  return file;
}
