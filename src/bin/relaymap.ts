#!/usr/bin/env node
/**
 * The gateway's command: a plain health check at once, a cycle by the command line of cycles.ts, all else by that of all-commands.ts. Built
 * as one CommonJS file, since Node's module loader would take as long as the check.
 */
import { healthArguments } from './gateway/health-arguments.ts';

const line = process.argv.slice(2);
// Until the daemon has its own handlers, these would end the process: a service manager may send them at any time. A cycle comes then anyway.
if (line[0] === 'run') for (const name of ['SIGHUP', 'SIGUSR2'] as const) process.on(name, () => undefined);
const health = healthArguments(line);
if (health !== null)
  void import('./gateway/health-command.ts').then(async ({ healthCommand }) => {
    process.exitCode = await healthCommand(health, new Date());
  });
else if (line[0] === 'fetch' || line[0] === 'import') void import('./fetch-entry.ts');
else void import('./all-commands.ts');
