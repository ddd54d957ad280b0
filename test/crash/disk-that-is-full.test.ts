// Real refusals in place of injected ones: a file system that is full at ever later moments of a cycle, and a quota
// that is used up.
import { describe, expect, test } from 'vitest';
import { fullDisk, quota, type Room } from '../support/room.ts';
import { Drill } from './drill.ts';
import { SCENARIOS } from './scenarios.ts';
import { tally } from './tally.ts';

const STARVED = ['an update by delta', 'the first copy', 'a rollback'];
const PAGE = 4096;
const upTo = (count: number, size: number) => Array.from({ length: count }, (_, i) => i * size);

const rooms: [string, () => Room, readonly number[]][] = [
  ['a full file system', fullDisk, upTo(13, PAGE)],
  ['a used-up quota', quota, upTo(8, 16 * PAGE)],
];

describe.each(rooms)('%s', (kind, open, bytes) => {
  test.each(SCENARIOS.filter(({ name }) => STARVED.includes(name)))('$name', async (scenario) => {
    const room = open();
    try {
      const drill = await Drill.open(scenario, 1, room.folder);
      try {
        const { refused, wrong } = await drill.starved(room, bytes);
        tally(kind, scenario.name, bytes.length, bytes.length - wrong.length);
        expect(wrong).toEqual([]);
        expect(refused).toBeGreaterThan(2);
      } finally {
        await drill.close();
      }
    } finally {
      room.close();
    }
  });
});
