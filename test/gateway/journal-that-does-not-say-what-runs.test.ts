// src/gateway/daemon/start-line.ts: whoever looks into the journal sees which version follows which lists, and when
// next.
import { expect, test } from 'vitest';
import { startLine, type List } from '../../src/gateway/daemon/start-line.ts';

const next = new Date('2026-11-26T15:24:31.250Z');

test('version, bundles, schedule and the next cycle in one line', () => {
  const lists: List[] = [
    ['example-org', 42],
    ['example-net', null],
  ];
  expect(startLine('0.1.0', lists, '* * * * *', next)).toBe(
    'relaymap 0.1.0: example-org version 42, example-net without a list; schedule "* * * * *" (UTC), next cycle 2026-11-26T15:24:31Z',
  );
});

test('of a thousand lists five are named', () => {
  const lists = Array.from({ length: 1000 }, (_, i): List => [`list-${i}`, i + 1]);
  expect(startLine('0.1.0', lists, '* * * * *', next)).toContain('list-4 version 5, 995 more; schedule');
  expect(startLine('0.1.0', lists, '* * * * *', next).length).toBeLessThan(250);
});
