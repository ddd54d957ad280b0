/** The mail server of this host, by the commands that are here. */
import type { Kind } from '../mta-kinds.ts';
import { runTool } from './tool.ts';

const COMMANDS: readonly (readonly [Kind, string, readonly string[]])[] = [
  ['postfix', 'postconf', ['-d', 'mail_version']],
  ['exim', 'exim4', ['-bV']],
  ['exim', 'exim', ['-bV']],
  ['opensmtpd', 'smtpctl', ['-h']],
];

/** Postfix where none is found. Haraka has no command in a place of its own: it is told with --mta. */
export const kindHere = (): Kind =>
  COMMANDS.find(([, command, args]) => runTool(command, args).status !== null)?.[0] ?? 'postfix';
