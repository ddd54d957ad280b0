/**
 * Candidates on disk: manifests that wait for signatures of other hosts (docs/commands.md section 3.3). The newest is
 * in `output/candidate`; the envelopes of all are in `state_dir/candidates`, by the SHA-256 of their payload.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { decodeEnvelope } from '../../bundle/trust/envelope.ts';
import { parseManifest, type Manifest } from '../../bundle/offer/manifest.ts';
import { StepError } from '../../errors.ts';
import { isAbsent, makeFolder, removeDurable, writeFileAtomic, writeFileWithLaterTime } from '../../io/atomic-file.ts';
import { whyUnwritten } from '../../io/denied.ts';
import { PublishError } from '../errors.ts';
import type { Repository } from './repository.ts';

export interface WaitingManifest {
  readonly manifest: Manifest;
  readonly payload: Uint8Array;
  readonly envelope: Uint8Array;
  readonly digest: string;
}

const kept = ({ stateDir }: Repository, digest: string) => path.join(stateDir, 'candidates', `${digest}.json`);
const shown = ({ output }: Repository) => path.join(output, 'candidate', 'manifest.json');

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
export function writeCandidate(repository: Repository, { envelope, digest }: WaitingManifest): void {
  const [own, open] = [kept(repository, digest), shown(repository)];
  try {
    makeFolder(path.dirname(own), 0o700);
    writeFileAtomic(own, envelope, 0o600);
    makeFolder(path.dirname(open), 0o750);
    writeFileWithLaterTime(open, envelope, 0o644);
  } catch (error) {
    if (error instanceof StepError) throw error;
    throw new PublishError('OUTPUT', `cannot write ${open}: ${whyUnwritten(error, open)}`, error);
  }
}

/** Removes candidates that are out, or that others have replaced. */
export function dropCandidates(repository: Repository, digests: readonly string[], last: boolean): void {
  try {
    for (const digest of digests) removeDurable(kept(repository, digest));
    if (last) removeDurable(shown(repository));
  } catch (error) {
    if (!isAbsent(error)) throw error; // there was no folder, so there is nothing to remove
  }
}
