/** What the gateway asks of the Postfix beside it: its group, what of its configuration decides a lookup, and one reload when a map first appears. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { writeFileAtomic } from '../io/atomic-file.ts';
import type { Habits } from '../map/lookup.ts';
import { RELOAD_FOLDER, RELOAD_REQUEST } from './reload-request.ts';

/** The group `postfix`, which smtpd reads maps as; null where there is none. */
export function postfixGroup(): number | null {
  let groups: string;
  try {
    groups = readFileSync('/etc/group', 'utf8');
  } catch {
    return null; // no such file: no such group
  }
  const gid = /^postfix:[^:]*:([0-9]+):/m.exec(groups)?.[1];
  return gid === undefined ? null : Number(gid);
}

/** cron and systemd units may lack the folders of Postfix's commands; without them a reload would silently not happen. */
export const postfixEnvironment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/local/sbin:/usr/sbin:/sbin`,
});

function run(command: string, args: string[]): { status: number | null; stdout: string } {
  const result = spawnSync(command, args, {
    env: postfixEnvironment(),
    encoding: 'utf8',
    timeout: 30_000,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return { status: result.error === undefined ? result.status : null, stdout: result.stdout };
}

const HABITS = [
  'recipient_delimiter',
  'smtputf8_enable',
  'parent_domain_matches_subdomains',
  'allow_untrusted_routing',
  'allow_min_user',
  'owner_request_special',
  'double_bounce_sender',
] as const;

/** What of the host's main.cf a lookup hangs on; nothing, which means Postfix's defaults, where there is no postconf. */
export function postfixHabits(): Habits {
  const { status, stdout } = run('postconf', ['-xh', ...HABITS]);
  if (status !== 0) return {};
  const [delimiter = '', utf8, parents = '', routing, hyphen, special, doubleBounce = ''] = stdout
    .split('\n')
    .map((v) => v.trim());
  return {
    delimiter,
    utf8: utf8 !== 'no',
    subdomains: parents.split(/[\s,]+/).includes('relay_domains'),
    untrustedRouting: routing === 'yes',
    leadingHyphen: hyphen === 'yes',
    ownerRequestSpecial: special !== 'no',
    doubleBounce,
  };
}

/**
 * Has Postfix reloaded, or asks for it. `done`: reloaded, or no Postfix runs here, so nothing is pending. `pending`: asked for, or
 * refused; health says so until it is done.
 */
export function reloadPostfix(): 'done' | 'pending' {
  if (process.getuid?.() === 0) {
    if (run('postfix', ['status']).status !== 0) return 'done';
    return run('postfix', ['reload']).status === 0 ? 'done' : 'pending';
  }
  if (!existsSync(RELOAD_FOLDER)) return 'done';
  try {
    writeFileAtomic(RELOAD_REQUEST, '', 0o644);
  } catch {
    return 'pending'; // asked again in the next cycle
  }
  return 'pending';
}

/** Whether a request that an unprivileged process made has been served. */
export const reloadServed = (): boolean =>
  process.getuid?.() !== 0 && existsSync(RELOAD_FOLDER) && !existsSync(RELOAD_REQUEST);
