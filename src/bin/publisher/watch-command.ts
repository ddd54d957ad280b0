/** `relaymap-publish watch`: configuration and keys once, then publishes until a signal ends it. */
import '../seed-hashes.ts';
import { readPublisherConfig } from '../../publisher/config.ts';
import { readKey } from '../../publisher/repository/signing-key.ts';
import { Watch } from '../../publisher/watch/watch.ts';

/** @throws HostError CONFIG, PublishError KEY: it never began. */
export async function watchCommand(file: string): Promise<void> {
  const config = readPublisherConfig(file);
  const watch = new Watch(
    config,
    config.keys.map((key) => readKey(key)),
    () => new Date(),
  );
  const stop = () => watch.stop();
  process.once('SIGTERM', stop).once('SIGINT', stop);
  const idle = await watch.run();
  // A source that still answers would keep the process; a publish may be ended at any step.
  if (!idle) process.exit(0);
}
