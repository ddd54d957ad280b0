/** `relaymap-publish release DIR`: puts out what was signed elsewhere. */
import { readPublisherConfig } from '../../publisher/config.ts';
import { openKeys } from '../../publisher/keys/publisher-keys.ts';
import { release } from '../../publisher/release.ts';
import { becomePublisher, requireState, stateOwner } from './become-publisher.ts';

export async function releaseCommand(folder: string, options: { config: string }, now: Date): Promise<number> {
  const config = readPublisherConfig(options.config);
  const keys = openKeys(config, stateOwner(config.state_dir));
  await becomePublisher(config.state_dir);
  requireState(config.state_dir, true);
  const { version, tables } = await release(config, keys, folder, now);
  process.stdout.write(`${config.name}: published version ${version} (${tables.recipients.rows} rows)\n`);
  return 0;
}
