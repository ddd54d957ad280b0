/** `relaymap-publish watch`: publishes until a signal ends it; SIGHUP reads configuration and keys again. */
import { StepError } from '../../errors.ts';
import { log } from '../../io/log.ts';
import { readPublisherConfig } from '../../publisher/config.ts';
import { PublishError } from '../../publisher/errors.ts';
import { readKey } from '../../publisher/repository/signing-key.ts';
import { becomePublisher, requireState, stateOwner } from './become-publisher.ts';
import { Watch } from '../../publisher/watch/watch.ts';

/** @throws HostError CONFIG, PublishError KEY: it never began. */
export async function watchCommand(file: string): Promise<void> {
  const read = () => {
    const config = readPublisherConfig(file);
    const owner = stateOwner(config.state_dir);
    return { config, keys: config.keys.map((key) => readKey(key, owner)) };
  };
  let { config, keys } = read();
  await becomePublisher(config.state_dir);
  requireState(config.state_dir, true);
  let watch = new Watch(config, keys, () => new Date());
  let ended = false;
  const stop = () => {
    ended = true;
    watch.stop();
  };
  process.once('SIGTERM', stop).once('SIGINT', stop);
  process.on('SIGHUP', () => {
    try {
      ({ config, keys } = read());
      requireState(config.state_dir, true);
      log('notice', 'the configuration is read again');
      watch.stop(); // the next one begins when what is under way is over
    } catch (error) {
      if (!(error instanceof StepError) && !(error instanceof PublishError)) throw error;
      log('error', `${error.code}: ${error.message}. The old configuration goes on`);
    }
  });
  for (;;) {
    const idle = await watch.run();
    // A source that still answers would keep the process; a publish may be ended at any step.
    if (ended && !idle) process.exit(0);
    if (ended) return;
    watch = new Watch(config, keys, () => new Date());
  }
}
