/**
 * Key rotation steps (docs/bundle-format.md section 6): which keys are trusted at first, and what makes the next ring
 * of one. A ring comes from `startingRing` or from `judgeStep`, and from nowhere else. It does NOT fetch, store, or
 * judge a floor by what is known: that is the gateway's walk. Pure.
 *
 * Order of a step: envelope -> payloadType -> signatures of the old roots over the payload bytes -> those bytes as
 * JSON -> signatures of its own roots -> number, name, thresholds.
 */
import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import { StepError, VerifyError } from '../../errors.ts';
import { time } from '../offer/manifest-time.ts';
import { NAME } from '../offer/name.ts';
import { publicKeyFlaw } from './ed25519.ts';
import { decodeBase64, decodeEnvelope, KEYRING_TYPE, MAX_ENVELOPE, type Envelope } from './envelope.ts';
import { keyid } from './public-key.ts';
import { defaultRootThreshold } from './root-threshold.ts';
import { requireSignatures, type Ring } from './verify.ts';

export const MAX_KEYS = 16;

/** Public keys of 32 raw bytes, by keyid. */
export type KeySet = ReadonlyMap<string, Uint8Array>;

declare const walked: unique symbol;
/** Trusted keys, and the root keys that may replace them. Only `startingRing` and `judgeStep` make one. */
export interface RootedRing extends Ring {
  readonly [walked]: true;
  readonly rootKeys: KeySet;
  /** How many of `rootKeys` must sign the next step. 0 where there are none: no step is ever taken. */
  readonly rootThreshold: number;
}

/** What a gateway is configured with. */
export interface StartingRing {
  readonly keys: KeySet;
  readonly threshold: number;
  readonly rootKeys: KeySet;
  /** Null for the default: more than half of the root keys. */
  readonly rootThreshold: number | null;
  /** The step that these keys stand for. */
  readonly step: number;
}

/** The ring that the key directory stands for. The caller has checked the keys, and their number. */
export function startingRing({ keys, threshold, rootKeys, rootThreshold, step }: StartingRing): RootedRing {
  const most = rootKeys.size === 0 ? 0 : (rootThreshold ?? defaultRootThreshold(rootKeys.size));
  return { keys, threshold, rootKeys, rootThreshold: most, step } as RootedRing;
}

/** The payload of a step. */
export interface KeyringStep {
  readonly name: string;
  /** The number of the step: 1, 2, ... */
  readonly version: number;
  readonly created: Date;
  readonly keys: KeySet;
  readonly threshold: number;
  readonly rootKeys: KeySet;
  readonly rootThreshold: number;
  /** The rollback floor that it sets, once; null for none. */
  readonly floor: number | null;
}

/** What a step is held to beside the ring before it. */
export interface StepRules {
  readonly name: string;
  /** The configured thresholds: no step goes below them. `rootThreshold` is null where none is configured. */
  readonly threshold: number;
  readonly rootThreshold: number | null;
}

export interface VerifiedStep {
  /** The ring from this step on. */
  readonly ring: RootedRing;
  readonly step: KeyringStep;
  /** Lower-case hex SHA-256 of the payload. */
  readonly digest: string;
  /** The envelope as it came, to be kept as proof. */
  readonly envelope: Uint8Array;
}

/**
 * Whether `bytes` is the step after `ring`, and the ring that it makes.
 * @throws VerifyError BAD_KEYRING, whose cause is the envelope's own error where there is one
 */
export function judgeStep(bytes: Uint8Array, ring: RootedRing, rules: StepRules): VerifiedStep {
  const number = ring.step + 1;
  try {
    return judged(bytes, ring, rules, number);
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    throw new VerifyError('BAD_KEYRING', `key ring step ${number}: ${error.message}`, error);
  }
}

