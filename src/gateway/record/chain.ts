/**
 * The chain of a bundle: the ring of the key directory, then the ring of each stored key ring step after it
 * (docs/bundle-format.md section 6). A chain that is lost or cut is STATE_CORRUPT, never the directory's keys. Reads
 * stored steps; writes nothing.
 */
import { decodeEnvelope } from '../../bundle/trust/envelope.ts';
import {
  judgeStep,
  parseStep,
  type KeySet,
  type RootedRing,
  type StepRules,
  type VerifiedStep,
} from '../../bundle/trust/keyring.ts';
import { VerifyError } from '../../errors.ts';
import type { BundleConfig } from '../config.ts';
import { ringMark, stepRules } from '../keys/trusted-keys.ts';
import { sha256, type StepFiles, type StoredStep } from './step-files.ts';
import { stateCorrupt, type BundleState, type KeyringRecord } from './state.ts';

export interface Chain {
  /** The directory's, then one a step. */
  readonly rings: readonly [RootedRing, ...RootedRing[]];
  readonly steps: readonly VerifiedStep[];
  /** Why the stored steps do not follow from the directory, which then counts; null where they do. */
  readonly broken: Broken | null;
}

export interface Broken {
  readonly why: string;
  /** The keys of the directory that the stored steps had taken away, by keyid. */
  readonly back: readonly string[];
}

/** The ring that counts now. */
export const currentRing = ({ rings }: Pick<Chain, 'rings'>): RootedRing => rings.at(-1) ?? rings[0];

/** What a chain begins with. */
export interface ChainStart {
  readonly bundle: BundleConfig;
  /** The directory's. */
  readonly ring: RootedRing;
}

/** Stands for the directory and the thresholds: a change starts the walk again. */
const startMark = ({ bundle, ring }: ChainStart): string =>
  JSON.stringify([ringMark(ring), bundle.root_threshold ?? null]);

/**
 * The chain by the record. On a changed directory the next step is asked for again, and `k` says so.
 * @throws StateError STATE_CORRUPT for a step on record whose file is missing or damaged
 */
export function chainOnRecord(start: ChainStart, k: KeyringRecord, files: StepFiles): Chain {
  const mark = startMark(start);
  if (k.start !== mark) Object.assign(k, { start: mark, askedAt: null });
  const stored = k.steps.filter(({ step }) => step > start.ring.step).map((named) => proof(start, named, files));
  return replayed(start, stored);
}

function proof({ bundle }: ChainStart, { step, file }: KeyringRecord['steps'][number], files: StepFiles): StoredStep {
  const found = files.read(step);
  if (found?.file === file) return found;
  const what = found === null ? 'is missing or damaged' : `has the SHA-256 ${found.file}, expected ${file}`;
  throw stateCorrupt(`${bundle.name}: key ring step ${step} is on record, and its file ${what}`);
}

/** The stored steps as far as they can be had, where the rest is given up by hand. */
export function dropLostSteps(start: ChainStart, k: KeyringRecord, files: StepFiles): void {
  const lost = k.steps.findIndex(({ step, file }) => step > start.ring.step && files.read(step)?.file !== file);
  if (lost >= 0) k.steps = k.steps.slice(0, lost);
}

/**
 * The chain of a lost record, from the files alone, and what is on record of it from now on.
 * @param trusted the step that the last report names. @param isByHand what does not follow is given up.
 * @throws StateError STATE_CORRUPT where files are missing, damaged or do not follow
 */
