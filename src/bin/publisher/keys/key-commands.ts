/** The commands that need no configuration: on the command line of `relaymap-publish`, and in the file that signs. */
import type { Command } from 'commander';
import { printable } from '../../../io/printable.ts';
import { subcommand } from '../../program.ts';
import { withS3Options, type OpenBucket } from '../s3/options.ts';
import type { Action, KeyringOptions } from './keyring-command.ts';
import type { SignOptions } from './sign-command.ts';

const several = (word: string, before: readonly string[] = []): readonly string[] => [...before, word];

const orBucket = (open: OpenBucket | null): string => (open === null ? '' : ', or s3://BUCKET/PREFIX');

export function addKeygen(program: Command): void {
  subcommand(program, 'keygen', 'create a signing key: N.key (secret) and N.pub (for the gateways)')
    .requiredOption('--out <DIR>', 'folder for both files')
    .option('--name <N>', 'name of the two files', 'relaymap')
    .action(async (options: { out: string; name: string }) => {
      const { randomBytes } = await import('node:crypto');
      const { makeKey } = await import('../../../publisher/keys/signing-key.ts');
      const key = makeKey(options.out, options.name, randomBytes(32));
      const [secret, open] = key.files.map(printable);
      process.stdout.write(`keyid ${key.keyid}\nsecret ${secret}\npublic ${open}\n`);
    });
}

/**
 * @param done told the exit status.
 * @param open opens a bucket; null for a program without a network.
 */
export function addSign(program: Command, done: (status: number) => void, open: OpenBucket | null): void {
  const sign = subcommand(program, 'sign', 'show what a step or a candidate changes, and sign it')
    .argument('<FILE>', "a step's file, or a candidate's folder")
    .option('--key <FILE>', 'sign with this key')
    .option('--agent <KEYID>', 'sign with a key of the ssh-agent')
    .option('--command <PROGRAM...>', 'sign with a program: bytes on stdin, signature on stdout')
    .option('--public <FILE>', 'public key of the program, for a candidate')
    .option('--base <DIR>', `the published folder${orBucket(open)}, to compare a candidate with`)
    .option('--allow-shrink', 'sign a candidate that has shrunk too far', false)
    .option('--yes <DIGEST>', 'the whole digest, instead of the question')
    .action(async (file: string, options: SignOptions) => {
      const { signCommand } = await import('./sign-command.ts');
      done(await signCommand(file, options, open));
    });
  if (open !== null) withS3Options(sign);
}

/**
 * @param publish `keyring publish`, which needs all of the publishing host.
 * @param open opens a bucket; null for a program without a network.
 */
export function addKeyring(
  program: Command,
  config: string,
  publish: Action,
  done: (status: number) => void,
  open: OpenBucket | null,
): void {
  const keyring = subcommand(program, 'keyring', 'change keys: init, propose, status, rehearse, publish')
    .argument('<ACTION>', 'init, propose, status, rehearse or publish')
    .argument('[FILE...]', 'the step, or copies of it with signatures')
    .option('--config <FILE>', 'configuration, for publish', config)
    .option('--out <FILE>', 'init: folder of the root keys; propose: the file')
    .option('--name <NAME>', 'init: name of the key files; propose: the list')
    .option('--roots <N>', 'init: how many root keys (default 3)')
    .option('--keys <DIR>', "propose: a gateway's key directory")
    .option('--published <DIR>', `propose, rehearse: the published folder${orBucket(open)}`)
    .option('--add <FILE>', 'propose: add this key (.pub)', several)
    .option('--remove <KEYID>', 'propose: remove this key, by keyid or .pub', several)
    .option('--add-root <FILE>', 'propose: add this root key (.pub)', several)
    .option('--remove-root <KEYID>', 'propose: remove this root key', several)
    .option('--threshold <N>', 'propose: how many keys must sign a manifest')
    .option('--root-threshold <N>', 'init, propose: how many root keys must sign a step')
    .option('--start-threshold <N>', 'propose: the threshold of the gateways')
    .option('--start-root-threshold <N>', 'propose: the root_threshold of the gateways')
    .option('--floor <N>', 'propose: gateways forget all versions and continue from N')
    .option('--without-old', 'publish: the old key can no longer sign', false)
    .action(async (action: string, files: string[], options: KeyringOptions) => {
      const { keyringCommand } = await import('./keyring-command.ts');
      done(await keyringCommand(action, files, options, { now: new Date(), publish, open }));
    });
  if (open !== null) withS3Options(keyring);
}
