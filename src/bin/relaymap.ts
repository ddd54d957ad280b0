#!/usr/bin/env node
/**
 * The gateway's command: a plain health check at once, all else by the command line of commands.ts. Built as one CommonJS file, since
 * Node's module loader would take as long as the check.
 */
import { healthArguments } from './health-arguments.ts';
import { healthCommand } from './health-command.ts';

const health = healthArguments(process.argv.slice(2));
if (health === null) void import('./commands.ts');
else void healthCommand(health, new Date()).then((status) => (process.exitCode = status));
