/** `relaymap-publish watch`: publishes until a signal ends it; SIGHUP reads configuration and keys again. */
import '../seed-hashes.ts';
import { StepError } from '../../errors.ts';
import { log, logOnce } from '../../io/log.ts';
import { readPublisherConfig } from '../../publisher/config.ts';
import { PublishError } from '../../publisher/errors.ts';
import { reportRun } from '../../publisher/health/report.ts';
import { openKeys } from '../../publisher/keys/publisher-keys.ts';
import { Watch, type Ended } from '../../publisher/watch/watch.ts';
import { VERSION } from '../program.ts';
import { becomePublisher, requireState, stateOwner } from './become-publisher.ts';
import { servePages } from './serve-pages.ts';

/** @throws HostError CONFIG or PublishError KEY if it did not start. */
export async function watchCommand(file: string): Promise<void> {
  const read = () => {
    const config = readPublisherConfig(file);
    const owner = stateOwner(config.state_dir);
    return { config, keys: openKeys(config, owner) };
  };
  let next = read();
  await becomePublisher(next.config.state_dir);
  requireState(next.config.state_dir, true);
  const state = { ended: false };
  let watch: Watch | null = null;
  const stop = () => {
    state.ended = true;
    watch?.stop();
  };
  process.once('SIGTERM', stop).once('SIGINT', stop);
  process.on('SIGHUP', () => {
    try {
      const found = read();
      requireState(found.config.state_dir, true);
      next = found;
      log('notice', 'the configuration is read again');
      watch?.stop(); // the next one starts when the current publish ends
    } catch (error) {
      if (!(error instanceof StepError) && !(error instanceof PublishError)) throw error;
      log('error', `${error.code}: ${error.message} (the old configuration stays in use)`);
    }
  });
  const now = () => new Date();
  for (;;) {
    const { config, keys } = next;
    const pages = await servePages(config);
    const report = async (run: Ended) => {
      await reportRun(config, run, VERSION, now());
      void pages.listen(config.health.listen, logOnce); // retries if the address was taken
    };
    watch = new Watch(config, keys, now, report, Math.random);
    const idle = await watch.run();
    await pages.close();
    // A source that is still answering would keep the process alive. A publish may be ended at any step.
    if (state.ended && !idle) process.exit(0);
    if (state.ended) return;
  }
}
