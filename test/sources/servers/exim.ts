// Exim 4 in a tree of its own, asked by RCPT in a session on its standard input (`exim -bh`): nothing is delivered,
// but each access list and router looks where it would.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { mtaTree } from '../../support/mta-trees.ts';
import { mailbox } from '../asking.ts';
import type { Database } from '../databases.ts';

const AT_ONCE = 500;

/**
 * Whether Exim takes each address. One that it cannot read is left out; any other that it cannot answer is an error.
 * @param config `{servers}` stands for the setting that names the database.
 */
export async function atExim(
  server: Database,
  database: string,
  config: string,
  addresses: readonly string[],
): Promise<Map<string, boolean>> {
  const tree = await mtaTree('exim-heavy');
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-exim-'));
  try {
    chmodSync(dir, 0o755);
    for (const name of ['spool', 'log']) {
      mkdirSync(path.join(dir, name));
      chmodSync(path.join(dir, name), 0o777);
    }
    const servers = `hide mysql_servers = localhost(/tmp/db/sock)/${database}/root/`;
    const paths = 'spool_directory = /tmp/exim/spool\nlog_file_path = /tmp/exim/log/%slog\n';
    writeFileSync(path.join(dir, 'conf'), `${servers}\n${paths}${config}`, { mode: 0o644 });
    const answers = new Map<string, boolean>();
    for (let i = 0; i < addresses.length; i += AT_ONCE) {
      const some = addresses.slice(i, i + AT_ONCE);
      const commands = ['HELO client.example', 'MAIL FROM:<someone@client.example>'];
      const input = [...commands, ...some.map((address) => `RCPT TO:<${mailbox(address)}>`), 'QUIT', ''].join('\r\n');
      const { stdout } = await tree.run(['exim4', '-C', '/tmp/exim/conf', '-bh', '192.0.2.1'], {
        input,
        shown: { exim: dir, db: server.dir },
      });
      // The greeting, HELO, MAIL, and the end.
      const replies = stdout.split(/\r?\n/).filter((line) => /^[0-9]{3} /.test(line));
      if (replies.length !== some.length + 4) throw new Error(`Exim said:\n${stdout.slice(-2000)}`);
      for (const [n, address] of some.entries()) {
        const reply = replies[n + 3] ?? '';
        // A domain alias writes the local part without quotes, and Exim defers what it cannot read then.
        if (reply.startsWith('451 ') && /[ ,"\\@]/.test(address.slice(0, address.lastIndexOf('@')))) continue;
        if (!/^[25]/.test(reply)) throw new Error(`${address}: ${reply}`);
        answers.set(address, reply.startsWith('2'));
      }
    }
    return answers;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
