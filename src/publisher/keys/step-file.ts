/**
 * The file that a key ring step travels in from hand to hand until it is published: the DSSE envelope of
 * docs/bundle-format.md section 6, and beside it, unsigned, the chain before it, so that whoever signs sees what the
 * step changes. Text in, values out. Pure.
 */
import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import { decodeEnvelope, encodeEnvelope, KEYRING_TYPE, type Signature } from '../../bundle/trust/envelope.ts';
import {
  judgeStep,
  parseStep,
  startingRing,
  type KeyringStep,
  type KeySet,
  type RootedRing,
  type StepRules,
  type VerifiedStep,
} from '../../bundle/trust/keyring.ts';
import { keyid } from '../../bundle/trust/public-key.ts';
import { defaultRootThreshold } from '../../bundle/trust/root-threshold.ts';
import { StepError } from '../../errors.ts';
import { PublishError } from '../errors.ts';

/** What gateways start from: their key directory, and the thresholds of their configuration. */
export interface Start {
  readonly name: string;
  readonly keys: KeySet;
  readonly threshold: number;
  readonly rootKeys: KeySet;
  /** Null for the gateways' default: more than half of the root keys. */
  readonly rootThreshold: number | null;
}

/** Every ring that there has been. */
export interface Chain {
  readonly start: Start;
  /** The envelopes of the steps that are out, from step 1 on. */
  readonly steps: readonly Uint8Array[];
  /** Ring 0, which is the start, and one more for each step. */
  readonly rings: readonly RootedRing[];
}

export interface StepFile {
  readonly payload: Uint8Array;
  readonly step: KeyringStep;
  /** Lower-case hex SHA-256 of the payload. */
  readonly digest: string;
  readonly signatures: readonly Signature[];
  /** What the file says of the rings before; null if it says nothing. Nobody has signed it. */
  readonly before: Chain | null;
}

/** The configured thresholds, which no step may fall below. */
export const rulesOf = ({ name, threshold, rootThreshold }: Start): StepRules => ({ name, threshold, rootThreshold });

export const ringOfStart = (start: Start): RootedRing => startingRing({ ...start, step: 0 });

/** @throws VerifyError BAD_KEYRING if a step does not follow from the one before it */
export function chainOf(start: Start, steps: readonly Uint8Array[]): Chain {
  const rings = [ringOfStart(start)];
  for (const step of steps) rings.push(judgeStep(step, lastOf(rings), rulesOf(start)).ring);
  return { start, steps, rings };
}

/** The newest ring of a chain. */
export const newest = ({ rings }: Chain): RootedRing => lastOf(rings);

function lastOf(rings: readonly RootedRing[]): RootedRing {
  const ring = rings.at(-1);
  if (ring === undefined) throw new PublishError('KEY', 'a chain without a ring');
  return ring;
}

/**
 * Every ring that a gateway can be at: each of the chain, and each step as the key directory of a gateway that was
 * set up since (`ring = N`), whose `root_threshold` is then the default.
 */
export function possibleRings({ start, rings }: Chain): { readonly label: string; readonly ring: RootedRing }[] {
  return rings.flatMap((ring) => {
    const { keys, threshold, rootKeys, step } = ring;
    const held = { label: step === 0 ? 'the key directory of the gateways' : `step ${step}`, ring };
    if (step === 0 || start.rootThreshold !== null || ring.rootThreshold === defaultRootThreshold(rootKeys.size))
      return [held];
    const directory = startingRing({ keys, threshold, rootKeys, rootThreshold: null, step });
    return [held, { label: `a key directory with ring = ${step}`, ring: directory }];
  });
}

/**
 * Walks from every ring that a gateway can be at to the end of the chain and over one more step.
 * @throws PublishError KEY, naming the gateway that would be left behind
 */
