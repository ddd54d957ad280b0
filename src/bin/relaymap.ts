#!/usr/bin/env node
/** The gateway's command: a plain health check by the short way, all else by the command line of commands.ts. */
import { healthArguments } from './health-arguments.ts';

const health = healthArguments(process.argv.slice(2));
if (health === null) await import('./commands.ts');
else {
  const { healthCommand } = await import('./health-command.ts');
  process.exitCode = await healthCommand(health, new Date());
}
