/**
 * Candidates on disk: manifests that wait for signatures of other hosts (docs/commands.md section 3.3). The newest is
 * in `output/candidate`; the envelopes of all are in `state_dir/candidates`, by the SHA-256 of their payload.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { decodeEnvelope } from '../../bundle/trust/envelope.ts';
import { parseManifest, type Manifest } from '../../bundle/offer/manifest.ts';
import { HostError, StepError } from '../../errors.ts';
import { isAbsent, makeFolder, removeDurable, writeFileAtomic } from '../../io/atomic-file.ts';
import { STATE_NAMES } from '../config.ts';
import { PublishError } from '../errors.ts';
import { written } from './folder-store.ts';
import type { Repository } from './repository.ts';

export interface WaitingManifest {
  readonly manifest: Manifest;
  readonly payload: Uint8Array;
  readonly envelope: Uint8Array;
  readonly digest: string;
}

const kept = ({ kept: { folder } }: Repository, digest: string) =>
  path.join(folder, STATE_NAMES.candidates, `${digest}.json`);
const SHOWN = 'candidate/manifest.json';

/** The candidate of this digest; null if it is not on disk, or is damaged: another one is made then. */
export function readCandidate(repository: Repository, digest: string): WaitingManifest | null {
  try {
    const envelope = readFileSync(kept(repository, digest));
    const { payload } = decodeEnvelope(envelope);
    return { manifest: parseManifest(payload), payload, envelope, digest };
  } catch (error) {
    if (isAbsent(error) || error instanceof StepError) return null;
    throw new PublishError('STATE', `cannot read ${kept(repository, digest)}: ${(error as Error).message}`, error);
  }
}

/** Writes a candidate for the other hosts to pull. */
export async function writeCandidate(repository: Repository, { envelope, digest }: WaitingManifest): Promise<void> {
  const own = kept(repository, digest);
  written(own, () => {
    makeFolder(path.dirname(own), 0o700);
    writeFileAtomic(own, envelope, 0o600);
  });
  const { store } = repository;
  const last = await store.get(SHOWN);
  const isOut = last === null ? await store.create(SHOWN, envelope) : await store.replace(SHOWN, envelope, last.tag);
  if (!isOut)
    throw new HostError('BUSY', `another publisher writes ${store.place(SHOWN)} too; the next publish goes on`);
}

/** Removes candidates that are out, or that others have replaced. */
export async function dropCandidates(repository: Repository, digests: readonly string[], last: boolean): Promise<void> {
  try {
    for (const digest of digests) removeDurable(kept(repository, digest));
  } catch (error) {
    if (!isAbsent(error)) throw error; // there was no folder, so there is nothing to remove
  }
  if (last) await repository.store.remove(SHOWN);
}
