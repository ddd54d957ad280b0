// Two publishers and one manifest, in every interleaving: sources that change and differ, renewals, a version made
// durable, signing, a blob, a conditional write that is refused, loses its answer or arrives late, and a kill between
// any two steps. The decisions are the publisher's own functions; the world around them is the model of
// test/publisher/two-publishers.model.ts. Each guard that is taken out has to be missed.
// Covers src/publisher/repository/several-publishers.ts
import { expect, test } from 'vitest';
import { explore, type Broken } from './two-publishers.model.ts';

const ALL = { changes: 2, kills: 1, lost: 1, renewals: 0, runs: 3 };
/** Lists that are due, for either publisher at any time. */
const RENEWALS = { changes: 1, kills: 1, lost: 0, renewals: 2, runs: 4 };
/** RELAYMAP_MODEL=deep: all of it at once, and more, for minutes. */
const BUDGETS =
  process.env['RELAYMAP_MODEL'] === 'deep'
    ? [ALL, { ...ALL, runs: 5 }, { ...RENEWALS, lost: 1 }]
    : [RENEWALS, { ...ALL, changes: 1 }, { ...ALL, lost: 0 }];

test.each(BUDGETS)('no interleaving makes two lists of one version, loses one, or breaks the line: %o', (budget) => {
  const { faults, states } = explore(budget);
  expect(faults).toEqual([]);
  expect(states).toBeGreaterThan(20_000);
});

test.each<[Broken, RegExp]>([
  ['no durable version', /^signed twice/],
  ['no condition', /^not a line/],
  ['a lost answer is a success', /^lost/],
  ['a lost answer is signed anew', /^signed twice/],
  ['what is out is not read for the version', /^not a line/],
  ['the table of another is replaced at will', /^to and fro/],
  ['the loser says nothing', /^lost/],
  ['the manifest before its blob', /^no blob/],
  ['a renewal keeps its version', /^(not a line|signed twice)/],
])('the model finds it when %s', (broken, expected) => {
  const { faults } = explore(broken === 'a renewal keeps its version' ? RENEWALS : ALL, broken);
  expect(faults[0]?.what).toMatch(expected);
});
