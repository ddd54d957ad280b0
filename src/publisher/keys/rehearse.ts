/**
 * Walks a step as gateways will, from every ring that one can be at, before anything is written
 * (docs/bundle-format.md section 6). The walk uses a copy in memory. Reads what is published and nothing else.
 */
import { encodeEnvelope, KEYRING_TYPE } from '../../bundle/trust/envelope.ts';
import type { RootedRing } from '../../bundle/trust/keyring.ts';
import { verifyManifest } from '../../bundle/trust/verify.ts';
import { StepError } from '../../errors.ts';
import { PublishError } from '../errors.ts';
import { MANIFEST, type Store } from '../repository/store.ts';
import { publishedSteps } from './key-folder.ts';
import {
  chainOf,
  newest,
  possibleRings,
  walkFromEverywhere,
  type Chain,
  type Start,
  type StepFile,
} from './step-file.ts';
import { signedBy } from './step-words.ts';

export interface Rehearsal {
  /** The step's envelope, as it would be published. */
  readonly envelope: Uint8Array;
  readonly before: Chain;
  readonly ring: RootedRing;
  /** What was tried, in words. */
  readonly lines: readonly string[];
}

/**
 * @param published where the published files are; null to believe the file's own account of the steps before.
 * @param start where gateways start, if that is on record; else the file says it.
 * @throws PublishError UNSIGNED if root keys have to sign yet; KEY if a gateway would be left behind
 */
export async function rehearsed(
  file: StepFile,
  published: Store | null,
  start: Start | null = null,
): Promise<Rehearsal> {
  if (file.before === null)
    throw new PublishError('KEY', 'the file does not say what was before the step: propose it with this program');
  const steps = published === null ? file.before.steps : await publishedSteps(published);
  const before = chainOf(start ?? file.before.start, steps);
  const number = newest(before).step + 1;
  if (file.step.version !== number) {
    throw new PublishError('KEY', `it is step ${file.step.version}, the next one is step ${number}: propose it again`);
  }
  const { missing } = signedBy({ ...file, before });
  if (missing.length > 0) throw new PublishError('UNSIGNED', `step ${number} waits for ${missing.join('; ')}`);
  const envelope = encodeEnvelope(KEYRING_TYPE, file.payload, file.signatures.slice(0, 16));
  const { ring } = walkFromEverywhere(before, envelope);
  const from = possibleRings(before).map(({ label }) => label);
  return { envelope, before, ring, lines: from.map((label) => `a gateway at ${label} reaches step ${number}`) };
}

/**
 * Whether the manifest that is out is good for gateways that have not walked the step and for those that have.
 * @throws PublishError KEY, saying which keys have not signed it
 */
export async function requireBridge(store: Store, old: RootedRing, next: RootedRing): Promise<number> {
  const stored = await store.get(MANIFEST);
  if (stored === null) throw new PublishError('KEY', `${store.place(MANIFEST)} is not there: publish first`);
  const envelope = stored.bytes;
  let version = 0;
  for (const [ring, when] of [[old, 'have not taken the step yet'] as const, [next, 'have taken the step'] as const]) {
    try {
      ({ version } = verifyManifest(envelope, ring).manifest);
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      const goOn = 'Name the old and the new keys in `keys`, and publish; if the old one is lost: --without-old';
      throw new PublishError(
        'KEY',
        `the manifest that is out would be refused by gateways that ${when}: ${error.message}. ${goOn}`,
        error,
      );
    }
  }
  return version;
}
