// Two publishers and one manifest, in every interleaving: sources that change and differ, a version made durable,
// signing, a blob, a conditional write that is refused, loses its answer or arrives late, and a kill between any two
// steps. The decisions are the publisher's own functions; the world around them is the model of
// test/publisher/two-publishers.model.ts. Each guard that is taken out has to be missed.
// Covers src/publisher/repository/several-publishers.ts
import { expect, test } from 'vitest';
import { explore, type Broken } from './two-publishers.model.ts';

/** RELAYMAP_MODEL=deep: a million states, for minutes. */
const BUDGET = { changes: 2, kills: 1, lost: 1, runs: process.env['RELAYMAP_MODEL'] === 'deep' ? 5 : 3 };

test('no interleaving makes two lists of one version, loses a list, or breaks the line of versions', () => {
  const { faults, states } = explore(BUDGET);
  expect(faults).toEqual([]);
  expect(states).toBeGreaterThan(50_000);
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
])('the model finds it when %s', (broken, expected) => {
  const { faults } = explore(BUDGET, broken);
  expect(faults[0]?.what).toMatch(expected);
});
