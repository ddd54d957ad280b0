// One scenario, disturbed once at a time: the folders are laid down as they were before, the command runs with its
// fault, and what it leaves is judged, then what the next `fetch` makes of that.
import { readFileSync } from 'node:fs';
import type { Gateway } from '../support/gateway.ts';
import type { Finished } from '../support/finished.ts';
import { sha256 } from '../support/forger.ts';
import { injected, injecting, ONE_THREAD, recorded, recording, type Call, type Fault } from '../support/injection.ts';
import { floors, FOLDERS, meaning, view } from '../support/meaning.ts';
import { changesIn, changesTo, cuts } from '../support/power-cut.ts';
import type { Room } from '../support/room.ts';
import { layTree, takeTree, type Tree } from '../support/tree.ts';
import { Stage, type Scenario } from './scenarios.ts';

/** What undisturbed runs make of one gateway's folders. */
interface Reference {
  readonly before: Tree;
  readonly after: Tree;
  /** Where one of several bundles is taken and the others are kept, as when only their reading fails. */
  readonly between: readonly Tree[];
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

  /** @param folder where the gateways' folders are; else in the system's for temporary ones. */
  static async open(scenario: Scenario, lanes: number, folder?: string): Promise<Drill> {
    const stage = await Stage.open(lanes, folder, scenario);
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
      const between: Tree[] = [];
      for (const name of stage.other === null ? [] : [stage.forger.name, stage.other.name]) {
        layTree(gateway.dir, FOLDERS, before);
        await gateway.run(['fetch', '--bundle', name]);
        between.push(takeTree(gateway.dir, FOLDERS));
      }
      layTree(gateway.dir, FOLDERS, before);
      ends.push(await endOf(gateway));
      references.set(gateway, { before, after, between, ends });
    }
    return new Drill(stage, args, calls, references);
  }

  /** Tries all points, as many at once as there are gateways. @returns what went wrong, by point. */
  all(points: readonly Point[]): Promise<string[]> {
    const queue = [...points];
    return this.#lanes(async (gateway, wrong) => {
      for (let point = queue.shift(); point !== undefined; point = queue.shift()) {
        const faults = await this.#try(gateway, point).catch((error: unknown) => [String(error)]);
        if (faults.length > 0) wrong.push(`${nameOf(point)}: ${faults.join('; ')}`);
      }
    });
  }

  /**
   * What a power cut at any moment of the command may leave, and what the next fetch makes of it.
   * @param limit at most as many survivors of each moment. @param most at most as many different ones, evenly
   * taken; all if not told.
   */
  async powerCuts(limit: number, most: number): Promise<{ tried: number; wrong: string[] }> {
    let tried = 0;
    const wrong = await this.#lanes(async (gateway, wrong, lane) => {
      const reference = this.#reference(gateway);
      layTree(gateway.dir, FOLDERS, reference.before);
      const log = gateway.at('strace.log');
      await gateway.run(this.#args, { under: changesTo(log), env: ONE_THREAD });
      const changes = changesIn(log, gateway.dir, FOLDERS);
      const different = new Map(
        Array.from(cuts(reference.before, changes, limit), (tree) => [JSON.stringify(meaning(tree)), tree]),
      );
      const trees = [...different.values()];
      const step = Math.max(1, trees.length / most);
      const lanes = this.#stage.gateways.length;
      for (let i = lane; i * step < trees.length; i += lanes) {
        const left = trees[Math.floor(i * step)] ?? reference.before;
        tried++;
        layTree(gateway.dir, FOLDERS, left);
        gateway.postfixTold();
        const faults = [...judgeLeft(reference, left, null), ...(await judgeNext(gateway, reference, true))]; // Postfix starts anew too
        if (faults.length > 0) wrong.push(`cut ${i} of ${trees.length}: ${faults.join('; ')}`);
      }
    });
    return { tried, wrong };
  }

  /**
   * Runs the command with room for so many bytes, for each of these numbers; then there is room again for the next
   * fetch.
   */
  async starved(room: Room, bytes: readonly number[]): Promise<{ refused: number; wrong: string[] }> {
    let refused = 0;
    const wrong = await this.#lanes(async (gateway, wrong) => {
      for (const left of bytes) {
        const reference = this.#reference(gateway);
        layTree(gateway.dir, FOLDERS, reference.before);
        room.leave(left);
        const ran = await gateway.run(this.#args).finally(() => room.free());
        if (ran.status !== 0) refused++;
        const found = takeTree(gateway.dir, FOLDERS);
        const faults = [
          ...(ran.status === 0 || /NO_SPACE/.test(ran.stdout + ran.stderr)
            ? []
            : [`not NO_SPACE: ${ran.stdout}${ran.stderr}`]),
          ...judgeLeft(reference, found, ran.status),
          ...(await judgeNext(gateway, reference, true)), // the stand-in for postfix had no room to write down what it was told
        ];
        if (faults.length > 0) wrong.push(`room for ${left} bytes: ${faults.join('; ')}`);
      }
    });
    return { refused, wrong };
  }

  async #lanes(work: (gateway: Gateway, wrong: string[], lane: number) => Promise<void>): Promise<string[]> {
    const wrong: string[] = [];
    await Promise.all(this.#stage.gateways.map((gateway, lane) => work(gateway, wrong, lane)));
    return wrong;
  }

  #reference(gateway: Gateway): Reference {
    const reference = this.#references.get(gateway);
    if (reference === undefined) throw new Error('a gateway of another stage');
    return reference;
  }

  close(): Promise<void> {
    return this.#stage.close();
  }

  async #try(gateway: Gateway, { call, fault }: Point): Promise<string[]> {
    const reference = this.#reference(gateway);
    layTree(gateway.dir, FOLDERS, reference.before);
    gateway.postfixTold();
    const log = gateway.at('strace.log');
    const there = { ...call, path: gateway.at(call.path) };
    const disturbed = await gateway.run(this.#args, { under: injecting(there, fault, log), env: ONE_THREAD });
    if (!injected(log)) return [`it did not come to that: ${readFileSync(log, 'utf8')}`];
    const left = takeTree(gateway.dir, FOLDERS);
    const reloaded = gateway.postfixTold().includes('reload');
    const wrong = [...judgeEnd(disturbed, fault), ...judgeLeft(reference, left, disturbed.status)];
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
  return status === 0 || /[A-Z_]{4,}|EIO:/.test(stdout + stderr) ? [] : [`status ${status} and no code: ${stderr}`];
}