function judged(bytes: Uint8Array, ring: RootedRing, rules: StepRules, number: number): VerifiedStep {
  if (bytes.length > MAX_ENVELOPE) throw bad(`an envelope of ${bytes.length} bytes, over ${MAX_ENVELOPE}`);
  const envelope = decodeEnvelope(bytes);
  if (envelope.payloadType !== KEYRING_TYPE) {
    throw bad(`payloadType "${envelope.payloadType.slice(0, 80)}", expected "${KEYRING_TYPE}"`);
  }
  if (ring.rootKeys.size === 0) throw bad(`step ${ring.step} has no root keys, so none can follow it`);
  requireRoots(envelope, ring.rootKeys, ring.rootThreshold, `the root keys of step ${ring.step}`);
  const step = parseStep(envelope.payload);
  requireRoots(envelope, step.rootKeys, step.rootThreshold, 'its own root keys');
  if (step.version !== number) throw bad(`its version is ${step.version}, expected ${number}`);
  if (step.name !== rules.name) throw bad(`it is for "${step.name}", expected "${rules.name}"`);
  if (step.threshold < rules.threshold) {
    throw bad(`its threshold is ${step.threshold}, the configured threshold is ${rules.threshold}`);
  }
  // A configured root_threshold binds every step, its default step 1 only.
  const least = rules.rootThreshold ?? (number === 1 ? ring.rootThreshold : 1);
  if (step.rootThreshold < least) {
    const whose = rules.rootThreshold === null ? 'the default of root_threshold' : 'the configured root_threshold';
    throw bad(`its rootThreshold is ${step.rootThreshold}, ${whose} is ${least}`);
  }
  const { keys, threshold, rootKeys, rootThreshold } = step;
  const next = { keys, threshold, rootKeys, rootThreshold, step: number } as RootedRing;
  return { ring: next, step, digest: createHash('sha256').update(envelope.payload).digest('hex'), envelope: bytes };
}

function requireRoots(envelope: Envelope, keys: KeySet, threshold: number, whose: string): void {
  try {
    requireSignatures(envelope, keys, threshold);
  } catch (error) {
    if (!(error instanceof VerifyError)) throw error;
    throw new VerifyError('BAD_SIGNATURE', `${whose}: ${error.message}`, error);
  }
}

const positive = () => z.int({ error: 'is not a whole number up to 2^53-1' }).check(z.gte(1, { error: 'is below 1' }));
const keyList = () =>
  z
    .array(z.string({ error: 'is not text' }), { error: 'is not a list' })
    .check(z.minLength(1, { error: 'is empty' }), z.maxLength(MAX_KEYS, { error: `has more than ${MAX_KEYS} keys` }));

const Payload = z.object({
  format: z.literal(1, { error: 'is not 1' }),
  name: z.string({ error: 'is not text' }).check(z.regex(NAME, { error: 'is not a bundle name' })),
  version: positive(),
  created: time(),
  keys: keyList(),
  threshold: positive(),
  rootKeys: keyList(),
  rootThreshold: positive(),
  floor: z.optional(positive()),
});

/**
 * @param payload UTF-8 JSON; what it says counts only once its signatures are found good (`judgeStep`).
 * @throws VerifyError BAD_KEYRING
 */
export function parseStep(payload: Uint8Array): KeyringStep {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload));
  } catch (error) {
    throw bad(`the payload of ${payload.length} bytes is not UTF-8 JSON`, error);
  }
  const result = z.safeParse(Payload, json);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw bad(`${issue?.path.join('.') || 'the payload'} ${issue?.message ?? 'is not valid'}`);
  }
  const { name, version, created, threshold, rootThreshold, floor = null } = result.data;
  const keys = keySet('keys', result.data.keys);
  const rootKeys = keySet('rootKeys', result.data.rootKeys);
  if (threshold > keys.size) throw bad(`threshold is ${threshold} of ${keys.size} keys`);
  if (rootThreshold > rootKeys.size) throw bad(`rootThreshold is ${rootThreshold} of ${rootKeys.size} rootKeys`);
  return { name, version, created, keys, threshold, rootKeys, rootThreshold, floor };
}

function keySet(member: string, texts: readonly string[]): KeySet {
  const keys = new Map<string, Uint8Array>();
  texts.forEach((text, i) => {
    const raw = decodeBase64(text);
    if (raw === null) throw bad(`${member}.${i} is not base64`);
    const flaw = publicKeyFlaw(raw);
    if (flaw !== null) throw bad(`${member}.${i} ${flaw}`);
    const id = keyid(raw);
    if (keys.has(id)) throw bad(`${member} names the key ${id} twice`);
    keys.set(id, Uint8Array.from(raw));
  });
  return keys;
}

/** The payload's bytes, as a ceremony writes them: to be signed with `pae(KEYRING_TYPE, payload)`. */
export function encodeStep(step: KeyringStep): Uint8Array {
  const texts = (keys: KeySet) => Array.from(keys.values(), (raw) => Buffer.from(raw).toString('base64'));
  const json = {
    format: 1,
    name: step.name,
    version: step.version,
    created: step.created.toISOString().replace(/\.\d{3}Z$/, 'Z'),
    keys: texts(step.keys),
    threshold: step.threshold,
    rootKeys: texts(step.rootKeys),
    rootThreshold: step.rootThreshold,
    ...(step.floor === null ? {} : { floor: step.floor }),
  };
  return Buffer.from(`${JSON.stringify(json, null, 1)}\n`);
}

const bad = (why: string, cause?: unknown): VerifyError => new VerifyError('BAD_KEYRING', why, cause);
