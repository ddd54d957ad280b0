// A cycle's process is killed before each call that changes a file, and each of its calls on a file fails once:
// Postfix sees the old maps or the new ones, the next fetch ends as if nothing had been, the floor stays.
// Each kind of call is tried, and one in so many of the others; which ones rotates from day to day
// (summary.ts prints the day's RELAYMAP_CRASH_SEED). RELAYMAP_CRASH=all tries every one, and the rare errors too.
import { describe, expect, test } from 'vitest';
import { canFail, changes, type Call, type Fault } from '../support/injection.ts';
import { Drill, type Point } from './drill.ts';
import { SCENARIOS } from './scenarios.ts';
import { SEED, tally } from './tally.ts';

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
    const ends = [group[0], ...(middle ? [group[group.length >> 1]] : []), group.at(-1)];
    return ends.filter((call) => call !== undefined);
  });
}

/**
 * Rights are set and bytes flushed between two changes; a process killed there leaves what one killed at the next
 * change leaves.
 */
const BETWEEN = /^(fchmod|fchown|fsync)$/;
/** A look that fails is a read that fails, and what a failed close leaves is known to the kernel alone. */
const LOOKS = /^(statx|newfstatat|close)$/;

const role = ({ path }: Call): string => path.replaceAll(/[0-9a-f]{64}/g, 'HASH').replace(/\/\.?[0-9]+-/, '/VERSION-');

/** What an earlier point had too. Without `all` a refusing disk is tried at each call of a file once. */
const tried = new Set<string>();
const isFirst = (key: string): boolean => !tried.has(key) && tried.add(key) !== undefined;
const isNew = ({ call, fault }: Point): boolean => isFirst(`${fault} ${call.name} ${call.when} ${role(call)}`);

/** One in so many of the points, and fewer of the scenarios that are only sampled. */
const SAMPLE = 4;
const SMALL_SAMPLE = 12;
const seed = Number(process.env[SEED]);

const INSTALLS = ({ call }: Point): boolean => call.name === 'rename' && call.path.startsWith('maps/');

/** The first of its kind, one in so many of the others, and every kill in the middle of installing. */
const chosen = (point: Point, i: number): boolean =>
  isFirst(`${point.fault} ${point.call.name} ${role(point.call)}`) ||
  (i + seed) % SAMPLE === 0 ||
  (point.fault === 'KILL' && INSTALLS(point));

function points(calls: readonly Call[], fault: Fault, sampled: boolean): Point[] {
  // The lock's descriptor is shared with flock(1), whose own close would be hit.
  const own = calls.filter((call) => !(call.name === 'close' && call.path.endsWith('/lock')));
  if (all) return thinned(own, true).flatMap((call) => (canFail(call, fault) ? [{ call, fault }] : []));
  if (fault === 'KILL') {
    const kills = own.filter((call) => changes(call) && !BETWEEN.test(call.name)).map((call) => ({ call, fault }));
    return kills.filter(sampled ? (kill, i) => INSTALLS(kill) || (i + seed) % SMALL_SAMPLE === 0 : chosen);
  }
  if (sampled) return [];
  return thinned(own, false)
    .filter((call) => canFail(call, fault) && !LOOKS.test(call.name))
    .map((call) => ({ call, fault }))
    .filter(isNew)
    .filter(chosen);
}

describe.each(SCENARIOS)('$name', (scenario) => {
  test('killed, or refused by the disk, at each of its calls', async () => {
    const drill = await Drill.open(scenario, 2);
    try {
      for (const fault of FAULTS) {
        const now = points(drill.calls, fault, scenario.sampled === true);
        if (now.length === 0) continue;
        const wrong = await drill.all(now);
        tally(fault, scenario.name, now.length, now.length - wrong.length);
        expect.soft(wrong, `${fault}, ${SEED}=${seed}: ${wrong.length} of ${now.length}`).toEqual([]);
      }
    } finally {
      await drill.close();
    }
  });
});
