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

export interface Manners {
  /** The exit status that the command itself gave. */
  readonly status: () => number;
  /** The exit status of a wrong command line. */
  readonly usage: (argv: readonly string[]) => number;
  /** Code and exit status of an error that is known; null for one that nobody foresaw. */
  readonly known: (error: unknown) => { readonly code: string; readonly status: number } | null;
}

/** Runs the command line to its exit status. Every error is one line with its code, never a stack; so is an answer nobody can take. */
export async function main(program: Command, manners: Manners): Promise<void> {
  let unanswered = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    unanswered = true;
    if (error.code !== 'EPIPE') log('error', `the answer cannot be written: ${error.message}`);
  });
  process.once('exit', () => {
    if (unanswered) process.exitCode = 2;
  });
  process.exitCode = await exitStatusOf(program, process.argv.slice(2), manners);
}

async function exitStatusOf(program: Command, argv: string[], { status, usage, known }: Manners): Promise<number> {
  try {
    await program.parseAsync(argv, { from: 'user' });
    return status();
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usage(argv);
    const { code, status: failed } = known(error) ?? { code: 'INTERNAL', status: 2 };
    log('error', `${code}: ${error instanceof Error ? error.message : String(error)}`);
    return failed;
  }
}
