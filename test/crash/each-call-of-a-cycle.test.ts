// A cycle's process is killed before each call that changes a file, and each of its calls on a file fails once:
// Postfix sees the old maps or the new ones, the next fetch ends as if nothing had been, the floor stays.
// RELAYMAP_CRASH=all tries the rare errors too.
import { describe, expect, test } from 'vitest';
import { canFail, changes, type Call, type Fault } from '../support/injection.ts';
import { Drill, type Point } from './drill.ts';
import { SCENARIOS } from './scenarios.ts';
import { tally } from './tally.ts';

const all = process.env['RELAYMAP_CRASH'] === 'all';
const FAULTS: readonly Fault[] = all
  ? ['KILL', 'ENOSPC', 'EIO', 'EACCES', 'EROFS', 'EINTR']
  : ['KILL', 'ENOSPC', 'EIO'];

/** One read of a file is like another: of those the first and the last, and with all the middle one. */
function thinned(calls: readonly Call[], middle: boolean): Call[] {
  const groups = new Map<string, Call[]>();
  for (const call of calls) {
    const key = `${call.name} ${call.path}`;
    groups.set(key, [...(groups.get(key) ?? []), call]);
  }
  return [...groups.values()].flatMap((group) => {
    if (group.length < 3 || group.some(changes)) return group;
    const chosen = [group[0], ...(middle ? [group[group.length >> 1]] : []), group.at(-1)];
    return chosen.filter((call) => call !== undefined);
  });
}

/**
 * Rights are set and bytes flushed between two changes; a process killed there leaves what one killed at the next
 * change leaves.
 */
const BETWEEN = /^(fchmod|fchown|fsync)$/;
/** A look that fails is a read that fails, and what a failed close leaves is known to the kernel alone. */
const LOOKS = /^(statx|newfstatat|close)$/;

/** Points that an earlier scenario had too; without `all` a refusing disk is tried at each of them once. */
const tried = new Set<string>();

function isNew({ call, fault }: Point): boolean {
  const role = call.path.replaceAll(/[0-9a-f]{64}/g, 'HASH').replace(/\/\.?[0-9]+-/, '/VERSION-');
  const key = `${fault} ${call.name} ${call.when} ${role}`;
  return !tried.has(key) && tried.add(key) !== undefined;
}

/**
 * Of a sampled scenario's kills those in the middle of installing, and one in so many of the others: half a minute
 * of them.
 */
const SAMPLE = 12;
const INSTALLS = ({ call }: Point): boolean => call.name === 'rename' && call.path.startsWith('maps/');

function points(calls: readonly Call[], fault: Fault, sampled: boolean): Point[] {
  // The lock's descriptor is shared with flock(1), whose own close would be hit.
  const own = calls.filter((call) => !(call.name === 'close' && call.path.endsWith('/lock')));
  if (all) return thinned(own, true).flatMap((call) => (canFail(call, fault) ? [{ call, fault }] : []));
  if (fault === 'KILL') {
    const kills = own.filter((call) => changes(call) && !BETWEEN.test(call.name)).map((call) => ({ call, fault }));
    return sampled ? kills.filter((kill, i) => INSTALLS(kill) || i % SAMPLE === SAMPLE - 1) : kills;
  }
  if (sampled) return [];
  return thinned(own, false)
    .filter((call) => canFail(call, fault) && !LOOKS.test(call.name))
    .map((call) => ({ call, fault }))
    .filter(isNew);
}

describe.each(SCENARIOS)('$name', (scenario) => {
  test('killed, or refused by the disk, at each of its calls', async () => {
    const drill = await Drill.open(scenario, 2);
    try {
      for (const fault of FAULTS) {
        const chosen = points(drill.calls, fault, scenario.sampled === true);
        if (chosen.length === 0) continue;
        const wrong = await drill.all(chosen);
        tally(fault, scenario.name, chosen.length, chosen.length - wrong.length);
        expect.soft(wrong, `${fault}: ${wrong.length} of ${chosen.length}`).toEqual([]);
      }
    } finally {
      await drill.close();
    }
  });
});
