// Other names and nameservers for one command: /etc/hosts and /etc/resolv.conf are files of the test's own, in a
// mount namespace that the command alone is in. And a nameserver on loopback, which answers what it is told and is
// silent otherwise.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';

export interface Names {
  /** The lines of /etc/hosts, and the addresses of nameservers. */
  readonly hosts?: readonly string[];
  readonly nameservers?: readonly string[];
  /** Further lines of /etc/resolv.conf. */
  readonly resolv?: readonly string[];
}

/** A command that runs a command among these names. */
export function amongNames({
  hosts = ['127.0.0.1 localhost'],
  nameservers = [],
  resolv = [],
}: Names): readonly string[] {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'relaymap-names-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(path.join(dir, 'hosts'), `${hosts.join('\n')}\n`);
  const lines = [...nameservers.map((address) => `nameserver ${address}`), ...resolv];
  writeFileSync(path.join(dir, 'resolv.conf'), lines.map((line) => `${line}\n`).join(''));
  const bind = (name: string) => `mount --bind '${path.join(dir, name)}' "$(readlink -f /etc/${name})"`;
  return ['unshare', '-m', 'sh', '-ec', `${bind('hosts')}; ${bind('resolv.conf')}; exec "$@"`, 'sh'];
}

export interface Nameserver {
  readonly address: string;
  /** The names that were asked for. */
  readonly asked: Set<string>;
}

/**
 * @param known names and their IPv4 address; for a name with null it says that there is none; all others it leaves
 * without an answer.
 */
export async function nameserver(known: Readonly<Record<string, string | null>>): Promise<Nameserver> {
  const socket = createSocket('udp4');
  const address = `127.${process.pid & 0x7f}.${(process.pid >> 7) & 0xff}.53`;
  socket.bind(53, address);
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  const asked = new Set<string>();
  socket.on('message', (query, from) => {
    const { name, type, end } = question(query);
    asked.add(name);
    const found = known[name];
    if (found === undefined) return;
    const answers = found !== null && type === 1 ? 1 : 0;
    const head = Buffer.from(query.subarray(0, 12));
    head.writeUInt16BE(found === null ? 0x8183 : 0x8180, 2);
    for (const [at, count] of [[4, 1], [6, answers], [8, 0], [10, 0]] as const) head.writeUInt16BE(count, at); // prettier-ignore
    const record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...(found ?? '').split('.').map(Number)];
    const parts = [head, query.subarray(12, end), ...(answers === 1 ? [Buffer.from(record)] : [])];
    socket.send(Buffer.concat(parts), from.port, from.address);
  });
  return { address, asked };
}

function question(query: Buffer): { readonly name: string; readonly type: number; readonly end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}
