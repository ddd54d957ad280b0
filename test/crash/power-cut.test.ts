// The power goes at any moment of a cycle. What was synced is there; of all else any part is, in any order, and
// files may hold zeros or half of what was written. Postfix then sees the old maps or the new ones, and the next
// fetch ends as if nothing had been.
import { describe, expect, test } from 'vitest';
import { Drill } from './drill.ts';
import { SCENARIOS } from './scenarios.ts';
import { tally } from './tally.ts';

const all = process.env['RELAYMAP_CRASH'] === 'all';
const CUT = ['an update by delta', 'the first copy', 'a rollback'];
/** What postmap writes is not in the trace: only that we sync it before it is installed. */
const traced = SCENARIOS.filter(({ config }) => config === undefined);

describe.each(traced.filter(({ name }) => all || CUT.includes(name)))('$name', (scenario) => {
  test('the power goes', async () => {
    const drill = await Drill.open(scenario, 2);
    try {
      const { tried, wrong } = await drill.powerCuts(64, all ? Infinity : 24);
      expect(tried).toBeGreaterThan(15);
      tally('power cut', scenario.name, tried, tried - wrong.length);
      expect(wrong, `${wrong.length} of ${tried}`).toEqual([]);
    } finally {
      await drill.close();
    }
  });
});
