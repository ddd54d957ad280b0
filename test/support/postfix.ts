// Private Postfix instances for tests: own configuration, queue, data and log in a temporary folder, loopback only,
// no DNS. Nothing of the host's own Postfix is read or touched. A guardian process stops each instance and removes
// its folder when stop() is called, and just as well when the test process dies in any other way.
import { type ChildProcess, execFile } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { dismiss, guard, serverEnv } from './guardian.ts';

const run = promisify(execFile);

/** One queued message. The null sender of a bounce reads `MAILER-DAEMON`, as postqueue prints it. */
export type QueuedMessage = { queue: string; id: string; sender: string; recipients: string[]; reason: string };

export type Postfix = {
  readonly port: number;
  readonly configDir: string;
  /** For child processes, so that their postfix, postconf and postmap mean this instance. */
  readonly env: { MAIL_CONFIG: string };
  reload(): Promise<void>;
  /** Stops the instance and removes its folder; more than once is fine. */
  stop(): Promise<void>;
  queue(): Promise<QueuedMessage[]>;
  /** `postmap -q`: the value, or undefined where the map (`cdb:/path`) has no such key. */
  query(map: string, key: string): Promise<string | undefined>;
  /** The value of one parameter, expanded. */
  postconf(parameter: string): Promise<string>;
  /** The lines that this instance has logged so far; with a pattern, those that match. */
  log(pattern?: RegExp): Promise<string[]>;
};

export type PostfixOptions = {
  /** Parameters of main.cf over the ones below; `{dir}` stands for the configuration folder. */
  mainCf?: Record<string, string>;
  /** Whole lines added to master.cf. */
  masterCf?: string[];
  /** Further files in the configuration folder: name to content. */
  files?: Record<string, string>;
};

/**
 * Waits until `condition` gives something other than false or undefined, and gives it; fails with `what` after
 * `seconds`.
 */
