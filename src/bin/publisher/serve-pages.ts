/** Serves `/healthz` and `/metrics` of `[health] listen` beside `watch` or `serve`. */
import { HealthServer } from '../../io/health/server.ts';
import { log } from '../../io/log.ts';
import type { PublisherConfig } from '../../publisher/config.ts';
import { publisherPages } from '../../publisher/health/report.ts';
import { VERSION } from '../program.ts';

/** The pages, listening if the configuration names an address and it is free. */
export async function servePages(config: PublisherConfig): Promise<HealthServer> {
  const pages = new HealthServer(
    publisherPages(VERSION, config, () => new Date()),
    log,
  );
  await pages.listen(config.health.listen, log);
  return pages;
}
