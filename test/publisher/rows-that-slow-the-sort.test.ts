// Rows in an order that was made for the sort: McIlroy's adversary ("A Killer Adversary for Quicksort", 1999)
// answers each comparison so that the pivot is as bad as can be, and so finds the order in which the median of
// first, middle and last takes the square of steps.
import { expect, test } from 'vitest';
import { RowSort } from '../../src/bundle/table/multikey-quicksort.ts';

const COUNT = 6000;
const SMALL = 12;

/** The rank of each row, in the order in which they are to be given. */
function killer(count: number): number[] {
  const open = count;
  const rank = Array.from({ length: count }, () => open);
  let [solid, candidate] = [0, 0];
  const compare = (a: number, b: number): number => {
    if (a === b) return 0;
    if (rank[a] === open && rank[b] === open) rank[a === candidate ? a : b] = solid++;
    if (rank[a] === open) candidate = a;
    else if (rank[b] === open) candidate = b;
    return (rank[a] ?? 0) - (rank[b] ?? 0);
  };
  const items = Array.from({ length: count }, (_, i) => i);
  const at = (i: number): number => items[i] ?? 0;
  const swap = (i: number, j: number): void => void ([items[i], items[j]] = [at(j), at(i)]);
  const least = (a: number, b: number) => (compare(a, b) < 0 ? a : b);
  const most = (a: number, b: number) => (compare(a, b) < 0 ? b : a);
  const sort = (from: number, to: number): void => {
    while (to - from > SMALL) {
      const [a, b, c] = [at(from), at((from + to) >>> 1), at(to - 1)];
      const pivot = compare(a, b) < 0 ? least(b, most(a, c)) : least(a, most(b, c));
      let [less, i, more] = [from, from, to];
      while (i < more) {
        const order = compare(at(i), pivot);
        if (order < 0) swap(less++, i++);
        else if (order > 0) swap(i, --more);
        else i++;
      }
      if (less - from < to - more) {
        sort(from, less);
        from = more;
      } else {
        sort(more, to);
        to = less;
      }
    }
    for (let i = from + 1; i < to; i++) for (let k = i; k > from && compare(at(k), at(k - 1)) < 0; k--) swap(k, k - 1);
  };
  sort(0, count);
  return rank.map((each) => (each === open ? solid++ : each));
}

/** Four characters that sort as the number does. */
const four = (n: number): string =>
  [13824, 576, 24, 1].map((unit) => String.fromCharCode(0x61 + (Math.floor(n / unit) % 24))).join('');

function steps(ranks: readonly number[]): number {
  const rows = ranks.map((rank) => `${four(rank)}@d.example\n`);
  const bytes = Buffer.from(`${rows.join('')}\n\n\n\n`);
  const starts = Int32Array.from({ length: rows.length }, (_, i) => i * (rows[0]?.length ?? 0));
  const sort = new RowSort(bytes, starts);
  sort.sort(0, rows.length, 0);
  const sorted = Array.from(starts, (start) => bytes.toString('latin1', start, start + (rows[0]?.length ?? 0)));
  expect(sorted).toEqual([...rows].sort());
  return sort.steps;
}

const inOrder = Array.from({ length: COUNT }, (_, i) => i);

test.each([
  ['made for the median of first, middle and last', () => killer(COUNT)],
  ['in order', () => inOrder],
  ['backwards', () => inOrder.map((i) => COUNT - 1 - i)],
  ['up and down', () => inOrder.map((i) => (i % 2 === 0 ? i : COUNT - i))],
])('%s: no more steps than by chance', (_, ranks) => {
  expect(steps(ranks())).toBeLessThan(COUNT * 40);
});
