// A small world of two publishers and one manifest, explored exhaustively, each state once. What a publisher decides is
// decided by src/publisher/repository/several-publishers.ts; the world around it is the least that can go wrong: reads,
// a durable version, a signature, a blob, a conditional write, a kill, a lost answer, a write that arrives late,
// sources that change, and a list that is due to be renewed. Tables are small numbers, payloads are named by who signed
// and how often.
import {
  afterWriting,
  judgeReading,
  nextVersion,
  withReading,
  type Tables,
} from '../../src/publisher/repository/several-publishers.ts';

/** A guard that is taken out. */
export type Broken =
  | 'no durable version'
  | 'no condition'
  | 'a lost answer is a success'
  | 'a lost answer is signed anew'
  | 'what is out is not read for the version'
  | 'the table of another is replaced at will'
  | 'the loser says nothing'
  | 'the manifest before its blob'
  | 'a renewal keeps its version';

/** How often each may happen, both publishers together. */
export interface Budget {
  readonly changes: number;
  readonly kills: number;
  readonly lost: number;
  readonly renewals: number;
  readonly runs: number;
}

export interface Fault {
  readonly what: string;
  /** What happened, step by step. */
  readonly trace: readonly string[];
}

type Phase = 'idle' | 'started' | 'recorded' | 'signed' | 'ready' | 'unsure' | 'answered';
interface Manifest {
  readonly version: number;
  readonly id: string;
  readonly by: number;
  readonly table: number;
}
interface Publisher {
  readonly phase: Phase;
  readonly source: number;
  /** Durable. */
  readonly highest: number;
  readonly readings: readonly number[];
  /** How many payloads it has signed, and of which versions. */
  readonly count: number;
  readonly signed: readonly number[];
  /** Of the run that is under way. */
  readonly snap: Manifest | null;
  readonly table: number;
  readonly sent: Manifest | null;
  /** What the store has answered. */
  readonly isDone: boolean;
  readonly said: 'nothing' | 'diverged';
}
interface World {
  readonly out: Manifest | null;
  /** Payloads and tables that were out, the present ones included. */
  readonly ids: readonly string[];
  readonly tables: readonly number[];
  readonly blobs: readonly number[];
  /** Writes that the store gets later, with the payload that they are to replace. */
  readonly late: readonly { readonly manifest: Manifest; readonly replaced: string | null }[];
  readonly publishers: readonly [Publisher, Publisher];
  readonly left: Budget;
}
type Step = readonly [label: string, next: World];

const TABLES = [0, 1, 2];
const NAMES = ['A', 'B'];
const fresh: Publisher = {
  phase: 'idle',
  source: 0,
  highest: 0,
  readings: [],
  count: 0,
  signed: [],
  snap: null,
  table: 0,
  sent: null,
  isDone: false,
  said: 'nothing',
};
const tablesOf = (table: number): Tables => ({ recipients: String(table), transport: null });
const unique = <T>(list: readonly T[], item: T): T[] => (list.includes(item) ? [...list] : [...list, item]);

class Wrong extends Error {}

export function explore(budget: Budget, broken: Broken | null = null): { faults: Fault[]; states: number } {
  const start: World = {
    out: null,
    ids: [],
    tables: [],
    blobs: [],
    late: [],
    publishers: [fresh, fresh],
    left: budget,
  };
  const seen = new Map<string, readonly [string, string] | null>([[JSON.stringify(start), null]]);
  const queue: World[] = [start];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const key = JSON.stringify(next);
    try {
      // Any other state leads to such a one without a further fault.
      if (next.publishers.every(({ phase }) => phase === 'idle')) close(next, broken);
      for (const [label, world] of successors(next, broken)) {
        const other = JSON.stringify(world);
        if (seen.has(other)) continue;
        seen.set(other, [key, label]);
        queue.push(world);
      }
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      return { faults: [{ what: error.message, trace: traceOf(seen, key) }], states: seen.size };
    }
  }
  return { faults: [], states: seen.size };
}

function traceOf(seen: ReadonlyMap<string, readonly [string, string] | null>, key: string): string[] {
  const trace: string[] = [];
  for (let at = seen.get(key); at != null; at = seen.get(at[0])) trace.unshift(at[1]);
  return trace;
}

function withPublisher(world: World, who: number, change: Partial<Publisher>): World {
  const [a, b] = world.publishers;
  return { ...world, publishers: who === 0 ? [{ ...a, ...change }, b] : [a, { ...b, ...change }] };
}