export function walkFromEverywhere(chain: Chain, last: Uint8Array): VerifiedStep {
  const rules = rulesOf(chain.start);
  let end: VerifiedStep | null = null;
  for (const { label, ring: from } of possibleRings(chain)) {
    let ring = from;
    for (const step of [...chain.steps.slice(from.step), last]) {
      try {
        end = judgeStep(step, ring, rules);
      } catch (error) {
        if (!(error instanceof StepError)) throw error;
        throw new PublishError('KEY', `a gateway at ${label} would be left behind: ${error.message}`, error);
      }
      ({ ring } = end);
    }
  }
  if (end === null) throw new PublishError('KEY', 'a chain without a ring');
  return end;
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const keysOf = (texts: readonly string[]): KeySet =>
  new Map(
    texts.map((text) => {
      const raw = Uint8Array.from(Buffer.from(text, 'base64'));
      return [keyid(raw), raw];
    }),
  );

const Before = z.object({
  name: z.string(),
  keys: z.array(z.string()),
  threshold: z.int(),
  rootKeys: z.array(z.string()),
  rootThreshold: z.nullable(z.int()),
  steps: z.array(z.string()).check(z.maxLength(1000)),
});
const Extra = z.object({ before: z.optional(Before) });

export function encodeStart(start: Start): Omit<z.infer<typeof Before>, 'steps'> {
  const list = (keys: KeySet) => Array.from(keys.values(), base64);
  return { ...start, keys: list(start.keys), rootKeys: list(start.rootKeys) };
}

/** @throws PublishError KEY */
export function parseStart(what: string, json: unknown): Start {
  const found = z.safeParse(z.omit(Before, { steps: true }), json);
  if (!found.success) throw new PublishError('KEY', `${what} does not say where gateways start`);
  return { ...found.data, keys: keysOf(found.data.keys), rootKeys: keysOf(found.data.rootKeys) };
}

export function encodeStepFile({
  payload,
  signatures,
  before,
}: Pick<StepFile, 'payload' | 'signatures' | 'before'>): string {
  const envelope = JSON.parse(Buffer.from(encodeEnvelope(KEYRING_TYPE, payload, signatures)).toString()) as object;
  const extra =
    before === null
      ? {}
      : { before: { ...encodeStart(before.start), steps: before.steps.map((step) => base64(step)) } };
  return `${JSON.stringify({ ...envelope, ...extra }, null, 1)}\n`;
}

/** @param file its name, for messages. @throws PublishError KEY */
export function parseStepFile(file: string, bytes: Uint8Array): StepFile {
  try {
    const { payload, payloadType, signatures } = decodeEnvelope(bytes);
    if (payloadType !== KEYRING_TYPE)
      throw new PublishError('KEY', `${file} is no key ring step: payloadType "${payloadType.slice(0, 80)}"`);
    const step = parseStep(payload);
    const extra = z.safeParse(Extra, JSON.parse(Buffer.from(bytes).toString()));
    if (!extra.success) throw new PublishError('KEY', `${file}: what it says of the steps before is damaged`);
    const { before } = extra.data;
    const digest = createHash('sha256').update(payload).digest('hex');
    return { payload, step, digest, signatures, before: before === undefined ? null : chainIn(before) };
  } catch (error) {
    if (error instanceof StepError) throw new PublishError('KEY', `${file}: ${error.message}`, error);
    throw error;
  }
}

function chainIn(before: z.infer<typeof Before>): Chain {
  const { steps, ...start } = before;
  return chainOf(
    parseStart('the file', start),
    steps.map((step) => Buffer.from(step, 'base64')),
  );
}

/** The file with the signatures of copies of it, which others have signed. @throws PublishError KEY */
export function merged([first, ...others]: readonly StepFile[]): StepFile {
  if (first === undefined) throw new PublishError('KEY', 'no file was named');
  const all = new Map(first.signatures.map((each) => [each.keyid, each]));
  for (const other of others) {
    if (other.digest !== first.digest) {
      const [one, two] = [first.digest.slice(0, 16), other.digest.slice(0, 16)];
      throw new PublishError('KEY', `the files hold two different steps: ${one} and ${two}`);
    }
    for (const each of other.signatures) all.set(each.keyid, each);
  }
  return { ...first, signatures: [...all.values()] };
}
