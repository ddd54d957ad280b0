/**
 * Runs Postfix's own commands for one instance, and asks what every lookup needs: the
 * parameters that decide how an address is looked up. Without an instance MAIL_CONFIG decides, as it does for the
 * commands themselves.
 */
import { spawn, spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import path from 'node:path';
import { isAbsent } from '../../../io/atomic-file.ts';
import type { Habits } from '../../../map/lookup.ts';
import { instanceEnvironment } from './instances.ts';

/**
 * cron and systemd units may lack the folders of Postfix's commands; without them a reload would silently not
 * happen.
 */
export const postfixEnvironment = (instance?: string): NodeJS.ProcessEnv => ({
  ...process.env,
  ...instanceEnvironment(instance),
  PATH: `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/local/sbin:/usr/sbin:/sbin`,
});

export interface ToolAnswer {
  /** Null where the command cannot be run. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Why a command of Postfix's ended, of all that it said: warnings of main.cf come first, and are not the reason. */
export function reasonOf(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line !== '');
  const fatal = lines.filter((line) => /^[a-z]+: (fatal|error|panic): /.test(line));
  return (fatal.at(-1) ?? lines.at(-1) ?? '').replace(/^[a-z]+: (fatal|error|panic|warning): /, '');
}

/** Runs one of Postfix's commands to its end: for answers that are short. */
export function postfixCommand(command: string, args: readonly string[], instance?: string): ToolAnswer {
  const missing = missingMainCf(command, instance);
  if (missing !== null) return { status: 1, stdout: '', stderr: missing };
  const result = spawnSync(command, args, {
    env: postfixEnvironment(instance),
    encoding: 'utf8',
    timeout: 30_000,
    maxBuffer: 16 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (result.error !== undefined) return { status: null, stdout: '', stderr: result.error.message };
  return { status: result.status, stdout: result.stdout, stderr: result.stderr.trim() };
}

/**
 * What Postfix's commands say of an instance without main.cf; null where there is one, or where only they know the
 * folder. They wait for a second before they say it, and a cycle asks three times.
 */
function missingMainCf(command: string, instance: string | undefined): string | null {
  const folder = instance ?? process.env['MAIL_CONFIG'];
  if (folder === undefined) return null;
  const file = path.join(folder, 'main.cf');
  try {
    statSync(file);
    return null;
  } catch (error) {
    return isAbsent(error) ? `${command}: fatal: open ${file}: No such file or directory` : null;
  }
}

/** The same, fed with `input`; what it answers may be as long as the list and goes to `take` in pieces. */
export function postfixStream(
  command: string,
  args: readonly string[],
  input: string | Uint8Array,
  take: (chunk: Buffer) => void,
): Promise<{ readonly status: number | null; readonly error: string }> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env: postfixEnvironment(), stdio: ['pipe', 'pipe', 'pipe'] });
    let error = '';
    child.stdout.on('data', take);
    child.stderr.on('data', (chunk: Buffer) => (error = (error + chunk.toString()).slice(-2000)));
    child.stdin.on('error', () => undefined); // it ended before it had read all: its status says so
    child.on('error', (e) => resolve({ status: null, error: e.message }));
    child.on('close', (status) => resolve({ status, error: error.trim() }));
    child.stdin.end(input);
  });
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

/**
 * What of the host's main.cf a lookup hangs on; nothing, which means Postfix's defaults, where there is no
 * postconf.
 */
export function postfixHabits(instance?: string): Habits {
  const { status, stdout } = postfixCommand('postconf', ['-xh', ...HABITS], instance);
  if (status !== 0) return {};
  const [delimiter = '', utf8, parents = '', routing, hyphen, special, doubleBounce = ''] = stdout
    .split('\n')
    .map((v) => v.trim());
  return {
    delimiter,
    utf8: utf8 !== 'no',
    subdomains: parents.split(/[\s,]+/).includes('relay_domains'),
    accessSubdomains: parents.split(/[\s,]+/).includes('smtpd_access_maps'),
    untrustedRouting: routing === 'yes',
    leadingHyphen: hyphen === 'yes',
    ownerRequestSpecial: special !== 'no',
    doubleBounce,
  };
}

/** `unknown_relay_recipient_reject_code = 450`, as `relaymap init --apply` sets it: unknown recipients are deferred. */
export function deferringCode(instance?: string): string | null {
  const name = 'unknown_relay_recipient_reject_code';
  const { status, stdout } = postfixCommand('postconf', ['-xh', name], instance);
  return status === 0 && /^4\d\d\s*$/.test(stdout) ? `${name} = ${stdout.trim()}` : null;
}