const spend = (world: World, what: keyof Budget): World => ({
  ...world,
  left: { ...world.left, [what]: world.left[what] - 1 },
});

function successors(world: World, broken: Broken | null): Step[] {
  const steps: Step[] = world.late.map((write, i) => [
    `the store gets ${write.manifest.id} late`,
    put({ ...world, late: world.late.filter((_, j) => j !== i) }, write.manifest, write.replaced, broken).world,
  ]);
  for (const who of [0, 1]) {
    const p = world.publishers[who === 0 ? 0 : 1];
    const name = NAMES[who] ?? '';
    if (world.left.changes > 0) {
      for (const source of TABLES.filter((table) => table !== p.source))
        steps.push([`${name}'s sources: ${source}`, withPublisher(spend(world, 'changes'), who, { source })]);
    }
    if (p.phase === 'idle') {
      if (world.left.runs > 0) steps.push([`${name} starts`, begin(spend(world, 'runs'), who)]);
      continue;
    }
    if (world.left.kills > 0) steps.push([`${name} is killed`, idle(spend(world, 'kills'), who, {})]);
    steps.push([`${name} goes on from ${p.phase}`, goOn(world, who, broken)]);
    if (p.phase === 'started' && world.left.renewals > 0 && judged(world, who) === 'same')
      steps.push([`${name} renews the list`, record(spend(world, 'renewals'), who, broken, true)]);
    if (p.phase === 'ready' && p.sent !== null && world.left.lost > 0) {
      const lost = withPublisher(spend(world, 'lost'), who, { phase: 'unsure' });
      const replaced = p.snap?.id ?? null;
      const ends: Step[] = [
        [`${name}'s write is lost`, lost],
        [`${name}'s answer is lost`, put(lost, p.sent, replaced, broken).world],
        [`${name}'s write is late`, { ...lost, late: [...lost.late, { manifest: p.sent, replaced }] }],
      ];
      for (const [label, end] of ends)
        steps.push([label, broken === 'a lost answer is a success' ? settle(end, who, 'nothing', true) : end]);
    }
  }
  return steps;
}

const begin = (world: World, who: number): World => withPublisher(world, who, { phase: 'started', snap: world.out });

/** What a run knew is gone; what was durable is not. */
const idle = (world: World, who: number, change: Partial<Publisher>): World =>
  withPublisher(world, who, { phase: 'idle', snap: null, table: 0, sent: null, isDone: false, ...change });

function settle(world: World, who: number, said: Publisher['said'], claimed: boolean): World {
  const p = world.publishers[who === 0 ? 0 : 1];
  if (claimed && p.sent !== null && !world.ids.includes(p.sent.id))
    throw new Wrong(`lost: ${p.sent.id} was never out, and nothing said so`);
  const readings = withReading(p.readings.map(tablesOf), tablesOf(p.table)).map(({ recipients }) => Number(recipients));
  return idle(world, who, { readings, said });
}

function goOn(world: World, who: number, broken: Broken | null): World {
  const p = world.publishers[who === 0 ? 0 : 1];
  const { snap } = p;
  const early = broken === 'the manifest before its blob';
  switch (p.phase) {
    case 'idle':
      return world;
    case 'started': {
      const read = withPublisher(world, who, { table: p.source });
      const found = judged(world, who);
      if (found === 'same') return settle(read, who, 'nothing', false);
      if (found === 'diverged' && broken !== 'the table of another is replaced at will')
        return settle(read, who, broken === 'the loser says nothing' ? 'nothing' : 'diverged', false);
      return record(world, who, broken, false);
    }
    case 'recorded':
      return withPublisher(signed(world, who), who, { phase: 'signed' });
    case 'signed': {
      const blobs = early ? world.blobs : unique(world.blobs, p.table);
      return withPublisher({ ...world, blobs }, who, { phase: 'ready' });
    }
    case 'ready': {
      if (p.sent === null) throw new Error('nothing to send');
      const { world: next, isTaken } = put(world, p.sent, snap?.id ?? null, broken);
      const there = early ? { ...next, blobs: unique(next.blobs, p.table) } : next;
      return withPublisher(there, who, { phase: 'answered', isDone: isTaken });
    }
    case 'unsure': // no answer: the same bytes again
      return withPublisher(broken === 'a lost answer is signed anew' ? signed(world, who) : world, who, {
        phase: 'ready',
      });
    case 'answered': {
      const found = world.out?.id ?? null;
      const what = found === p.sent?.id ? 'sent' : found === (snap?.id ?? null) ? 'replaced' : 'other';
      const became = afterWriting(p.isDone, what);
      if (became === 'written') return settle(world, who, 'nothing', true);
      if (became === 'send again') return withPublisher(world, who, { phase: 'ready', isDone: false });
      return begin(withPublisher(world, who, { sent: null, isDone: false }), who); // the race is lost
    }
    default:
      return p.phase satisfies never;
  }
}

