/** `relaymap-publish serve`: runs the endpoint until SIGTERM ends it. SIGHUP reads the configuration again. */
import { StepError } from '../../errors.ts';
import { log } from '../../io/log.ts';
import { readPublisherConfig } from '../../publisher/config.ts';
import { serve } from '../../publisher/serve/serve.ts';
import { servePages } from './serve-pages.ts';

/** @throws HostError CONFIG or PublishError SERVE if it did not start. */
export async function serveCommand(file: string): Promise<void> {
  const config = readPublisherConfig(file);
  const serving = await serve(config, { now: () => new Date(), steady: () => performance.now() });
  let pages = await servePages(config);
  process.on('SIGHUP', () => {
    try {
      const next = readPublisherConfig(file);
      serving.reload(next);
      log('notice', 'the configuration is read again');
      void pages.close().then(async () => (pages = await servePages(next)));
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      log('error', `${error.code}: ${error.message} (the old configuration stays in use)`);
    }
  });
  process.stdout.write(`serving ${serving.url}\n`);
  await new Promise((resolve) => process.once('SIGTERM', resolve).once('SIGINT', resolve));
  await Promise.all([serving.close(), pages.close()]);
}
