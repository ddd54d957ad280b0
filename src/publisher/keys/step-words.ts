/** A key ring step in words, for whoever proposes it, signs it or asks how far it has come. Pure. */
import { pae, KEYRING_TYPE } from '../../bundle/trust/envelope.ts';
import { verify } from '../../bundle/trust/ed25519.ts';
import type { KeyringStep, KeySet, RootedRing } from '../../bundle/trust/keyring.ts';
import { isoTime } from '../../bundle/offer/manifest.ts';
import { newest, type StepFile } from './step-file.ts';

/** Characters of a keyid or digest that people compare. */
export const SHORT = 16;
const short = (id: string): string => id.slice(0, SHORT);

/** What a step says, whatever was before it. */
export function stepWords(step: KeyringStep): string[] {
  const listed = (keys: KeySet) => [...keys.keys()].map(short).join(', ');
  return [
    `step ${step.version} of the key ring of "${step.name}", made ${isoTime(step.created)}`,
    `from then on ${step.threshold} of ${step.keys.size} keys sign manifests: ${listed(step.keys)}`,
    `and ${step.rootThreshold} of ${step.rootKeys.size} root keys sign steps: ${listed(step.rootKeys)}`,
  ];
}

/** What a step changes. */
export function changeWords(step: KeyringStep, before: RootedRing): string[] {
  const lines: string[] = [];
  const only = (these: KeySet, notThese: KeySet) => [...these.keys()].filter((id) => !notThese.has(id)).map(short);
  const change = (what: string, old: KeySet, next: KeySet, after: string) => {
    const [goes, comes] = [only(old, next), only(next, old)];
    const words = [...goes.map((id) => `${what} ${id} goes`), ...comes.map((id) => `${what} ${id} comes`)];
    if (words.length > 0) lines.push(`${words.join(', ')}${goes.length > 0 ? after : ''}`);
  };
  change('key', before.keys, step.keys, '; mirrors keep the old for 24 h');
  change('root key', before.rootKeys, step.rootKeys, '');
  const number = (what: string, old: number, next: number) => {
    if (old !== next) lines.push(`${what} ${old} becomes ${next}`);
  };
  number('threshold', before.threshold, step.threshold);
  number('root threshold', before.rootThreshold, step.rootThreshold);
  if (step.floor !== null)
    lines.push(
      `the floor becomes ${step.floor}: gateways forget every version seen so far, once, and take none below it`,
    );
  return lines.length === 0 ? ['no key and no threshold changes'] : lines;
}

/** Who has signed and who has to: the old and the new root keys. */
export interface Signed {
  /** Keyids of root keys whose signature is there and good. */
  readonly by: readonly string[];
  /** For each of the two sides, what is missing; empty if nothing is. */
  readonly missing: readonly string[];
}

export function signedBy({ payload, step, signatures, before }: StepFile): Signed {
  const message = pae(KEYRING_TYPE, payload);
  const old: KeySet = before === null ? new Map() : newest(before).rootKeys;
  const roots: KeySet = new Map([...old, ...step.rootKeys]);
  const by = signatures
    .filter(({ keyid, sig }) => {
      const key = roots.get(keyid);
      return key !== undefined && verify(message, sig, key);
    })
    .map(({ keyid }) => keyid);
  const missing: string[] = [];
  const side = (whose: string, keys: KeySet, threshold: number) => {
    const there = by.filter((id) => keys.has(id)).length;
    if (there >= threshold) return;
    const open = [...keys.keys()].filter((id) => !by.includes(id)).map(short);
    missing.push(`${threshold - there} more of ${whose}: ${open.join(', ')}`);
  };
  if (before !== null) side(`the root keys of step ${step.version - 1}`, old, newest(before).rootThreshold);
  side('its own root keys', step.rootKeys, step.rootThreshold);
  return { by, missing };
}

/** Whose signatures are there, and whose are missing. */
export function signedWords(file: StepFile): string[] {
  const { by, missing } = signedBy(file);
  return [
    `signed by ${by.length === 0 ? 'nobody' : by.map(short).join(', ')}`,
    ...(missing.length === 0 ? ['enough root keys have signed'] : missing.map((each) => `missing: ${each}`)),
  ];
}
