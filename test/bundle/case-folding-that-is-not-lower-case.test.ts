/** Where `toLowerCase()` would reject a recipient's mail: Postfix folds by Unicode 15.0's CaseFolding, C and F. */
import { describe, expect, test } from 'vitest';
import { foldCase } from '../../src/bundle/address/case-folding.ts';

const LAST = 0x10ffff;

describe('single characters', () => {
  test.each([
    ['ASCII', 'Alice@Example.ORG', 'alice@example.org'],
    ['I has its dot in every locale', 'I', 'i'],
    ['dotted capital I', '\u0130', 'i\u0307'],
    ['dotless i stays', '\u0131', '\u0131'],
    ['sharp s', 'Stra\u00dfe', 'strasse'],
    ['capital sharp s', '\u1e9e', 'ss'],
    ['final sigma', '\u03a3\u03c2', '\u03c3\u03c3'],
    ['ligature', '\ufb03', 'ffi'],
    ['three out of one', '\u0390', '\u03b9\u0308\u0301'],
    ['micro sign', '\u00b5', '\u03bc'],
    ['long s', '\u017f', 's'],
    ['Kelvin', '\u212a', 'k'],
    ['Cherokee folds upwards', '\uab70\u13f8', '\u13a0\u13f0'],
    ['Georgian capitals', '\u1c90', '\u10d0'],
    ['beyond the first plane', '\u{10400}\u{1e900}', '\u{10428}\u{1e922}'],
    ['the last of a run of every second', '\u0100\u012e\u0101', '\u0101\u012f\u0101'],
    ['combining iota', '\u0345', '\u03b9'],
    ['mixed with ASCII', 'J\u00dcRGEN@B\u00dcCHER.Example', 'j\u00fcrgen@b\u00fccher.example'],
  ])('%s', (_name, text, folded) => {
    expect(foldCase(text)).toBe(folded);
  });

  test('nothing is normalised: two forms of one letter stay two', () => {
    expect(foldCase('\u00c9')).toBe('\u00e9');
    expect(foldCase('E\u0301')).toBe('e\u0301');
  });

  test('half a surrogate pair stays what it is', () => {
    expect(foldCase('A\ud801Z\udc00')).toBe('a\ud801z\udc00');
  });
});

test('over every code point: 1504 beyond ASCII change, 104 of them into several, and no result changes again', () => {
  let changed = 0;
  let grown = 0;
  const unstable: string[] = [];
  const seen: string[] = [];
  for (let code = 0x80; code <= LAST; code++) {
    const character = String.fromCodePoint(code);
    const folded = foldCase(character);
    if (folded !== character) {
      changed++;
      seen.push(character);
      if (Array.from(folded).length > 1) grown++;
    }
    if (foldCase(folded) !== folded) unstable.push(code.toString(16));
  }
  expect({ changed, grown, unstable }).toEqual({ changed: 1504, grown: 104, unstable: [] });
  // Character by character and in one string is the same: no rule looks at a neighbour.
  expect(foldCase(seen.join(''))).toBe(seen.map((character) => foldCase(character)).join(''));
});

test('toLowerCase() is wrong on 352 code points beyond ASCII', () => {
  let different = 0;
  for (let code = 0x80; code <= LAST; code++) {
    const character = String.fromCodePoint(code);
    if (foldCase(character) !== character.toLowerCase()) different++;
  }
  // Node's own Unicode is newer than 15.0, so that the number may only grow with Node: hence "at least".
  expect(different).toBeGreaterThanOrEqual(352);
});