export function rebuiltChain(
  start: ChainStart,
  files: StepFiles,
  trusted: number,
  isByHand: boolean,
): { readonly chain: Chain; readonly keyring: KeyringRecord } {
  const { bundle, ring } = start;
  const numbers = files.numbers();
  const found: StoredStep[] = [];
  let last = ring;
  for (const number of numbers.filter((n) => n > ring.step)) {
    const stored = files.read(number);
    const step = stored === null ? null : following(stored.bytes, last, stepRules(bundle));
    if (stored === null || step === null) {
      if (isByHand) break;
      throw stateCorrupt(`${bundle.name}: the stored key ring step ${number} does not follow from step ${last.step}`);
    }
    found.push(stored);
    last = step.ring;
  }
  const end = ring.step + found.length;
  if (!isByHand && trusted > end)
    throw stateCorrupt(`${bundle.name}: key ring step ${trusted} was trusted, the stored steps end at ${end}`);
  const chain = replayed(start, found);
  const before = numbers.filter((n) => n <= ring.step).flatMap((n) => files.read(n) ?? []);
  const steps = [...before, ...found].map(({ step, file, bytes }) => ({ step, file, at: createdOf(bytes) }));
  const floors = [...before, ...found].filter(({ bytes }) => floorOf(bytes) !== null).map(({ digest }) => digest);
  const floor = chain.steps.flatMap(({ step }) => step.floor ?? []).at(-1) ?? null;
  return { chain, keyring: { start: startMark(start), steps, askedAt: null, floor, floors } };
}

function following(bytes: Uint8Array, ring: RootedRing, rules: StepRules): VerifiedStep | null {
  try {
    return judgeStep(bytes, ring, rules);
  } catch (error) {
    if (error instanceof VerifyError) return null;
    throw error;
  }
}

/** The rings under which a stored envelope counts when the record is rebuilt: from the newest floor step on. */
export function countingRings({ rings, steps }: Chain): readonly RootedRing[] {
  const newest = steps.map(({ step }) => step.floor !== null).lastIndexOf(true);
  return newest < 0 ? rings : steps.slice(newest).map(({ ring }) => ring);
}

/**
 * By starting ring: what was replayed last. A signature costs milliseconds, and a daemon comes every minute with the
 * same chain.
 */
const known = new WeakMap<RootedRing, { readonly key: string; readonly chain: Chain }>();

/** The rings of steps that are stored, or those of the directory alone where they do not follow from it. */
export function replayed(start: ChainStart, stored: readonly StoredStep[]): Chain {
  const rules = stepRules(start.bundle);
  const key = JSON.stringify([rules, stored.map(({ file }) => file)]);
  const last = known.get(start.ring);
  if (last?.key === key) return last.chain;
  const chain = replay(start.ring, rules, stored);
  known.set(start.ring, { key, chain });
  return chain;
}

function replay(first: RootedRing, rules: StepRules, stored: readonly StoredStep[]): Chain {
  const steps: VerifiedStep[] = [];
  let ring = first;
  try {
    for (const { bytes } of stored) {
      const step = judgeStep(bytes, ring, rules);
      steps.push(step);
      ({ ring } = step);
    }
  } catch (error) {
    if (!(error instanceof VerifyError)) throw error;
    return { rings: [first], steps: [], broken: { why: error.message, back: back(first.keys, stored.at(-1)) } };
  }
  return { rings: [first, ...steps.map((step) => step.ring)], steps, broken: null };
}

function back(keys: KeySet, last: StoredStep | undefined): string[] {
  const then = last === undefined ? null : parsed(last.bytes);
  return [...keys.keys()].filter((keyid) => then?.keys.has(keyid) !== true);
}

const createdOf = (bytes: Uint8Array): string => (parsed(bytes)?.created ?? new Date(0)).toISOString();
const floorOf = (bytes: Uint8Array): number | null => parsed(bytes)?.floor ?? null;

/** What a stored step says; null where it says nothing that can be read. */
function parsed(bytes: Uint8Array): ReturnType<typeof parseStep> | null {
  try {
    return parseStep(decodeEnvelope(bytes).payload);
  } catch {
    return null; // it does not follow either, which is told elsewhere
  }
}

/** Puts verified steps on record. A step that sets a floor does so once, and forgets the digests. */
export function takeSteps(st: BundleState, steps: readonly VerifiedStep[], now: Date): void {
  const { keyring: k } = st;
  for (const { ring, step, digest, envelope } of steps) {
    const taken = { step: ring.step, file: sha256(envelope), at: now.toISOString() };
    k.steps = [...k.steps.filter((s) => s.step < ring.step), taken];
    if (step.floor === null || k.floors.includes(digest)) continue;
    k.floors = [...k.floors, digest];
    Object.assign(k, { floor: step.floor });
    Object.assign(st, { floor: null, seen: [] });
  }
}
