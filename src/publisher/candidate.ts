/**
 * The manifest that waits for signatures of other hosts (docs/commands.md section 3.3): made and remembered before it
 * is signed, so that no version is signed twice, and completed once enough have signed it.
 */
import { createHash } from 'node:crypto';
import { isoTime, nextHopsOf, parseManifest } from '../bundle/offer/manifest.ts';
import { encodeEnvelope, MANIFEST_TYPE } from '../bundle/trust/envelope.ts';
import type { VerifiedManifest } from '../bundle/trust/verify.ts';
import { PublishError } from './errors.ts';
import { collect } from './keys/collect.ts';
import { trustedBy, type PublisherKeys } from './keys/publisher-keys.ts';
import { dropCandidates, readCandidate, writeCandidate, type WaitingManifest } from './repository/candidates.ts';
import type { Repository } from './repository/repository.ts';
import { goodSignatures, signaturesOf, signedManifest, type Approval } from './repository/sign-manifest.ts';
import type { PublisherState } from './repository/state.ts';
import { type Work, type Result, namedBy, recorded, withoutUnnamed } from './work.ts';

/** Milliseconds after which a waiting candidate is made again: cosigners refuse an old one. */
const FRESH = 300_000;
/**
 * A candidate so far above what is out is not signed here before the others have signed it, so that its version does
 * not count: with the other host down versions would climb, and above 100 that host never signs again.
 */
const AHEAD = 50;
/** The most candidates that are remembered. */
const REMEMBERED = 16;

export const candidateOf = (payload: Uint8Array, envelope: Uint8Array): WaitingManifest => ({
  manifest: parseManifest(payload),
  payload,
  envelope,
  digest: createHash('sha256').update(payload).digest('hex'),
});

/** The state once a candidate is on its way. @param counts its version is never used again. */
export function withCandidate(
  { state }: Work,
  { entry, approval }: Result,
  made: WaitingManifest,
  counts: boolean,
): PublisherState {
  const { manifest, digest } = made;
  return {
    ...withoutUnnamed(state, namedBy(entry)),
    ...(counts ? { highest: manifest.version, digest } : {}),
    approval: recorded(approval),
    candidates: [...state.candidates, { version: manifest.version, digest }].slice(-REMEMBERED),
  };
}

/** The newest candidate, if it says what a new one would say. */
export function waitingCandidate(
  { repository, state, options, now }: Work,
  { entry, transport, approval }: Result,
  keyring: number,
) {
  const last = state.candidates.at(-1);
  if (last === undefined || options.allowShrink || options.nextVersion !== null) return null;
  const found = readCandidate(repository, last.digest);
  if (found === null) return null;
  const { manifest: m } = found;
  const approved = (a: Approval | null | undefined) =>
    a == null ? null : [isoTime(a.until), a.rows, a.domains].join();
  const isSame =
    m.version >= state.highest &&
    m.keyring === keyring &&
    m.tables.recipients.sha256 === entry.sha256 &&
    nextHopsOf(m).entry?.sha256 === transport?.sha256 &&
    approved(m.shrinkApproved) === approved(approval) &&
    Math.abs(now.getTime() - m.created.getTime()) < FRESH;
  return isSame ? found : null;
}

export async function newCandidate(work: Work, result: Result, payload: Uint8Array): Promise<WaitingManifest> {
  const { keys, repository, state, published, options } = work;
  const bare = candidateOf(payload, new Uint8Array());
  const counts = bare.manifest.version <= (published?.manifest.version ?? 0) + AHEAD || options.nextVersion !== null;
  const next = withCandidate(work, result, bare, counts);
  repository.kept.writeRecord(next); // before signing: a version is never signed twice
  const signatures = counts ? await signaturesOf(MANIFEST_TYPE, payload, keys.signers) : [];
  const made = { ...bare, envelope: encodeEnvelope(MANIFEST_TYPE, payload, signatures) };
  await writeCandidate(repository, made);
  const remembered = new Set(next.candidates.map(({ digest }) => digest));
  const forgotten = state.candidates.map(({ digest }) => digest).filter((digest) => !remembered.has(digest));
  if (forgotten.length > 0) await dropCandidates(repository, forgotten, false);
  return made;
}

/** @throws PublishError UNSIGNED */
export async function cosigned(
  { config, keys, repository, published }: Work,
  waiting: WaitingManifest,
): Promise<VerifiedManifest> {
  const { manifest, payload, envelope } = waiting;
  const needed = keys.threshold - keys.signers.length;
  const { signatures, missing } = await collect(waiting, config.cosigners, keys.others, needed);
  if (signatures.length >= needed) {
    const made = goodSignatures(envelope, keys.signers);
    const own = made.length === keys.signers.length ? made : await ownSignatures(repository, waiting, keys);
    return signedManifest(payload, [...own, ...signatures], trustedBy(keys), keys.threshold);
  }
  await giveUpVersion(repository, waiting, { config, keys });
  const there = keys.signers.length + signatures.length;
  const stays = published === null ? 'nothing is out' : `version ${published.manifest.version} stays published`;
  const elsewhere = keys.own.filter((key) => !('sign' in key)).map((key) => `${key.label} signs elsewhere`);
  const why = [...missing, ...elsewhere].join('; ');
  throw new PublishError(
    'UNSIGNED',
    `version ${manifest.version} has ${there} of ${keys.threshold} signatures: ${why}; ${stays}`,
  );
}

/** The own signatures of a candidate that was not signed here yet: its version counts from now on. */
async function ownSignatures(
  repository: Repository,
  { manifest, payload, digest }: WaitingManifest,
  keys: PublisherKeys,
) {
  const state = repository.kept.record();
  if (state === null) throw new PublishError('STATE', `${repository.kept.folder} is gone`);
  repository.kept.writeRecord({ ...state, highest: manifest.version, digest });
  return await signaturesOf(MANIFEST_TYPE, payload, keys.signers);
}

/** Another payload of this version was signed by another host: it signs no second one, so the next one is higher. */
async function giveUpVersion(
  repository: Repository,
  { manifest, digest }: WaitingManifest,
  { config, keys }: Pick<Work, 'config' | 'keys'>,
): Promise<void> {
  const state = repository.kept.record();
  if (state === null || state.highest >= manifest.version) return;
  for (const other of state.candidates.filter((c) => c.version === manifest.version && c.digest !== digest)) {
    const found = readCandidate(repository, other.digest);
    if (found === null) continue;
    const { signatures } = await collect(found, config.cosigners, keys.others, 1, 1);
    if (signatures.length === 0) continue;
    repository.kept.writeRecord({ ...state, highest: manifest.version, digest: other.digest });
    return;
  }
}
