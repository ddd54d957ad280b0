#!/usr/bin/env node
/**
 * The gateway's entry. It runs a plain health check itself, `fetch` and `import` by fetch-entry.ts, and every other
 * command by all-commands.ts. It is built as one CommonJS file, because Node's module loader would take as long as
 * the check.
 */
import { healthArguments } from './gateway/health-arguments.ts';

const line = process.argv.slice(2);
// A service manager may send these before the daemon has its handlers, and they would end the process. Nothing is
// lost: the daemon starts with a cycle anyway.
if (line[0] === 'run') for (const name of ['SIGHUP', 'SIGUSR2'] as const) process.on(name, () => undefined);
const health = healthArguments(line);
if (health !== null)
  void import('./gateway/health-command.ts').then(async ({ healthCommand }) => {
    process.exitCode = await healthCommand(health, new Date());
  });
else if (line[0] === 'fetch' || line[0] === 'import') void import('./fetch-entry.ts');
else void import('./all-commands.ts');
