#!/usr/bin/env node
/** The file that signs where there is nothing else: `keygen`, `keyring` and `sign` of relaymap-publish, in one file. */
import { exitStatus, HostError, StepError } from '../errors.ts';
import { PublishError } from '../publisher/errors.ts';
import { addHelp, main, newProgram } from './program.ts';
import { addKeygen, addKeyring, addSign } from './publisher/keys/key-commands.ts';

let status = 0;
const done = (given: number): void => void (status = given);

const program = newProgram('relaymap-sign', 'Shows what a change of keys or a list changes, and signs it.', ['help']);
addKeygen(program);
addKeyring(
  program,
  '/etc/relaymap-publish/relaymap-publish.toml',
  () => {
    throw new HostError('CONFIG', 'a step is published on the publishing host, by relaymap-publish');
  },
  done,
  null,
);
addSign(program, done, null);
addHelp(program);

void main(program, {
  status: () => status,
  usage: () => 2,
  known: (error) => {
    if (error instanceof PublishError) return { code: error.code, status: error.exitStatus };
    return error instanceof StepError ? { code: error.code, status: exitStatus(error.code) } : null;
  },
});
