/** Reads the logs and what is published, and judges the fleet. Writes nothing. */
import type { Readable } from 'node:stream';
import type { Manifest } from '../../bundle/offer/manifest.ts';
import { log } from '../../io/log.ts';
import type { PublisherConfig } from '../config.ts';
import { isUnreachable, PublishError } from '../errors.ts';
import { othersOf } from '../repository/other-publisher.ts';
import { lookAt } from '../repository/with-repository.ts';
import { expectedGateways } from './expected.ts';
import { judgeFleet, type Fleet } from './judge.ts';
import type { Format } from './log/format.ts';
import { KnownLines } from './log/known-lines.ts';
import { readLog } from './log/read-log.ts';
import { Tally, type Said } from './tally.ts';
import type { LogFacts } from './words.ts';

export interface FleetReport {
  readonly fleet: Fleet;
  readonly logs: LogFacts;
  /** Whether any gateway is expected by name. */
  readonly someExpected: boolean;
}

/**
 * @param logs names of files; `-` is stdin. @param format of all of them; null: the first lines of each decide.
 * @param seed of the hash tables. @throws PublishError SOURCE, STATE
 */
export async function readFleet(
  config: PublisherConfig,
  logs: readonly string[],
  format: Format | null,
  stdin: Readable,
  now: Date,
  seed: number,
): Promise<FleetReport> {
  const seconds = Math.floor(now.getTime() / 1000);
  const manifest = await publishedNow(config);
  const published =
    manifest === null ? null : { version: manifest.version, at: Math.floor(manifest.created.getTime() / 1000) };
  const who = expectedGateways(config);
  const tally = new Tally(config.name, published?.version ?? null, seconds, seed, who);
  const knownLines = new KnownLines<Said>(seed, tally.latest, (...repeated) => tally.repeated(...repeated));
  const facts = { lines: 0, unread: 0, firstUnread: '', tooLong: 0, unfinished: 0 };
  for (const name of logs) {
    const isStdin = name === '-';
    const shown = isStdin ? 'on stdin' : name;
    const counts = await readLog(shown, isStdin ? stdin : null, format, (line) => tally.add(line), knownLines);
    facts.lines += counts.lines;
    facts.tooLong += counts.tooLong;
    facts.unfinished += counts.unfinished;
    if (facts.unread === 0 && counts.unread > 0) facts.firstUnread = `${shown}, line ${counts.firstUnread}`;
    facts.unread += counts.unread;
  }
  const known = { bundle: config.name, published, ...who, silentAfter: config.fleet.silent_after / 1000 };
  return { fleet: judgeFleet(tally, known, seconds), logs: facts, someExpected: who.expected.size > 0 };
}

/** Null where nothing is out that was signed here, and where the bucket does not say: the logs tell enough then. */
async function publishedNow(config: PublisherConfig): Promise<Manifest | null> {
  try {
    return (await lookAt(config, (repository) => repository.publishedHere(othersOf(config))))?.manifest ?? null;
  } catch (error) {
    if (!(error instanceof PublishError) || !isUnreachable(error)) throw error;
    log('warning', `what is published is not known, and taken from the logs: ${error.message}`);
    return null;
  }
}
