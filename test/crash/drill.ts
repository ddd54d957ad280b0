// One scenario, disturbed once at a time: the folders are laid down as they were before, the command runs with its fault, and what it
// leaves is judged, then what the next `fetch` makes of that.
import { readFileSync } from 'node:fs';
import type { Finished, Gateway } from '../support/gateway.ts';
import { sha256 } from '../support/forger.ts';
import { injected, injecting, ONE_THREAD, recorded, recording, type Call, type Fault } from '../support/injection.ts';
import { floors, FOLDERS, meaning, view } from '../support/meaning.ts';
import { layTree, takeTree, type Tree } from '../support/tree.ts';
import { Stage, type Scenario } from './scenarios.ts';

/** What undisturbed runs make of one gateway's folders. */
interface Reference {
  readonly before: Tree;
  readonly after: Tree;
  /** The exit status of the `fetch` after the command, or without it, and the meaning of what is there then. */
  readonly ends: readonly { readonly status: number | null; readonly meaning: string }[];
}

export interface Point {
  readonly call: Call;
  readonly fault: Fault;
}

const pathOf = (call: Call) => call.path.replaceAll(/([0-9a-f]{8})[0-9a-f]{56}/g, '$1~');
export const nameOf = ({ call, fault }: Point): string => `${fault} at ${call.name} ${call.when} of ${pathOf(call)}`;

export class Drill {
  /** What the undisturbed command does, with paths relative to the gateway's folder. */
  readonly calls: readonly Call[];
  readonly #stage: Stage;
  readonly #args: readonly string[];
  readonly #references: ReadonlyMap<Gateway, Reference>;
  /** What was left and has been judged to the end before. */
  readonly #known = new Set<string>();

  private constructor(
    stage: Stage,
    args: readonly string[],
    calls: readonly Call[],
    references: Map<Gateway, Reference>,
  ) {
    this.#stage = stage;
    this.#args = args;
    this.calls = calls;
    this.#references = references;
  }

  static async open(scenario: Scenario, lanes: number): Promise<Drill> {
    const stage = await Stage.open(lanes);
    await scenario.prepare(stage);
    const args = scenario.args(stage);
    const references = new Map<Gateway, Reference>();
    let calls: readonly Call[] = [];
    for (const gateway of stage.gateways) {
      const before = takeTree(gateway.dir, FOLDERS);
      const log = gateway.at('strace.log');
      const done = await gateway.run(args, { under: recording(log), env: ONE_THREAD });
      if (done.status !== 0) throw new Error(`undisturbed, it ends with ${done.status}: ${done.stderr}`);
      calls = recorded(log, [gateway.stateDir, gateway.mapDir]).map((call) => ({
        ...call,
        path: call.path.slice(gateway.dir.length + 1),
      }));
      const after = takeTree(gateway.dir, FOLDERS);
      const ends = [await endOf(gateway)];
      layTree(gateway.dir, FOLDERS, before);
      ends.push(await endOf(gateway));
      references.set(gateway, { before, after, ends });
    }
    return new Drill(stage, args, calls, references);
  }

