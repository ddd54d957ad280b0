/** `relaymap run`: reads configuration, keys and secrets, drops rights, handles signals and runs the daemon. */
import '../seed-hashes.ts';
import { setMaxListeners } from 'node:events';
import { readOwnConfig, type GatewayConfig } from '../../gateway/config.ts';
import { Daemon, type Equipment } from '../../gateway/daemon/daemon.ts';
import { urlSources } from '../../gateway/fetch/url-sources.ts';
import { userAgents } from '../../gateway/health/user-agent.ts';
import { requireCron } from '../../gateway/daemon/schedule.ts';
import { StepError } from '../../errors.ts';
import { log } from '../../io/log.ts';
import { forNodeExporter, onRecord } from './record-failure.ts';
import { VERSION } from '../program.ts';
import { becomeOwner } from '../../gateway/become-owner.ts';
import { Secrets } from '../../gateway/keys/secrets.ts';

/**
 * @param cycleProgram the built module of cycle-child.ts.
 * @throws HostError CONFIG if it did not start. @returns when a signal has ended it.
 */
export async function runCommand(file: string, cycleProgram: string): Promise<number> {
  const abort = new AbortController();
  setMaxListeners(0, abort.signal); // each request under way adds a listener
  const read = (): GatewayConfig => {
    const config = readOwnConfig(file);
    requireCron(file, config.schedule.cron);
    return config;
  };
  const equip = (config: GatewayConfig): Equipment => {
    const secrets = new Secrets(config);
    const clock = () => performance.now();
    const agents = userAgents(config, VERSION);
    const sources = urlSources(config, clock, process.env, agents, abort.signal, (name) => secrets.accessOf(name));
    return { config, secrets, sources };
  };
  const config = read();
  let first: Equipment;
  try {
    first = equip(config);
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    const now = new Date();
    await forNodeExporter(config, await onRecord(config, now, error, false), now);
    throw error;
  }
  becomeOwner(config.state_dir);
  const load = () => equip(read());
  const daemon = new Daemon({
    first,
    load,
    abort,
    log,
    env: process.env,
    pid: process.pid,
    version: VERSION,
    cycleProgram,
  });
  // The last resort: the schedule continues. If a cycle hangs because of it, systemd's watchdog finds that.
  process.on('uncaughtException', (error) => daemon.fault(error));
  process.on('unhandledRejection', (reason) => daemon.fault(reason));
  process.on('SIGTERM', () => daemon.stop());
  process.on('SIGINT', () => daemon.stop());
  process.on('SIGHUP', () => daemon.reload());
  process.on('SIGUSR2', () => daemon.cycleNow());
  // Without a handler Node starts its debugger.
  process.on('SIGUSR1', () => log('notice', 'SIGUSR1 means nothing here; a cycle now is SIGUSR2'));
  await daemon.run();
  return 0;
}
