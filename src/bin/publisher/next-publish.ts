/** Whether systemd will publish the next change by itself. Asks systemctl and changes nothing. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const UNITS = [
  'relaymap-publish.timer',
  'relaymap-publish-watch.service',
  'relaymap-publish@*.timer',
  'relaymap-publish-watch@*.service',
];

/**
 * What to tell a person who publishes by hand; null if a timer or `watch` is active, or if this is a service's own
 * run.
 */
export function nothingPublishesNext(env: NodeJS.ProcessEnv): string | null {
  if (env['INVOCATION_ID'] !== undefined) return null;
  if (!existsSync('/run/systemd/system')) {
    return 'nothing that relaymap knows of will publish the next change: run relaymap-publish watch, or publish from cron';
  }
  const { status } = spawnSync('systemctl', ['is-active', '--quiet', ...UNITS], { stdio: 'ignore', timeout: 5000 });
  if (status === 0) return null;
  return (
    'nothing will publish the next change: neither relaymap-publish.timer nor relaymap-publish-watch.service is active. ' +
    'systemctl enable --now relaymap-publish.timer'
  );
}
