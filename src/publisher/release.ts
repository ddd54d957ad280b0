/**
 * Puts out a candidate that was signed elsewhere (docs/commands.md section 3, `release`): enough have signed it,
 * nothing newer was made here since, and its files are whole.
 */
import { isoTime, type Manifest } from '../bundle/offer/manifest.ts';
import { rememberRows } from '../bundle/offer/guard.ts';
import type { PublisherConfig } from './config.ts';
import { PublishError } from './errors.ts';
import { putOut } from './go-out.ts';
import { namedBy } from './work.ts';
import { manifestIn } from './keys/candidate-folder.ts';
import { trustedBy, type PublisherKeys } from './keys/publisher-keys.ts';
import { clockBehind } from './repository/clock.ts';
import type { Repository } from './repository/repository.ts';
import { goodSignatures, signedManifest } from './repository/sign-manifest.ts';
import { withRepository } from './repository/with-repository.ts';
import { verifyTable } from './tables/tables.ts';

/** @throws PublishError UNSIGNED, STATE, CLOCK, OUTPUT; HostError CONFIG, BUSY */
export const release = (config: PublisherConfig, keys: PublisherKeys, folder: string, now: Date): Promise<Manifest> =>
  withRepository(config, (repository) => run(config, keys, folder, repository, now));

async function run(
  config: PublisherConfig,
  keys: PublisherKeys,
  folder: string,
  repository: Repository,
  now: Date,
): Promise<Manifest> {
  const { manifest, digest, payload, envelope } = await manifestIn(folder);
  const state = repository.kept.record();
  const published = await repository.published(keys.own);
  const refuse = (why: string) => new PublishError('STATE', `${folder} is not put out: ${why}`);
  if (manifest.name !== config.name)
    throw refuse(`it is for "${manifest.name}", the configuration says "${config.name}"`);
  if (state === null) throw refuse(`${config.state_dir} is empty, so it was not made here`);
  const out = published?.manifest.version ?? 0;
  if (out >= manifest.version) throw refuse(`it is version ${manifest.version}, version ${out} is out`);
  if (state.highest !== manifest.version || state.digest !== digest) {
    const other = state.highest === manifest.version ? 'another candidate of it' : `version ${state.highest}`;
    throw refuse(`it is version ${manifest.version}, ${other} was made since`);
  }
  if (now >= manifest.expires) throw refuse(`it expired ${isoTime(manifest.expires)}`);
  const behind = clockBehind(published, now);
  if (behind !== null) throw new PublishError('CLOCK', behind);
  const trusted = trustedBy(keys);
  const signatures = goodSignatures(envelope, trusted);
  if (signatures.length < keys.threshold) {
    const missing = trusted.filter((key) => !signatures.some((s) => s.keyid === key.keyid)).map(({ label }) => label);
    throw new PublishError(
      'UNSIGNED',
      `version ${manifest.version} has ${signatures.length} of ${keys.threshold} signatures: ${missing.join(', ')} may sign yet`,
    );
  }
  const { recipients } = manifest.tables;
  if ((await repository.sizeOf(`${recipients.sha256}.gz`)) === null)
    throw refuse(`its table is gone from ${config.output}: make the candidate again`);
  await verifyTable(repository, recipients);
  const signed = signedManifest(payload, signatures, trusted, keys.threshold);
  const { sha256, rows } = recipients;
  const earlier = state.tables.filter((t) => t.sha256 !== sha256);
  const next = {
    ...state,
    tables: [...earlier, { sha256, at: now.toISOString() }].slice(-config.keep_deltas - 1),
    history: rememberRows(state.history, rows, now, manifest.shrinkApproved !== undefined),
    candidates: [],
  };
  await putOut(repository, next, { signed, replaced: published, named: namedBy(recipients), reading: null }, now);
  return signed.manifest;
}
