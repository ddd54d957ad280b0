/** The command lines of `fetch` and `import`, and what all gateway commands share. */
import type { Command } from 'commander';
import { exitStatus, StepError } from '../../errors.ts';
import type { CycleCommandOptions } from './fetch-command.ts';
import { DEFAULT_CONFIG } from './health-arguments.ts';
import { main, newProgram, subcommand } from '../program.ts';

/** Receives a command's exit status. */
type Done = (status: number) => void;

export const gatewayProgram = (): Command =>
  newProgram('relaymap', 'Fetches signed recipient lists and builds maps for the mail server.', READ_ONLY).addHelpText(
    'after',
    '\nExit status: 0 done, 1 refused or not found, 2 failed.',
  );

/** The commands that change nothing on this host. */
const READ_ONLY = ['check', 'health', 'help', 'history', 'keys', 'lookup', 'status'];

/** A command that reads the configuration. */
export const configured = (program: Command, name: string, description: string): Command =>
  subcommand(program, name, description).option('--config <FILE>', 'configuration', DEFAULT_CONFIG);

const cycleCommand = (program: Command, name: string, description: string) =>
  configured(program, name, description)
    .option('--force', 'fetch the whole table and install it again', false)
    .option('--accept-shrink', 'accept a list that has shrunk, this time', false)
    .option('--partial', 'install even if other bundles have no copy yet', false)
    .option('--bundle <NAME>', 'this bundle only')
    .option('--json', 'print the outcome as JSON', false);

export function addFetch(program: Command, done: Done): void {
  cycleCommand(program, 'fetch', 'run one cycle now: fetch, verify, compile, install')
    .option('--dry-run', 'print what would change, install nothing', false)
    .option('--rebuild-state', 'discard the rollback floor and the damaged parts of the record', false)
    .action(async (options: CycleCommandOptions) => {
      const { fetchCommand } = await import('./fetch-command.ts');
      done(await fetchCommand(options));
    });
}

export function addImport(program: Command, done: Done): void {
  cycleCommand(program, 'import', 'run the same cycle from a directory or a USB stick')
    .argument('<DIR>')
    .action(async (folder: string, options: Omit<CycleCommandOptions, 'dryRun' | 'rebuildState'>) => {
      const { importCommand } = await import('./fetch-command.ts');
      done(await importCommand(folder, { ...options, dryRun: false, rebuildState: false }));
    });
}

/** Runs the command line. @param status the exit status that the command gave */
export const gatewayMain = (program: Command, status: () => number): Promise<void> =>
  main(program, {
    status,
    usage: ([name]) => (name === 'health' ? 3 : 2),
    known: (error) => (error instanceof StepError ? { code: error.code, status: exitStatus(error.code) } : null),
  });
