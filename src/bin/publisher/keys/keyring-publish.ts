/**
 * `relaymap-publish keyring publish`: a manifest signed by old and new keys, then the step, then a manifest that
 * names it.
 */
import '../../seed-hashes.ts';
import type { RootedRing } from '../../../bundle/trust/keyring.ts';
import { log } from '../../../io/log.ts';
import { readPublisherConfig } from '../../../publisher/config.ts';
import { PublishError } from '../../../publisher/errors.ts';
import { bridges, putStepOut, rehearseHere } from '../../../publisher/keys/publish-step.ts';
import { openKeys, type PublisherKeys } from '../../../publisher/keys/publisher-keys.ts';
import { changeWords, signedWords } from '../../../publisher/keys/step-words.ts';
import { newest } from '../../../publisher/keys/step-file.ts';
import { publish } from '../../../publisher/publish.ts';
import { lookAt, withRepository } from '../../../publisher/repository/with-repository.ts';
import { becomePublisher, requireState, stateOwner } from '../become-publisher.ts';
import { readSteps, type KeyringOptions } from './keyring-command.ts';

export async function keyringPublish(files: readonly string[], options: KeyringOptions, now: Date): Promise<number> {
  const config = readPublisherConfig(options.config);
  const keys = openKeys(config, stateOwner(config.state_dir));
  const file = readSteps(files);
  await becomePublisher(config.state_dir);
  requireState(config.state_dir, true);
  const rehearsal = await lookAt(config, ({ store }) => rehearseHere(config, store, file));
  const once = () =>
    publish(config, keys, { dryRun: false, allowShrink: false, nextVersion: null, chance: Math.random }, now);
  if (options.withoutOld) requireNewKeys(keys, rehearsal.ring);
  else if (!(await isBridged(() => lookAt(config, ({ store }) => bridges(store, rehearsal))))) await once();
  await withRepository(config, async (repository) => {
    // Another run may have put out a step of this number since.
    const current = await rehearseHere(config, repository.store, file);
    if (!options.withoutOld)
      log('notice', `version ${await bridges(repository.store, current)} is for gateways before the step and after it`);
    await putStepOut(config, repository, file, current);
  });
  const { step } = file;
  for (const line of [...rehearsal.lines, ...signedWords(file)]) log('info', line);
  const change = changeWords(step, newest(rehearsal.before)).join(', ');
  process.stdout.write(`step ${step.version} is out: ${change}\n`);
  const result = await once();
  process.stdout.write(`version ${result.version} names it\n`);
  return 0;
}

/** Without the old key the step goes out first: the manifest after it has to be one that the new ring takes. */
function requireNewKeys({ signers, others }: PublisherKeys, ring: RootedRing): void {
  const count = [...signers, ...others].filter((key) => ring.keys.has(key.keyid)).length;
  if (count >= ring.threshold) return;
  throw new PublishError(
    'KEY',
    `${count} of the keys here are keys of step ${ring.step}, which needs ${ring.threshold}: name the new ones in \`keys\``,
  );
}

async function isBridged(bridge: () => Promise<number>): Promise<boolean> {
  try {
    return (await bridge()) > 0;
  } catch (error) {
    if (error instanceof PublishError) return false; // a manifest that all keys of today sign may do
    throw error;
  }
}
