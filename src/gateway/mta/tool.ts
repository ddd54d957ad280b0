/** Runs a mail server's own commands to their end: for answers that are short. */
import { spawnSync } from 'node:child_process';

export interface ToolAnswer {
  /** Null where the command cannot be run. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** cron and systemd units may lack the folders of these commands. */
export const toolEnvironment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/local/sbin:/usr/sbin:/sbin`,
});

export function runTool(command: string, args: readonly string[], input = ''): ToolAnswer {
  const result = spawnSync(command, args, {
    env: toolEnvironment(),
    encoding: 'utf8',
    input,
    timeout: 60_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.error !== undefined && result.status === null) {
    return { status: null, stdout: result.stdout ?? '', stderr: result.error.message };
  }
  return { status: result.status, stdout: result.stdout, stderr: result.stderr.trim() };
}