export async function until<T>(
  what: string,
  condition: () => Promise<T | false | undefined> | T | false | undefined,
  seconds = 120,
): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const value = await condition();
    if (value !== false && value !== undefined) return value;
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`);
    await delay(50);
  }
}

/**
 * A gateway: relays the domains of MAPDIR/relay_domains for the recipients of MAPDIR/relay_recipients to a primary on
 * `relayTo`, and for nobody else: mynetworks is empty.
 */
export function startGateway(options: PostfixOptions & { mapDir: string; relayTo?: number }): Promise<Postfix> {
  return startPostfix({ ...options, mainCf: { ...gatewayCf(options.mapDir, options.relayTo), ...options.mainCf } });
}

/** What makes a Postfix a gateway over these maps. */
export const gatewayCf = (mapDir: string, relayTo?: number): Record<string, string> => ({
  relay_domains: `cdb:${mapDir}/relay_domains`,
  relay_recipient_maps: `cdb:${mapDir}/relay_recipients`,
  relay_transport: relayTo === undefined ? 'discard:' : `relay:[127.0.0.1]:${relayTo}`,
});

/** A primary: final destination of `domains`, knows `mailboxes` and no other, and throws away what it accepts. */
export function startPrimary(options: PostfixOptions & { domains: string[]; mailboxes: string[] }): Promise<Postfix> {
  return startPostfix({
    ...options,
    mainCf: {
      virtual_mailbox_domains: options.domains.join(' '),
      virtual_mailbox_maps: 'texthash:{dir}/mailboxes',
      virtual_transport: 'discard:',
      ...options.mainCf,
    },
    files: { mailboxes: options.mailboxes.map((mailbox) => `${mailbox} OK\n`).join(''), ...options.files },
  });
}

/** Starts an instance, and comes back when it answers on its port. */
export async function startPostfix(options: PostfixOptions = {}): Promise<Postfix> {
  if (process.getuid?.() !== 0)
    throw new Error('a private Postfix needs root: Postfix starts its processes as other users');
  const top = await mkdtemp(path.join(os.tmpdir(), 'relaymap-postfix-'));
  const guardian = guard(GUARDED, top);
  try {
    const port = await freePort();
    await layOut(top, port, options);
    await startMaster(path.join(top, 'etc'));
    return handle(top, port, guardian);
  } catch (error) {
    const log = await readFile(path.join(top, 'mail.log'), 'utf8').catch(() => '(no log)');
    await dismiss(guardian, 'a private Postfix');
    throw new Error(`Postfix did not start; its log:\n${log}`, { cause: error });
  }
}

/**
 * What `postfix start` does at its end. What it does before that, asking postconf some forty times and checking what
 * the package installed, takes two seconds of a processor, and a run of the tests starts a hundred instances.
 */
async function startMaster(dir: string): Promise<void> {
  daemons ??= run('postconf', ['-dh', 'daemon_directory'], { env: serverEnv() }).then(({ stdout }) => stdout.trim());
  await run(path.join(await daemons, 'master'), ['-c', dir, '-w'], { env: { ...serverEnv(), MAIL_CONFIG: dir } });
}

let daemons: Promise<string> | undefined;

const given = new Set<number>();

/**
 * A port of 127.0.0.1 on which nothing listens now. It is none of those that the kernel gives to clients and to
 * whoever asks for any: until our server has it nobody else gets it.
 */
export async function freePort(): Promise<number> {
  const [first = 32_768] = (await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')).split('\t').map(Number);
  const below = Math.max(first, 12_000);
  for (;;) {
    const port = 10_000 + randomInt(below - 10_000);
    if (given.has(port)) continue;
    given.add(port);
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch {
      continue; // taken
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}

function handle(top: string, port: number, guardian: ChildProcess): Postfix {
  const dir = path.join(top, 'etc');
  const tool = async (command: string, args: string[]): Promise<string> =>
    (await run(command, ['-c', dir, ...args], { env: serverEnv(), maxBuffer: 1 << 28 })).stdout;
  let stopped: Promise<void> | undefined;
  return {
    port,
    configDir: dir,
    env: { MAIL_CONFIG: dir },
    stop: () => (stopped ??= dismiss(guardian, 'a private Postfix')),
    async log(pattern = /./) {
      const text = await readFile(path.join(top, 'mail.log'), 'utf8');
      return text.split('\n').filter((line) => pattern.test(line));
    },
    postconf: async (parameter) => (await tool('postconf', ['-xh', parameter])).trim(),
    async reload() {
      await tool('postfix', ['reload']);
    },
    async queue() {
      const lines = (await tool('postqueue', ['-j'])).split('\n').filter((line) => line !== '');
      return lines.map((line) => queued(JSON.parse(line) as QueueEntry));
    },
    async query(map, key) {
      try {
        return (await tool('postmap', ['-q', key, map])).replace(/\n$/, '');
      } catch (error) {
        const { code, stderr } = error as { code?: unknown; stderr?: unknown };
        if (code === 1 && stderr === '') return undefined;
        throw error;
      }
    },
  };
}

type QueueEntry = {
  queue_name: string;
  queue_id: string;
  sender: string;
  recipients: { address: string; delay_reason?: string }[];
};

function queued(entry: QueueEntry): QueuedMessage {
  return {
    queue: entry.queue_name,
    id: entry.queue_id,
    sender: entry.sender,
    recipients: entry.recipients.map(({ address }) => address),
    reason: entry.recipients[0]?.delay_reason ?? '',
  };
}

const GUARDED = `cat
  postfix -c "$dir/etc" status && postfix -c "$dir/etc" stop`;

async function layOut(top: string, port: number, options: PostfixOptions): Promise<void> {
  const dir = path.join(top, 'etc');
  const mail = await userId('postfix');
  await chmod(top, 0o755);
  for (const folder of ['etc', 'queue', 'data']) await mkdir(path.join(top, folder), { mode: 0o755 });
  await chown(path.join(top, 'data'), mail.uid, mail.gid);
  await layOutQueue(path.join(top, 'queue'), mail.uid);
  for (const [name, content] of Object.entries(options.files ?? {})) await writeFile(path.join(dir, name), content);
  for (const [name, content] of Object.entries(configuration(top, port, options)))
    await writeFile(path.join(dir, name), content);
}

/** The folders of a queue, with the owners and modes of Postfix's own list (postfix-files). */
async function layOutQueue(queue: string, uid: number): Promise<void> {
  const make = async (names: string, mode: number, owner: number, group: number) => {
    for (const name of names.split(' ')) {
      await mkdir(path.join(queue, name));
      await chown(path.join(queue, name), owner, group);
      await chmod(path.join(queue, name), mode);
    }
  };
  const drop = await groupId('postdrop');
  await make('active bounce corrupt defer deferred flush hold incoming private saved trace', 0o700, uid, 0);
  await make('maildrop', 0o730, uid, drop);
  await make('public', 0o710, uid, drop);
  await make('pid', 0o755, 0, 0);
}

/**
 * main.cf and master.cf of an instance whose folders `etc`, `queue` and `data` are below `top`, and which listens
 * on `port`.
 */
export function configuration(
  top: string,
  port: number,
  options: PostfixOptions,
): Record<'main.cf' | 'master.cf', string> {
  const parameters = {
    ...baseParameters,
    queue_directory: `${top}/queue`,
    data_directory: `${top}/data`,
    maillog_file: `${top}/mail.log`,
    maillog_file_prefixes: top,
    ...options.mainCf,
  };
  const lines = Object.entries(parameters).map(
    ([name, value]) => `${name} = ${value.replaceAll('{dir}', path.join(top, 'etc'))}\n`,
  );
  return { 'main.cf': lines.join(''), 'master.cf': masterCf(port, options.masterCf ?? []) };
}

async function userId(name: string): Promise<{ uid: number; gid: number }> {
  const { stdout } = await run('getent', ['passwd', name]);
  const fields = stdout.split(':');
  return { uid: Number(fields[2]), gid: Number(fields[3]) };
}

const groupId = async (name: string): Promise<number> =>
  Number((await run('getent', ['group', name])).stdout.split(':')[2]);

const baseParameters: Record<string, string> = {
  compatibility_level: '3.6',
  mail_owner: 'postfix',
  myhostname: 'mx.test.invalid',
  inet_interfaces: '127.0.0.1',
  inet_protocols: 'ipv4',
  // Nobody is trusted and nothing is local: a client of the tests is a stranger from the Internet.
  mynetworks: '',
  mydestination: '',
  local_recipient_maps: '',
  alias_maps: '',
  alias_database: '',
  smtpd_relay_restrictions: 'reject_unauth_destination',
  smtpd_recipient_restrictions: '',
  // No DNS, and no way out of this machine: what is not relayed to a test's own port stays in the queue.
  smtp_dns_support_level: 'disabled',
  smtp_host_lookup: 'native',
  smtpd_peername_lookup: 'no',
  default_transport: 'retry:4.4.1 no mail leaves this machine',
  smtp_tls_security_level: 'none',
  smtpd_tls_security_level: 'none',
  biff: 'no',
  notify_classes: '',
  // The tests ask one smtpd for a long time and many wrong things: no process may retire, slow down or hang up for it.
  // in_flow_delay: a RCPT that is taken back costs a token of the queue manager's, and without tokens each message
  // waits 1 s.
  max_use: '1000000',
  max_idle: '1h',
  address_verify_poll_delay: '1s',
  smtpd_error_sleep_time: '0',
  in_flow_delay: '0',
  smtpd_soft_error_limit: '1000000',
  smtpd_hard_error_limit: '1000000',
  smtpd_client_connection_count_limit: '0',
};

function masterCf(port: number, more: string[]): string {
  const lines = [
    // service type private unpriv chroot wakeup maxproc command
    `127.0.0.1:${port} inet n - n - - smtpd`,
    'pickup unix n - n 60 1 pickup',
    'cleanup unix n - n - 0 cleanup',
    'qmgr unix n - n 300 1 qmgr',
    'rewrite unix - - n - - trivial-rewrite',
    'bounce unix - - n - 0 bounce',
    'defer unix - - n - 0 bounce',
    'trace unix - - n - 0 bounce',
    'verify unix - - n - 1 verify',
    'flush unix n - n 1000? 0 flush',
    'proxymap unix - - n - - proxymap',
    'smtp unix - - n - - smtp',
    'relay unix - - n - - smtp',
    'showq unix n - n - - showq',
    'error unix - - n - - error',
    'retry unix - - n - - error',
    'discard unix - - n - - discard',
    'anvil unix - - n - 1 anvil',
    'scache unix - - n - 1 scache',
    'postlog unix-dgram n - n - 1 postlogd',
    ...more,
  ];
  return `${lines.join('\n')}\n`;
}
