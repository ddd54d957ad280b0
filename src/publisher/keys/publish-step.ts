/**
 * Puts a key ring step out (docs/commands.md section 3, `keyring publish`): only after gateways at every ring have
 * been walked over it, and with a manifest that old and new keys have signed. Writes the step, then the state; the
 * next publish names it.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isAbsent, writeFileAtomic } from '../../io/atomic-file.ts';
import { whyUnread } from '../../io/denied.ts';
import { STATE_NAMES, type PublisherConfig } from '../config.ts';
import { PublishError } from '../errors.ts';
import { written } from '../repository/folder-store.ts';
import type { Repository } from '../repository/repository.ts';
import type { Store } from '../repository/store.ts';
import { stepKey } from './key-folder.ts';
import { rehearsed, requireBridge, type Rehearsal } from './rehearse.ts';
import { encodeStart, newest, parseStart, type Start, type StepFile } from './step-file.ts';

/** @throws PublishError as in `rehearsed` and `requireBridge`, STATE, OUTPUT */
export async function rehearseHere(config: PublisherConfig, store: Store, file: StepFile): Promise<Rehearsal> {
  if (file.step.name !== config.name)
    throw new PublishError('KEY', `the step is for "${file.step.name}", the configuration says "${config.name}"`);
  return await rehearsed(file, store, recordedStart(config));
}

/** Whether the manifest that is out bridges the step: see `requireBridge`. */
export const bridges = (store: Store, { before, ring }: Rehearsal): Promise<number> =>
  requireBridge(store, newest(before), ring);

/** The caller holds the lock. */
export async function putStepOut(
  config: PublisherConfig,
  repository: Repository,
  file: StepFile,
  { envelope, before }: Rehearsal,
): Promise<void> {
  const state = repository.kept.record();
  if (state === null) throw new PublishError('STATE', `${config.state_dir} is empty: publish first`);
  const { version, floor } = file.step;
  if (floor !== null && floor <= state.highest) {
    throw new PublishError(
      'STATE',
      `the step's floor is ${floor}, version ${state.highest} was signed here: propose it again with a higher --floor`,
    );
  }
  const start = startFile(config);
  written(start, () => writeFileAtomic(start, `${JSON.stringify(encodeStart(before.start))}\n`, 0o600));
  // Versions below the floor are of no use any more; the next one is the floor or more.
  repository.kept.writeRecord({ ...state, keyring: version, highest: Math.max(state.highest, (floor ?? 1) - 1) });
  const { store } = repository;
  const key = stepKey(version);
  if (await store.create(key, envelope)) return;
  const there = await store.get(key);
  if (there !== null && Buffer.from(there.bytes).equals(envelope)) return; // an answer was lost, and it was sent again
  throw new PublishError('KEY', `${store.place(key)} is there already: another one has put out a step ${version}`);
}

const startFile = ({ state_dir: dir }: PublisherConfig): string => path.join(dir, STATE_NAMES.keyringStart);

/** Where gateways started when the first step was published; null before that. */
function recordedStart(config: PublisherConfig): Start | null {
  const file = startFile(config);
  try {
    return parseStart(file, JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    if (isAbsent(error)) return null;
    if (error instanceof PublishError) throw error;
    const why = error instanceof SyntaxError ? 'it is no JSON' : whyUnread(error, file);
    throw new PublishError('STATE', `cannot read ${file}: ${why}`, error);
  }
}
