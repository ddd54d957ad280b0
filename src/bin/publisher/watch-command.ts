/** `relaymap-publish watch`: reads configuration and keys once, then publishes until a signal ends it. */
import '../seed-hashes.ts';
import { readPublisherConfig } from '../../publisher/config.ts';
import { readKey } from '../../publisher/repository/signing-key.ts';
import { logOnce } from '../../io/log.ts';
import { reportRun } from '../../publisher/health/report.ts';
import { VERSION } from '../program.ts';
import { servePages } from './serve-pages.ts';
import { becomePublisher, requireState, stateOwner } from './become-publisher.ts';
import { Watch } from '../../publisher/watch/watch.ts';

/** @throws HostError CONFIG or PublishError KEY if it did not start. */
export async function watchCommand(file: string): Promise<void> {
  const config = readPublisherConfig(file);
  const owner = stateOwner(config.state_dir);
  const keys = config.keys.map((key) => readKey(key, owner));
  await becomePublisher(config.state_dir);
  requireState(config.state_dir, true);
  const now = () => new Date();
  const pages = await servePages(config);
  const watch = new Watch(config, keys, now, (ended) => {
    reportRun(config, ended, VERSION, now());
    void pages.listen(config.health.listen, logOnce); // retries if the address was taken
  });
  const stop = () => watch.stop();
  process.once('SIGTERM', stop).once('SIGINT', stop);
  const idle = await watch.run();
  await pages.close();
  // A source that is still answering would keep the process alive. A publish may be ended at any step.
  if (!idle) process.exit(0);
}
