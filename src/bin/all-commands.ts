/** The gateway's whole command line: every command and option. */
import { fileURLToPath } from 'node:url';
import '../io/v8-baseline-wasm.ts'; // before undici
import { addFetch, addImport, configured, gatewayMain, gatewayProgram } from './gateway/fetch-options.ts';
import { addHelp } from './program.ts';
import type { ChangeOptions, RollbackFlags } from './gateway/history-command.ts';
import type { Command } from 'commander';
import type { Unasked } from './gateway/init/ask-missing.ts';

interface Common {
  readonly config: string;
}

let status = 0;
const done = (given: number): void => void (status = given);

const program = gatewayProgram();
const command = (name: string, description: string) => configured(program, name, description);

addFetch(program, done);

command('run', 'run as the daemon: restore the last good maps, then a cycle on schedule')
  .addHelpText('after', '\nSIGUSR2: run a cycle now. SIGHUP: reload configuration and keys. SIGTERM: exit.')
  .action(async (options: Common) => {
    const { runCommand } = await import('./gateway/run-command.ts');
    status = await runCommand(options.config, fileURLToPath(new URL('./cycle-child.cjs', import.meta.url)));
  });

addImport(program, done);

command('health', 'report to monitoring: exit 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN')
  .option('--json', 'print JSON', false)
  .option('--deep', 'also hash the live maps', false)
  .action(async (options: Common & { json: boolean; deep: boolean }) => {
    const { healthCommand } = await import('./gateway/health-command.ts');
    status = await healthCommand(options, new Date());
  });

command('status', 'show lists, keys, mirrors, maps, mail server and the next cycle')
  .option('--json', 'print JSON', false)
  .action(async (options: Common & { json: boolean }) => {
    const { statusCommand } = await import('./gateway/status-command.ts');
    status = await statusCommand(options, new Date());
  });

command('keys', 'show the trusted keys and their files, and which keys signed the live copy').action(
  async (options: Common) => {
    const { keysCommand } = await import('./gateway/keys-command.ts');
    status = await keysCommand(options);
  },
);

command('check', 'examine this host and its mail server; print commands that correct faults')
  .addHelpText('after', '\nExit status: 0 nothing or notes only, 1 errors or warnings, 2 failed.')
  .action(async (options: Common) => {
    const { checkCommand } = await import('./gateway/check-command.ts');
    status = await checkCommand(options, new Date());
  });

/** What nobody can be asked for must be there. */
function requireOptions(options: Unasked & { takeBack: boolean }, self: Command): void {
  if (options.takeBack || (process.stdin.isTTY && process.stdout.isTTY)) return;
  for (const option of self.options.filter(({ long }) => ['--name', '--url', '--key'].includes(long ?? ''))) {
    if (self.getOptionValue(option.attributeName()) === undefined)
      self.error(`error: required option '${option.flags}' not specified`);
  }
}

const collected = (value: string, all: readonly string[] = []): string[] => [...all, value];

command('init', 'set up this host: write the configuration, fetch, compare, print commands')
  .option('--name <NAME>', 'name of the list, as its publisher has configured it')
  .option('--url <URL>', 'URL of the list: https, with a slash at the end')
  .option('--key <FILE>', 'public key of the publisher; bring it here in a way that you trust')
  .option('--domains <LIST>', 'domains that the list may contain: example.org,*.example.org')
  .option('--token-file <FILE>', 'file with the bearer token, if the server requires one')
  .option('--ca-file <FILE>', 'CA certificate of the server, if it is a private one')
  .option('--next-hops <LIST>', 'use next hops of the list, only these hosts and networks')
  .option('--backup-mx', 'configure Postfix as a complete backup MX', false)
  .option('--primary <HOST>', 'with --backup-mx: host with the mailboxes (default: MX of each domain)')
  .option('--hostname <NAME>', 'with --backup-mx: name of this host in DNS (myhostname)')
  .option('--mta <KIND>', 'postfix, exim, opensmtpd or haraka (default: the one that is installed)')
  .option('--instance <DIR>', 'configuration folder of one of several Postfix instances; repeatable', collected)
  .option('--replace', 'replace differing values in the configuration', false)
  .option('--apply', 'make Postfix use the list once it is installed; unknown recipients get 450', false)
  .option('--take-back', 'restore the settings that Postfix had before --apply', false)
  .addHelpText(
    'after',
    '\nOnly --replace changes differing values in an existing configuration.\nOn a terminal it asks for the name, the URL and the key if they are missing.',
  )
  .action(async (options: Unasked & { takeBack: boolean }, self: Command) => {
    requireOptions(options, self);
    const { initCommand } = await import('./gateway/init-command.ts');
    status = await initCommand(options, new Date());
  });

command('lookup', 'print what Postfix will answer for these addresses, and why')
  .argument('<address...>')
  .option('--delimiter <CHARS>', 'recipient_delimiter, if there is no postconf')
  .option('--history', 'also print since which kept version', false)
  .action(async (addresses: string[], options: Common & { delimiter?: string; history: boolean }) => {
    const { lookupCommand } = await import('./gateway/lookup-command.ts');
    status = await lookupCommand(addresses, options);
  });

command('stale', 'update the map stale_domains; run by relaymap-stale.timer').action(async (options: Common) => {
  const { staleCommand } = await import('./gateway/stale-command.ts');
  status = await staleCommand(options, new Date());
});

command('history', 'list the kept copies, the floor and the live copy')
  .option('--diff <V>', 'print the rows that changed from version V to W')
  .argument('[W]')
  .usage('[--bundle NAME] [--diff V W]')
  .option('--bundle <NAME>', 'this bundle only')
  .action(async (to: string | undefined, options: ChangeOptions & { diff?: string }) => {
    const { historyCommand } = await import('./gateway/history-command.ts');
    status = await historyCommand(to === undefined ? options : { ...options, to });
  });

const changeCommand = (name: 'rollback' | 'hold' | 'resume', description: string) =>
  command(name, description)
    .option('--bundle <NAME>', 'this bundle only')
    .action(async (options: ChangeOptions & Partial<RollbackFlags>) => {
      const { changeCommand: run } = await import('./gateway/history-command.ts');
      status = await run(name, options, new Date());
    });

changeCommand('rollback', 'go back to an earlier copy and hold there')
  .option('--to <VERSION>', 'this version (default: the newest older one)')
  .option('--dry-run', 'print what would change, install nothing', false)
  .option('--accept-shrink', 'go back even if the copy is much smaller than the live one', false);
changeCommand('hold', 'install nothing new until resume');
changeCommand('resume', 'install new versions again after hold or rollback');

addHelp(program);

await gatewayMain(program, () => status);
