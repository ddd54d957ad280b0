/** `relaymap-publish explain`: reads the config, reads all sources once, prints the answer. */
import '../seed-hashes.ts';
import { readPublisherConfig } from '../../publisher/config.ts';
import { explain } from '../../publisher/explain.ts';
import { requireState } from './become-publisher.ts';
import { printable } from '../../io/printable.ts';

export async function explainCommand(address: string, options: { config: string }, now: Date): Promise<number> {
  const config = readPublisherConfig(options.config);
  requireState(config.state_dir, false);
  const { accepted, lines } = await explain(config, address, now);
  process.stdout.write(`${lines.map(printable).join('\n')}\n`);
  return accepted ? 0 : 1;
}
