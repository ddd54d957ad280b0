// Debian 13 with its Postfix, and a live smtpd of it, which is asked within one command: the instance starts,
// answers and stops in a network of its own, and nothing of it is left.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { DebianTree } from './debian-tree.ts';
import { labTree } from './lab.ts';
import { configuration, gatewayCf } from './postfix.ts';
import type { SmtpReply } from './smtp.ts';

/** The lab's own tree, which has it: another one would take minutes to make. */
export const postfixTree = (): Promise<DebianTree> => labTree('trixie');

/** Recipients of one transaction: below smtpd_recipient_limit. */
const AT_ONCE = 200;

/** Its replies to RCPT for each of these, to a stranger who says SMTPUTF8, over the maps in `mapDir` of the host. */
export async function askTree(
  tree: DebianTree,
  mapDir: string,
  mainCf: Readonly<Record<string, string>>,
  recipients: readonly string[],
): Promise<SmtpReply[]> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-tree-'));
  try {
    const cf = configuration('/tmp/postfix', 25, { mainCf: { ...gatewayCf('/tmp/maps'), ...mainCf } });
    const files = { ...cf, dialogue: dialogue(recipients) };
    for (const [name, content] of Object.entries(files)) writeFileSync(path.join(dir, name), content);
    // Only once EHLO is answered may commands come in groups, and only those that RFC 2920 allows; QUIT ends one.
    const script = `set -e
      mkdir -p /tmp/postfix/queue /tmp/postfix/data /tmp/postfix/etc
      cp /tmp/asked/*.cf /tmp/postfix/etc; chown postfix /tmp/postfix/data
      postfix -c /tmp/postfix/etc start >&2
      trap 'postfix -c /tmp/postfix/etc stop >&2' EXIT
      exec 3<>/dev/tcp/127.0.0.1/25
      read -r -u 3 greeting; [[ $greeting == 220* ]]
      printf 'EHLO client.test.invalid\\r\\n' >&3
      while read -r -u 3 line; do [[ $line == 250-* ]] || break; done
      cat /tmp/asked/dialogue >&3 &
      cat <&3`;
    const { status, stdout, stderr } = await tree.run(['timeout', '300', 'bash', '-c', script], {
      shown: { asked: dir, maps: mapDir },
    });
    if (status !== 0)
      throw new Error(`the smtpd in the tree: exit status ${status}\n${stderr}\n${stdout.slice(0, 2000)}`);
    return replies(stdout, recipients.length);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function dialogue(recipients: readonly string[]): string {
  const lines: string[] = [];
  for (let from = 0; from < recipients.length; from += AT_ONCE) {
    const some = recipients.slice(from, from + AT_ONCE);
    lines.push('MAIL FROM:<stranger@sender.invalid> SMTPUTF8', ...some.map((r) => `RCPT TO:<${r}>`), 'RSET');
  }
  return [...lines, 'QUIT', ''].join('\r\n');
}

/** Those to RCPT, out of all. Each is one line. */
function replies(stdout: string, count: number): SmtpReply[] {
  const all = stdout
    .split('\r\n')
    .slice(0, -1)
    .map((line) => ({ code: Number(line.slice(0, 3)), text: line.slice(4) }));
  const found: SmtpReply[] = [];
  for (let at = 0; found.length < count; at += 2) {
    const some = all.slice(at + 1, at + 1 + Math.min(AT_ONCE, count - found.length));
    if (all[at]?.code !== 250 || some.length === 0)
      throw new Error(`the sender was refused: ${JSON.stringify(all[at])}`);
    found.push(...some);
    at += some.length;
  }
  if (all.at(-1)?.code !== 221) throw new Error(`no farewell: ${JSON.stringify(all.at(-1))}`);
  return found;
}
