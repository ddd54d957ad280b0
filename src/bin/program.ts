/**
 * What both command lines share: help, suggestions, the exit status of a wrong command line. Has no command but
 * `help`.
 */
import { Command, CommanderError } from 'commander';
import { log } from '../io/log.ts';
import { nearest } from '../io/nearest.ts';

/** The build substitutes this. */
export const VERSION = process.env['RELAYMAP_VERSION'] ?? '0.0.0';

/** Options that override a check or give something up. They are never suggested; users must type them themselves. */
const DECIDING = new Set([
  '--accept-clock',
  '--accept-shrink',
  '--allow-shrink',
  '--apply',
  '--force',
  '--next-version',
  '--partial',
  '--rebuild-state',
  '--replace',
  '--take-back',
  '--unseal',
  '--yes',
]);

/**
 * A command that throws instead of exiting, writes errors to the log, and fits 80 columns.
 * @param readOnly the commands that change nothing. Only these are suggested in place of a mistyped command.
 */
export function newProgram(name: string, description: string, readOnly: readonly string[]): Command {
  const program: Command = new Command(name)
    .description(description)
    .version(VERSION, ...VERSION_FLAG)
    .helpOption(...HELP_FLAG)
    .helpCommand(false)
    .showSuggestionAfterError(false)
    .configureHelp({
      helpWidth: 80,
      optionDescription: ({ description, defaultValue }) =>
        typeof defaultValue === 'string' ? `${description} (default ${defaultValue})` : description,
    })
    .configureOutput({
      outputError: (text) => {
        const message = text.replace(/^error: /, '').trimEnd();
        log('error', message + suggestion(program, message, readOnly));
      },
    })
    .exitOverride();
  return program;
}

const VERSION_FLAG = ['-V, --version', 'show the version'] as const;
const HELP_FLAG = ['-h, --help', 'show this help'] as const;

/** A command of the program, with the options that every command has. */
export const subcommand = (program: Command, name: string, description: string): Command =>
  program
    .command(name)
    .description(description)
    .helpOption(...HELP_FLAG)
    .version(VERSION, ...VERSION_FLAG);

/** `help [COMMAND]` */
export function addHelp(program: Command): void {
  subcommand(program, 'help', 'show the commands, or the options of one command')
    .argument('[COMMAND]')
    .action((name: string | undefined) => {
      if (name === undefined) program.help();
      const command = program.commands.find((each) => each.name() === name);
      if (command === undefined) program.error(`error: unknown command '${name ?? ''}'`);
      else command.help();
    });
}

/** What to type instead of an unknown word. */
function suggestion(program: Command, message: string, readOnly: readonly string[]): string {
  const [, kind, word = ''] = /^unknown (command|option) '(.*)'$/s.exec(message) ?? [];
  if (kind === undefined) return '';
  const typed = program.commands.find((command) => process.argv.slice(2).includes(command.name()));
  const options = [...(typed?.options ?? program.options), { long: '--help' }].flatMap(({ long }) => long ?? []);
  const known = kind === 'command' ? readOnly : options.filter((option) => !DECIDING.has(option));
  const near = nearest(word, known);
  const help = kind === 'option' && typed !== undefined ? `${typed.name()} --help` : 'help';
  return near === undefined ? `; see: ${program.name()} ${help}` : `; did you mean ${near}?`;
}

export interface Manners {
  /** The exit status that the command itself gave. */
  readonly status: () => number;
  /** The exit status of a wrong command line. */
  readonly usage: (argv: readonly string[]) => number;
  /** Code and exit status of an expected error; null for any other. */
  readonly known: (error: unknown) => { readonly code: string; readonly status: number } | null;
}

/**
 * Runs the command line to its exit status. Prints every error as one line with its code, never a stack trace. A closed
 * stdout counts as an error too.
 */
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
    log('error', linesOf(code, error));
    return failed;
  }
}

/** Returns several lines only if the error was made with several. */
function linesOf(code: string, error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [`${code}: ${String(error)}`];
  const [first = '', ...rest] = 'lines' in error ? (error.lines as readonly string[]) : [error.message];
  return [`${code}: ${first}`, ...rest];
}