  /** Tries all points, as many at once as there are gateways. @returns what went wrong, by point. */
  async all(points: readonly Point[]): Promise<string[]> {
    const wrong: string[] = [];
    const queue = [...points];
    const lane = async (gateway: Gateway): Promise<void> => {
      for (let point = queue.shift(); point !== undefined; point = queue.shift()) {
        const faults = await this.#try(gateway, point).catch((error: unknown) => [String(error)]);
        if (faults.length > 0) wrong.push(`${nameOf(point)}: ${faults.join('; ')}`);
      }
    };
    await Promise.all(this.#stage.gateways.map(lane));
    return wrong;
  }

  close(): Promise<void> {
    return this.#stage.close();
  }

  async #try(gateway: Gateway, { call, fault }: Point): Promise<string[]> {
    const reference = this.#references.get(gateway);
    if (reference === undefined) throw new Error('a gateway of another stage');
    layTree(gateway.dir, FOLDERS, reference.before);
    gateway.postfixTold();
    const log = gateway.at('strace.log');
    const there = { ...call, path: gateway.at(call.path) };
    const disturbed = await gateway.run(this.#args, { under: injecting(there, fault, log), env: ONE_THREAD });
    if (!injected(log)) return [`it did not come to that: ${readFileSync(log, 'utf8')}`];
    const left = takeTree(gateway.dir, FOLDERS);
    const reloaded = gateway.postfixTold().includes('reload');
    const wrong = [...judgeEnd(disturbed, fault), ...judgeLeft(reference, left, disturbed)];
    const known = sha256(JSON.stringify([gateway.dir, reloaded, meaning(left)]));
    if (this.#known.has(known)) return wrong;
    this.#known.add(known);
    return [...wrong, ...(await judgeNext(gateway, reference, reloaded))];
  }
}

async function endOf(gateway: Gateway): Promise<{ status: number | null; meaning: string }> {
  const { status } = await gateway.run(['fetch', '--json']);
  return { status, meaning: JSON.stringify(meaning(takeTree(gateway.dir, FOLDERS)), null, 1) };
}

/** A killed process says nothing; any other ends by itself and in words. */
function judgeEnd({ status, stdout, stderr }: Finished, fault: Fault): string[] {
  if (fault === 'KILL') return status === null ? [] : [`not killed: ${status}`];
  if (status === null || status > 2) return [`it ended with ${status}`];
  return status === 0 || /[A-Z_]{4,}/.test(stdout + stderr) ? [] : [`status ${status} and no code: ${stderr}`];
}

/** Each map is the old or the new one, recipients first; what was damaged may be gone. The floor has not moved down. */
function judgeLeft({ before, after }: Reference, left: Tree, { status }: Finished): string[] {
  const [old, next, now] = [view(before), view(after), view(left)];
  const wrong = Object.entries(now)
    .filter(([map, found]) => found !== old[map] && found !== next[map] && !(found === null && isDamaged(before, map)))
    .map(([map, found]) => `${map} is neither old nor new: ${found}`);
  const [recipients, domains] = ['relay_recipients.cdb', 'relay_domains.cdb'];
  const isNew = (map: string) => now[map] === next[map];
  if (isNew(domains ?? '') && old[domains ?? ''] !== next[domains ?? ''] && !isNew(recipients ?? ''))
    wrong.push('domains before recipients');
  if (status === 0 && JSON.stringify(now) !== JSON.stringify(next)) wrong.push('it says done, and the maps are others');
  const [floorBefore, floorLeft] = [floors(before), floors(left)];
  if (floorBefore !== null && floorLeft === null) wrong.push('the record is gone');
  for (const [name, floor] of Object.entries(floorBefore ?? {})) {
    if ((floorLeft?.[name] ?? 0) < floor) wrong.push(`the floor of ${name} fell from ${floor}`);
  }
  return wrong;
}

/** A cdb that is shorter than what its own head says, or none. */
function isDamaged(before: Tree, map: string): boolean {
  const entry = before.get(`maps/${map}`);
  return map.endsWith('.cdb') && (entry?.is !== 'file' || entry.bytes.length < 2048);
}

/** The next `fetch` ends as after an undisturbed run, and Postfix was reloaded if a map appeared. */
async function judgeNext(gateway: Gateway, { before, ends }: Reference, told: boolean): Promise<string[]> {
  const end = await endOf(gateway);
  const wrong: string[] = [];
  if (!ends.some((e) => e.meaning === end.meaning)) {
    const [wanted] = ends;
    wrong.push(`the next fetch makes it ${difference(wanted?.meaning ?? '', end.meaning)}`);
  } else if (!ends.some((e) => e.meaning === end.meaning && e.status === end.status)) {
    wrong.push(`the next fetch ends with ${end.status}`);
  }
  const reloaded = told || gateway.postfixTold().includes('reload');
  const appeared = Object.entries(view(before)).some(([map, found]) => map.endsWith('.cdb') && found === null);
  if (appeared && !reloaded) wrong.push('a map appeared, and Postfix was not reloaded');
  return wrong;
}

/** The lines in which two meanings differ. */
function difference(wanted: string, found: string): string {
  const [a, b] = [wanted.split('\n'), found.split('\n')];
  const only = (x: string[], y: string[], sign: string) =>
    x.filter((line) => !y.includes(line)).map((l) => sign + l.trim());
  return `another: ${[...only(a, b, '-'), ...only(b, a, '+')].join(' ')}`;
}
