/**
 * `relaymap stale`: grades the bundles and brings `stale_domains` up to date. For a timer of its own, because a daemon
 * that is dead cannot say so. Needs neither the network nor the lock of a cycle.
 */
import '../seed-hashes.ts';
import { readOwnConfig } from '../../gateway/config.ts';
import { readStatus } from '../../gateway/health/status.ts';
import { updateStaleMap } from '../../gateway/stale/stale-map.ts';
import { log } from '../../io/log.ts';
import { printable } from '../../io/printable.ts';
import { becomeOwner } from '../become-owner.ts';
import { requireStateRights } from './state-rights.ts';

/** Seconds to wait for another run of it, or for a cycle that writes the map. */
const WAIT = 30;

export async function staleCommand(options: { readonly config: string }, now: Date): Promise<number> {
  const config = readOwnConfig(options.config);
  requireStateRights(config.state_dir);
  await becomeOwner(config.state_dir);
  const facts = () => {
    const status = readStatus(config.state_dir);
    if (status.is === 'whole') return status.value.bundles;
    if (status.is === 'corrupt')
      log('warning', `status.json is damaged (${status.why}): every list counts as out of date`);
    return null;
  };
  const { outOfDate, domains } = await updateStaleMap({ config, now, log, facts, wait: WAIT });
  const line =
    config.stale === undefined
      ? 'nothing is deferred: the configuration has no [stale] after'
      : outOfDate.length === 0
        ? 'no list is out of date; unknown recipients are rejected'
        : `${outOfDate.join(', ')}: out of date; unknown recipients of ${domains === 1 ? '1 domain' : `${domains} domains`} are deferred`;
  process.stdout.write(`${printable(line)}\n`);
  return 0;
}
