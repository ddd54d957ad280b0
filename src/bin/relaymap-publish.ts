#!/usr/bin/env node
/** The central side's command line. Only the files of src/bin know argv and process.exit. */
import { exitStatus, StepError } from '../errors.ts';
import { PublishError } from '../publisher/errors.ts';
import { addKeygen, addKeyring, addSign } from './publisher/keys/key-commands.ts';
import type { CosignOptions } from './publisher/cosign-command.ts';
import type { FleetOptions } from './publisher/fleet/fleet-command.ts';
import type { InspectOptions } from './publisher/inspect/inspect-command.ts';
import type { PublishCommandOptions } from './publisher/publish-command.ts';
import { withS3Options, type S3Options } from './publisher/s3/options.ts';
import { addHelp, main, newProgram, subcommand } from './program.ts';

// These two commands set their own SIGHUP handlers later. Until then, a reload must not end them.
if (['serve', 'watch'].includes(process.argv[2] ?? '')) process.on('SIGHUP', () => undefined);

let status = 0;

const DEFAULT_CONFIG = '/etc/relaymap-publish/relaymap-publish.toml';

const program = newProgram(
  'relaymap-publish',
  'Signs the recipient list of a site and writes static files for its gateways.',
  ['explain', 'fleet', 'health', 'help', 'inspect'],
).addHelpText('after', '\nExit status: 0 done, 1 refused, 2 failed.');

const command = (name: string, description: string) => subcommand(program, name, description);

const more = (file: string, before: readonly string[]): readonly string[] => [...before, file];
const done = (given: number): void => void (status = given);
addKeygen(program);
const openBucket = async (place: string, options: S3Options) =>
  (await import('./publisher/s3/open-bucket.ts')).openBucket(place, options);
addSign(program, done, openBucket);
addKeyring(
  program,
  DEFAULT_CONFIG,
  async (files, options, now) => {
    const { keyringPublish } = await import('./publisher/keys/keyring-publish.ts');
    return keyringPublish(files, options, now);
  },
  done,
  openBucket,
);

command('publish', 'read all sources, check the list, sign it, and write the files')
  .option('--config <FILE>', 'configuration', DEFAULT_CONFIG)
  .option('--dry-run', 'show the differences, write nothing', false)
  .option('--allow-shrink', 'accept a shrunk list here and, for 24 h, on the gateways', false)
  .option('--next-version <N>', 'continue with this version, after the state was lost')
  .option('--accept-clock', 'publish although the published version is ahead of the clock', false)
  .option('--unsigned <DIR>', 'write a candidate to be signed elsewhere; publish nothing')
  .option('--json', 'print the result as JSON', false)
  .action(async (options: PublishCommandOptions) => {
    const { publishCommand } = await import('./publisher/publish-command.ts');
    await publishCommand(options, new Date());
  });

command('release', 'publish a candidate that enough keys have signed')
  .argument('<DIR>')
  .option('--config <FILE>', 'configuration', DEFAULT_CONFIG)
  .action(async (folder: string, options: { config: string }) => {
    const { releaseCommand } = await import('./publisher/release-command.ts');
    status = await releaseCommand(folder, options, new Date());
  });

command('cosign', 'run as a second signer on a separate host')
  .option('--config <FILE>', 'configuration', DEFAULT_CONFIG)
  .option('--once', 'check once, then exit', false)
  .option('--allow-shrink', 'for 48 h, accept an approved candidate that has shrunk', false)
  .option('--next-version <N>', 'accept candidates from this version on')
  .action(async (options: CosignOptions) => {
    const { cosignCommand } = await import('./publisher/cosign-command.ts');
    status = await cosignCommand(options);
  });

command('watch', 'publish whenever a source changes, and renew in time')
  .option('--config <FILE>', 'configuration', DEFAULT_CONFIG)
  .action(async (options: { config: string }) => {
    const { watchCommand } = await import('./publisher/watch-command.ts');
    await watchCommand(options.config);
  });

command('serve', 'serve the published files over HTTPS')
  .option('--config <FILE>', 'configuration', DEFAULT_CONFIG)
  .action(async (options: { config: string }) => {
    const { serveCommand } = await import('./publisher/serve-command.ts');
    await serveCommand(options.config);
  });

command('health', 'report to monitoring: exit 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN')
  .option('--config <FILE>', 'configuration', DEFAULT_CONFIG)
  .option('--json', 'print JSON', false)
  .action(async (options: { config: string; json: boolean }) => {
    const { healthCommand } = await import('./publisher/health-command.ts');
    status = await healthCommand(options, new Date());
  });

command('fleet', 'show which gateway runs which version, from the logs of the web server')
  .option('--config <FILE>', 'configuration', DEFAULT_CONFIG)
  .option('--log <FILE>', 'access log, also gzipped, or - for stdin (default: that of serve); repeatable', more, [])
  .option('--format <FORMAT>', 'nginx, caddy, combined, json or s3 (default: detected from the first lines)')
  .option('--json', 'print JSON', false)
  .option('--html <FILE>', 'write a web page')
  .option('--prom <FILE>', "write metrics for node_exporter's textfile collector")
  .action(async (options: FleetOptions) => {
    const { fleetCommand } = await import('./publisher/fleet/fleet-command.ts');
    await fleetCommand(options, new Date());
  });

withS3Options(
  command('inspect', 'verify published files as a gateway would, and print the manifest').argument('<URL-or-DIR>'),
)
  .option('--keys <DIR>', 'folder of the public keys (*.pub) to verify with')
  .option('--token-file <FILE>', 'bearer token, as on a gateway')
  .option('--client-cert <FILE>', 'client certificate, as on a gateway')
  .option('--client-key <FILE>', 'key of the client certificate')
  .action(async (place: string, options: InspectOptions) => {
    const { inspectCommand } = await import('./publisher/inspect/inspect-command.ts');
    status = await inspectCommand(place, options, new Date());
  });

command('explain', 'print why an address is or is not in the list')
  .argument('<ADDRESS>')
  .option('--config <FILE>', 'configuration', DEFAULT_CONFIG)
  .action(async (address: string, options: { config: string }) => {
    const { explainCommand } = await import('./publisher/explain-command.ts');
    status = await explainCommand(address, options, new Date());
  });

addHelp(program);

await main(program, {
  status: () => status,
  usage: () => 2,
  known: (error) => {
    if (error instanceof PublishError) return { code: error.code, status: error.exitStatus };
    return error instanceof StepError ? { code: error.code, status: exitStatus(error.code) } : null;
  },
});
