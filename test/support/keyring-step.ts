// Key ring steps of the tests' own making (docs/bundle-format.md section 6), signed with node:crypto. Shares no code
// with src/.
import { KEYRING_TYPE, signedBytes, timestamp, type EnvelopeDraft, type SigningKey } from './forger.ts';

export interface StepDraft {
  readonly version: number;
  readonly keys: readonly SigningKey[];
  readonly roots: readonly SigningKey[];
  readonly threshold?: number;
  readonly rootThreshold?: number;
  readonly by: readonly SigningKey[];
  readonly name?: string;
  /** Members beside, or in place of, the honest ones. */
  readonly more?: object;
  readonly type?: string;
  readonly envelope?: (honest: EnvelopeDraft) => object;
}

/** The bytes of `keyring/<version>.json`. */
export function stepFile(draft: StepDraft): Buffer {
  const { version, keys, roots, by, type = KEYRING_TYPE } = draft;
  const texts = (of: readonly SigningKey[]) => of.map(({ raw }) => raw.toString('base64'));
  const json = {
    format: 1,
    name: draft.name ?? 'example-org',
    version,
    created: timestamp(Date.now() - 1000),
    keys: texts(keys),
    threshold: draft.threshold ?? 1,
    rootKeys: texts(roots),
    rootThreshold: draft.rootThreshold ?? 1,
    ...draft.more,
  };
  const payload = Buffer.from(JSON.stringify(json));
  const toSign = signedBytes(type, payload);
  const signatures = by.map((key) => ({ keyid: key.keyid, sig: key.sign(toSign).toString('base64') }));
  const envelope: EnvelopeDraft = { payload: payload.toString('base64'), payloadType: type, signatures };
  return Buffer.from(JSON.stringify(draft.envelope?.(envelope) ?? envelope));
}
