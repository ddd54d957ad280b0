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

command('run', 'the daemon: last good copy first, then a cycle on schedule')
  .addHelpText('after', '\nSIGUSR2: a cycle now. SIGHUP: read configuration and keys again. SIGTERM: end.')
  .action(async (options: Common) => {
    const { runCommand } = await import('./gateway/run-command.ts');
    status = await runCommand(options.config, fileURLToPath(new URL('./cycle-child.cjs', import.meta.url)));
  });

addImport(program, done);

command('health', 'monitoring-plugin output: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN')
  .option('--json', 'print the facts as JSON', false)
  .option('--deep', 'hash the live maps too', false)
  .action(async (options: Common & { json: boolean; deep: boolean }) => {
    const { healthCommand } = await import('./gateway/health-command.ts');
    status = await healthCommand(options, new Date());
  });

command('status', 'everything at a glance: lists, keys, mirrors, maps, mail server, what comes next')
  .option('--json', 'print the facts as JSON', false)
  .action(async (options: Common & { json: boolean }) => {
    const { statusCommand } = await import('./gateway/status-command.ts');
    status = await statusCommand(options, new Date());
  });

command('keys', 'the keys that are trusted, by keyid and file, and who signed the live copy').action(
  async (options: Common) => {
    const { keysCommand } = await import('./gateway/keys-command.ts');
    status = await keysCommand(options);
  },
);

command('check', 'does this host use the maps, and safely? Each finding with the line to type')
  .addHelpText('after', '\nExit status: 0 nothing found, or notes only; 1 errors or warnings; 2 could not.')
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

command('init', 'configure this host for a list: write, fetch, compare, say what to type')
  .option('--name <NAME>', 'the name of the list, as its publisher says')
  .option('--url <URL>', 'where it is: https, a folder')
  .option('--key <FILE>', "the publisher's public key, brought here by a way that you trust")
  .option('--domains <LIST>', 'all that it may speak for: example.org,*.example.org')
  .option('--token-file <FILE>', 'the bearer token that its server asks for')
  .option('--ca-file <FILE>', "the CA of its server's certificate, where it is one of your own")
  .option('--next-hops <LIST>', 'take its next hops too, to these hosts and networks only')
  .option('--backup-mx', 'a whole backup MX of it: relaying, queue, TLS, and what DNS has to say', false)
  .option('--primary <HOST>', 'with --backup-mx: where the mailboxes are; else the MX of each domain')
  .option('--hostname <NAME>', 'with --backup-mx: the name that this host has in DNS (myhostname)')
  .option('--mta <KIND>', 'the mail server: postfix, exim, opensmtpd, haraka; else the one that is here')
  .option('--instance <DIR>', 'a Postfix of several, by its configuration folder; may be typed again', collected)
  .option('--replace', 'write these values over other ones in the configuration', false)
  .option('--apply', 'have Postfix use it, once a good list is installed; unknown recipients get 450', false)
  .option('--take-back', 'have main.cf say again what it said before --apply', false)
  .addHelpText(
    'after',
    '\nAn existing configuration that says something else is changed by --replace only.\nOn a terminal it asks for the name, the URL and the key where they are missing.',
  )
  .action(async (options: Unasked & { takeBack: boolean }, self: Command) => {
    requireOptions(options, self);
    const { initCommand } = await import('./gateway/init-command.ts');
    status = await initCommand(options, new Date());
  });

command('lookup', 'what Postfix will answer for these addresses, and why')
  .argument('<address...>')
  .option('--delimiter <CHARS>', 'recipient_delimiter where there is no postconf')
  .option('--history', 'since which kept version', false)
  .action(async (addresses: string[], options: Common & { delimiter?: string; history: boolean }) => {
    const { lookupCommand } = await import('./gateway/lookup-command.ts');
    status = await lookupCommand(addresses, options);
  });

command('stale', 'grade the lists and bring stale_domains up to date; for a timer of its own').action(
  async (options: Common) => {
    const { staleCommand } = await import('./gateway/stale-command.ts');
    status = await staleCommand(options, new Date());
  },
);

command('history', 'the copies kept, and what is live')
  .option('--diff <V>', 'what changed from version V to version W')
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
  .option('--to <VERSION>', 'this version; else the newest older one')
  .option('--dry-run', 'say what would change, install nothing', false)
  .option('--accept-shrink', 'go back although the copy is much smaller than the live one', false);
changeCommand('hold', 'install nothing new until resume');
changeCommand('resume', 'go on after hold or rollback');

addHelp(program);

await gatewayMain(program, () => status);
