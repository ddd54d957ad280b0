// The union of tables of next hops: one row a domain, of the first bundle in the configuration, and nothing that a
// bundle may not say.
import { expect, test } from 'vitest';
import { nothingLeftOut, routes, type RouteMember } from '../../src/map/routes.ts';
import { collected, sorted, stream } from '../bundle/blocks.ts';

const member = (rows: string[], change: Partial<RouteMember> = {}): RouteMember => ({
  rows: stream(sorted(rows), 17),
  speaksFor: () => true,
  allows: () => true,
  ...change,
});

test('the first member counts, whichever next hop sorts first', async () => {
  const left = nothingLeftOut();
  const union = await collected(
    routes(
      [
        member(['b.example\tz.example.org', 'c.example\t[mx.example.org]']),
        member(['a.example\t[mx.example.org]', 'b.example\ta.example.org', 'd.example\td.example.org']),
        member(['b.example\ta.example.org', 'c.example\t[mx.example.org]']),
      ],
      left,
    ),
  );
  expect(union).toEqual([
    'a.example\t[mx.example.org]',
    'b.example\tz.example.org',
    'c.example\t[mx.example.org]',
    'd.example\td.example.org',
  ]);
  expect(left).toEqual({ clashes: 3, clashing: ['b.example', 'b.example', 'c.example'], foreign: 0 });
});

test('a domain whose name another one begins with is another domain', async () => {
  const left = nothingLeftOut();
  const names = ['a.example', 'a.example.org', 'a-b.example', 'a.exampl.e'];
  const one = names.map((name) => `${name}\tone.example.org`);
  const two = names.map((name) => `x${name}\ttwo.example.org`);
  expect(await collected(routes([member(one), member(two)], left))).toEqual(sorted([...one, ...two]));
  expect(left.clashes).toBe(0);
});

test('what a member may not say is left out and counted, and then another one has the domain', async () => {
  const left = nothingLeftOut();
  const rows = ['a.example\tmx.example.org', 'b.example\t[192.0.2.1]', 'c.example\tmx.example.org'];
  const union = await collected(
    routes(
      [
        member(rows, { speaksFor: (domain) => domain !== 'a.example', allows: ({ address }) => address === null }),
        member(['b.example\tb.example.org']),
      ],
      left,
    ),
  );
  expect(union).toEqual(['b.example\tb.example.org', 'c.example\tmx.example.org']);
  expect(left).toEqual({ clashes: 0, clashing: [], foreign: 2 });
});

test('nothing of nobody', async () => {
  expect(await collected(routes([], nothingLeftOut()))).toEqual([]);
  expect(await collected(routes([member([])], nothingLeftOut()))).toEqual([]);
});
