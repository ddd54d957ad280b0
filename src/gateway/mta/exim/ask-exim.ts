/**
 * Asks Exim itself what it would answer a stranger's RCPT: `exim -bh` says an SMTP dialogue as if it came from that
 * address, with all of its ACLs, and takes no mail.
 */
import type { RcptAnswer } from '../advisor.ts';
import { naming } from './config-text.ts';
import { rcptPath, smtpReplies } from '../smtp-replies.ts';
import { runTool } from '../tool.ts';

/** Reserved for documentation (RFC 5737): nobody's network. */
const STRANGER = '192.0.2.1';

/** Below the 1000 messages that Exim takes in one connection. */
const AT_ONCE = 300;

export interface EximDialogue {
  readonly answers: ReadonlyMap<string, RcptAnswer>;
  /** Whether it offers SMTPUTF8. */
  readonly utf8: boolean;
}

/** @returns null where Exim cannot be asked. */
export function askExim(program: string, file: string, addresses: readonly string[]): EximDialogue | null {
  const answers = new Map<string, RcptAnswer>();
  const asked = addresses.flatMap((address) => {
    const path = rcptPath(address);
    return path === null ? [] : [{ address, path }];
  });
  let utf8 = false;
  for (let from = 0; from < asked.length || from === 0; from += AT_ONCE) {
    const some = asked.slice(from, from + AT_ONCE);
    // A transaction for each: an ACL may count the bad recipients of one.
    const lines = some.flatMap(({ path }) => [
      `MAIL FROM:<>${/[^ -~]/.test(path) ? ' SMTPUTF8' : ''}`,
      `RCPT TO:<${path}>`,
      'RSET',
    ]);
    const input = ['EHLO relaymap-check.example.net', ...lines, 'QUIT', ''].join('\r\n');
    const { status, stdout } = runTool(program, [...naming(file), '-bh', STRANGER], input);
    if (status === null) return null;
    const replies = smtpReplies(stdout);
    if (replies[0]?.code !== 220 || replies[1]?.code !== 250) return answers.size === 0 ? null : { answers, utf8 };
    utf8 = /^250[ -]SMTPUTF8\r?$/m.test(stdout);
    for (const [i, { address }] of some.entries()) {
      const [mail, rcpt] = [replies[2 + 3 * i], replies[3 + 3 * i]];
      // Without SMTPUTF8 it does not even come to RCPT.
      const answer = mail !== undefined && mail.code >= 400 ? mail : rcpt;
      if (answer !== undefined) answers.set(address, answer);
    }
  }
  return { answers, utf8 };
}
