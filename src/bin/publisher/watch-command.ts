/** `relaymap-publish watch`: configuration and keys once, then publishes until a signal ends it. */
import '../seed-hashes.ts';
import { readPublisherConfig } from '../../publisher/config.ts';
import { readKey } from '../../publisher/repository/signing-key.ts';
import { becomePublisher, requireState, stateOwner } from './become-publisher.ts';
import { Watch } from '../../publisher/watch/watch.ts';

/** @throws HostError CONFIG, PublishError KEY: it never began. */
export async function watchCommand(file: string): Promise<void> {
  const config = readPublisherConfig(file);
  const owner = stateOwner(config.state_dir);
  const keys = config.keys.map((key) => readKey(key, owner));
  await becomePublisher(config.state_dir);
  requireState(config.state_dir, true);
  const watch = new Watch(config, keys, () => new Date());
  const stop = () => watch.stop();
  process.once('SIGTERM', stop).once('SIGINT', stop);
  const idle = await watch.run();
  // A source that still answers would keep the process; a publish may be ended at any step.
  if (!idle) process.exit(0);
}