/** Each map is the old or a new one, recipients first; what was damaged may be gone. The floor has not moved down. */
function judgeLeft({ before, after, between }: Reference, left: Tree, status: number | null): string[] {
  const [old, next, now] = [view(before), view(after), view(left)];
  const news = [next, ...between.map(view)];
  const isNew = (map: string) => news.some((one) => now[map] === one[map]);
  const wrong = Object.entries(now)
    .filter(([map, found]) => found !== old[map] && !isNew(map) && !(found === null && isDamaged(before, map)))
    .map(([map, found]) => `${map} is neither old nor new: ${found}`);
  for (const type of ['cdb', 'lmdb']) {
    for (const [later, earlier] of [
      ['relay_domains', 'relay_recipients'],
      ['transport', 'relay_recipients'],
      ['relay_domains', 'transport'],
    ] as const) {
      const [last, first] = [`${later}.${type}`, `${earlier}.${type}`];
      const these = news.filter((one) => now[last] === one[last]);
      if (now[last] !== old[last] && !these.some((one) => now[first] === one[first]))
        wrong.push(`${later} before ${earlier}, ${type}`);
    }
  }
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
async function judgeNext(gateway: Gateway, { before, after, ends }: Reference, told: boolean): Promise<string[]> {
  const end = await endOf(gateway);
  const wrong: string[] = [];
  if (!ends.some((e) => e.meaning === end.meaning)) {
    const [wanted] = ends;
    wrong.push(`the next fetch makes it ${difference(wanted?.meaning ?? '', end.meaning)}`);
  } else if (!ends.some((e) => e.meaning === end.meaning && e.status === end.status)) {
    wrong.push(`the next fetch ends with ${end.status}`);
  }
  const reloaded = told || gateway.postfixTold().includes('reload');
  const made = view(after);
  const appeared = Object.entries(view(before)).some(
    ([map, found]) => map.endsWith('.cdb') && found === null && made[map] !== null,
  );
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
