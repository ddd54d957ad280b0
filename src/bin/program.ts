/** What the command lines of both sides share: manners of commander, exit statuses of usage errors. Knows no command. */
import { Command, CommanderError } from 'commander';
import { log } from '../io/log.ts';

/** Substituted at build. */
export const VERSION = process.env['RELAYMAP_VERSION'] ?? '0.0.0';

/** A command that throws instead of exiting, writes errors to the log, and fits 80 columns. */
export function newProgram(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .version(VERSION, '--version', 'show the version')
    .helpOption('--help', 'show this help')
    .helpCommand(false)
    .configureHelp({
      helpWidth: 80,
      optionDescription: ({ description, defaultValue }) =>
        typeof defaultValue === 'string' ? `${description} (default ${defaultValue})` : description,
    })
    .configureOutput({ outputError: (text) => log('error', text.replace(/^error: /, '').trimEnd()) })
    .exitOverride();
}

/** @returns the exit status: what the command gave, or `usage` for a wrong command line. */
export async function runProgram(program: Command, argv: string[], usage: (argv: string[]) => number): Promise<number> {
  try {
    await program.parseAsync(argv, { from: 'user' });
    return 0;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : usage(argv);
  }
}