/** What a publisher does about what was out when its run began. */
function judged(world: World, who: number): ReturnType<typeof judgeReading> {
  const { source, readings, snap } = world.publishers[who === 0 ? 0 : 1];
  const reading = { now: tablesOf(source), before: readings.map(tablesOf) };
  const earlier = new Set(world.tables.filter((table) => table !== snap?.table).map(String));
  const out = snap === null ? null : { tables: tablesOf(snap.table), isOthers: snap.by !== who, earlier };
  return judgeReading(reading, out);
}

/** The version is durable before it is signed. */
function record(world: World, who: number, broken: Broken | null, renews: boolean): World {
  const p = world.publishers[who === 0 ? 0 : 1];
  const out = broken === 'what is out is not read for the version' ? null : (p.snap?.version ?? null);
  const keeps = renews && broken === 'a renewal keeps its version';
  const version = keeps ? (out ?? 1) : nextVersion(p.highest, out);
  const sent = { version, id: '', by: who, table: p.source };
  const highest = broken === 'no durable version' ? p.highest : Math.max(p.highest, version);
  return withPublisher(world, who, { phase: 'recorded', table: p.source, sent, highest });
}

/** The next payload of this publisher, which must not be the second one of its version. */
function signed(world: World, who: number): World {
  const p = world.publishers[who === 0 ? 0 : 1];
  if (p.sent === null) throw new Error('nothing to sign');
  const { version } = p.sent;
  if (p.signed.includes(version)) throw new Wrong(`signed twice: version ${version} by ${NAMES[who]}`);
  const count = p.count + 1;
  const sent = { ...p.sent, id: `${NAMES[who]}${count}` };
  return withPublisher(world, who, { count, signed: [...p.signed, version], sent });
}

/** What the store does with a conditional write. */
function put(
  world: World,
  manifest: Manifest,
  replaced: string | null,
  broken: Broken | null,
): { readonly world: World; readonly isTaken: boolean } {
  if ((world.out?.id ?? null) !== replaced && broken !== 'no condition') return { world, isTaken: false };
  if (manifest.version <= (world.out?.version ?? 0))
    throw new Wrong(`not a line: version ${manifest.version} after ${world.out?.version}`);
  if (!world.blobs.includes(manifest.table)) throw new Wrong(`no blob of table ${manifest.table}`);
  const [ids, tables] = [[...world.ids, manifest.id], unique(world.tables, manifest.table)];
  return { world: { ...world, out: manifest, ids, tables }, isTaken: true };
}

/**
 * From every state in which nothing is under way: the faults end, both publishers run in turn. Then each one's list is
 * out or it says why not, equal sources mean that their list is out, and nothing is written any more.
 */
function close(from: World, broken: Broken | null): void {
  let world = from;
  for (const { manifest, replaced } of world.late)
    world = put({ ...world, late: [] }, manifest, replaced, broken).world;
  for (let round = 0; round < 3; round++) {
    for (const who of [0, 1]) {
      if (world.publishers[who === 0 ? 0 : 1].phase === 'idle') world = begin(world, who);
      for (let i = 0; i < 40 && world.publishers[who === 0 ? 0 : 1].phase !== 'idle'; i++)
        world = goOn(world, who, broken);
      if (world.publishers[who === 0 ? 0 : 1].phase !== 'idle') throw new Wrong(`no end: ${NAMES[who]}`);
    }
    if (round === 1) from = world;
  }
  if (world.out?.id !== from.out?.id)
    throw new Wrong('to and fro: with nothing new, the list is written again and again');
  const [a, b] = world.publishers;
  for (const p of [a, b]) {
    if (world.out?.table !== p.source && (p.said !== 'diverged' || a.source === b.source))
      throw new Wrong(`lost: table ${p.source} is not out, and nothing said so`);
  }
}
