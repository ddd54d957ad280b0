/** Reads a gateway's key directory on the central side: `*.pub`, and `root/*.pub`; and the published key ring steps. */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import type { KeySet } from '../../bundle/trust/keyring.ts';
import { whyUnread } from '../../io/denied.ts';
import { PublishError } from '../errors.ts';
import type { Store } from '../repository/store.ts';
import { publicKeyIn } from './publisher-keys.ts';

/** @throws PublishError KEY */
export function keyFolder(folder: string): { readonly keys: KeySet; readonly rootKeys: KeySet } {
  const root = path.join(folder, 'root');
  return { keys: keysIn(folder), rootKeys: existsSync(root) ? keysIn(root) : new Map() };
}

function keysIn(folder: string): KeySet {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.pub'));
  } catch (error) {
    throw new PublishError('KEY', `cannot read the key directory ${folder}: ${whyUnread(error, folder)}`, error);
  }
  if (names.length === 0) throw new PublishError('KEY', `${folder} holds no public key (*.pub)`);
  const keys = names.sort().map((name) => publicKeyIn(path.join(folder, name)));
  return new Map(keys.map(({ keyid, publicKey }) => [keyid, publicKey]));
}

/** Where a key ring step lies among the published files. */
export const stepKey = (step: number): string => `keyring/${step}.json`;

/** A store that has a step of any number has none. */
const MOST_STEPS = 1000;

/** The envelopes of the published steps, from step 1 on. @throws PublishError STATE, OUTPUT; KEY for too many */
export async function publishedSteps(store: Store): Promise<Uint8Array[]> {
  const steps: Uint8Array[] = [];
  for (let step = 1; step <= MOST_STEPS + 1; step++) {
    const stored = await store.get(stepKey(step));
    if (stored === null) return steps;
    steps.push(stored.bytes);
  }
  throw new PublishError('KEY', `${store.label} gives more than ${MOST_STEPS} key ring steps`);
}
