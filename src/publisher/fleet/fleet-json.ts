/** The fleet for a script (docs/commands.md section 3.2). Pure. */
import type { Fleet } from './judge.ts';
import { sentence, type LogFacts } from './words.ts';

const instant = (seconds: number | null): string | null =>
  seconds === null || !Number.isFinite(seconds) ? null : new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, 'Z');

export function fleetJson(fleet: Fleet, logs: LogFacts): unknown {
  const { tally, spread, now } = fleet;
  return {
    bundle: fleet.bundle,
    sentence: sentence(fleet),
    at: instant(now),
    version: fleet.version,
    publishedAt: instant(fleet.publishedAt),
    isVersionKnown: fleet.isVersionKnown,
    isByClaim: fleet.isByClaim,
    counts: { gateways: fleet.rows.length, ...fleet.counts },
    spread:
      spread === null
        ? null
        : { halfSeconds: spread.half, mostSeconds: spread.most, reached: spread.after.length, of: spread.of },
    gateways: fleet.rows.map(({ versionAt, lastPoll, ...row }) => ({
      ...row,
      versionAge: versionAt === null ? null : Math.max(0, now - versionAt),
      lastPoll: instant(lastPoll),
    })),
    strangers: fleet.strangers.map((each) => ({ ...each, last: instant(each.last) })),
    claims: fleet.claims.map((each) => ({ ...each, last: instant(each.last) })),
    addresses: fleet.addresses,
    log: {
      lines: logs.lines,
      unread: logs.unread,
      tooLong: logs.tooLong,
      unfinished: logs.unfinished,
      ...tally,
      first: instant(tally.first),
      last: instant(tally.last),
    },
  };
}
