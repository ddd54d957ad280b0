/**
 * Asks Postfix itself what it would answer a stranger's RCPT: starts one smtpd over the live configuration, on a
 * socket of its own on loopback, as master(8) would start it. It uses the running Postfix's other services, leaves
 * no mail behind (nothing after RCPT is said), and judges by every table, access check, restriction class and
 * policy service that is configured: parameters need not be interpreted. Needs root and a Postfix that runs.
 */
import { spawn, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { createServer, connect, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { postfixEnvironment } from './commands.ts';
import { postfixRuns, type PostfixConfig, type Service } from './main-cf.ts';

export interface RcptAnswer {
  readonly code: number;
  /** Without the address. */
  readonly text: string;
}

/** Reserved for documentation (RFC 5737): nobody's network, and so nobody in mynetworks. */
const STRANGER = 'NAME=relaymap-check.example.net ADDR=192.0.2.1';

/**
 * What has nothing to do with recipients would only be in the way: limits, TLS, filters behind, what is asked of
 * clients and senders.
 */
const OPTIONS = [
  'smtpd_authorized_xclient_hosts=127.0.0.1',
  'smtpd_client_restrictions=',
  'smtpd_helo_restrictions=',
  'smtpd_sender_restrictions=',
  'smtpd_helo_required=no',
  'smtpd_milters=',
  'smtpd_proxy_filter=',
  'smtpd_tls_security_level=none',
  'smtpd_sasl_auth_enable=no',
  'smtpd_upstream_proxy_protocol=',
  'smtpd_error_sleep_time=0',
  'smtpd_soft_error_limit=1000000',
  'smtpd_hard_error_limit=1000000',
  'smtpd_client_connection_count_limit=0',
  'smtpd_client_connection_rate_limit=0',
  'smtpd_client_message_rate_limit=0',
  'smtpd_client_recipient_rate_limit=0',
  'smtpd_peername_lookup=no',
  'smtpd_delay_reject=yes',
  'syslog_name=postfix/relaymap-check',
];

/** Seconds; a DNS list or a policy service that does not answer must not hold a check up for long. */
const PATIENCE = 20_000;
const AT_ONCE = 100;

/** The service to which strangers talk: the one on port 25, or behind postscreen. */
export function publicService({ services }: PostfixConfig): Service | null {
  const smtpd = services.filter(({ program }) => program === 'smtpd');
  const named = (pattern: RegExp) => smtpd.find(({ name }) => pattern.test(name));
  return named(/^(.*:)?(smtp|25)\/inet$/) ?? named(/^smtpd\/pass$/) ?? named(/\/(inet|pass)$/) ?? null;
}

/**
 * @param addresses as they stand in an SMTP command.
 * @param silent told why a Postfix that runs, and that may be asked, gave no answer at all.
 * @returns by address; those that could not be asked any more are missing. Null where nobody can be asked.
 */
export async function askSmtpd(
  postfix: PostfixConfig,
  addresses: readonly string[],
  silent: (why: string) => void = () => undefined,
): Promise<ReadonlyMap<string, RcptAnswer> | null> {
  const service = publicService(postfix);
  if (service === null || process.geteuid?.() !== 0 || !postfixRuns(postfix)) return null;
  // What would be another command, or another argument, is nothing that a RCPT could ask.
  const asked = addresses.filter((address) => /^[^\u0000-\u001f\u007f<>]+@[^\u0000- \u007f<>@]+$/.test(address));
  if (asked.length === 0) return new Map();
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const smtpd = start(postfix, service, server);
  server.close(); // smtpd has the socket by now; this process must not accept what it is to accept
  const socket = connect(port, '127.0.0.1');
  let isLate = false;
  const giveUp = () => {
    isLate = true;
    socket.destroy();
  };
  socket.setTimeout(PATIENCE, giveUp);
  const limit = setTimeout(giveUp, PATIENCE + asked.length * 20);
  const found = new Map<string, RcptAnswer>();
  try {
    await talk(socket, asked, found);
    return found;
  } catch {
    if (found.size > 0) return found; // it hung up or was too slow: what it said before still holds
    silent(isLate ? `did not answer within ${PATIENCE / 1000} s` : 'hung up before it answered');
    return null;
  } finally {
    clearTimeout(limit);
    socket.destroy();
    smtpd.kill('SIGTERM');
  }
}

/** The descriptors are those of master's: 3 and 4 flow control, 5 its status, 6 the listening socket. */
function start(postfix: PostfixConfig, service: Service, server: Server) {
  const own = postfix.overrides.filter((o) => o.service === service.name).map((o) => `${o.parameter}=${o.value}`);
  const options = [...own, ...OPTIONS].flatMap((option) => ['-o', option]);
  const program = path.join(postfix.main.get('daemon_directory') ?? '/usr/lib/postfix/sbin', 'smtpd');
  // Node hands on descriptors, and keeps that of a server to itself.
  const { fd } = (server as unknown as { readonly _handle: { readonly fd: number } })._handle;
  const stdio: StdioOptions = ['ignore', 'ignore', 'ignore', 'pipe', 'pipe', 'pipe', fd];
  const child = spawn(program, ['-n', 'relaymap', '-t', 'inet', '-u', '-s', '1', '-l', '-m', '1', ...options], {
    cwd: postfix.main.get('queue_directory') ?? '/',
    env: { ...postfixEnvironment(postfix.directory), GENERATION: '1' },
    stdio,
  });
  child.on('error', () => undefined); // the connection then ends: nothing was answered
  for (const pipe of child.stdio) pipe?.on('error', () => undefined);
  return child;
}

async function talk(socket: Socket, addresses: readonly string[], found: Map<string, RcptAnswer>): Promise<void> {
  const input = createInterface({ input: socket });
  socket.on('error', () => undefined).once('close', () => input.close());
  const lines = input[Symbol.asyncIterator]();
  const reply = async (): Promise<{ code: number; text: string }> => {
    for (;;) {
      const { value, done } = (await lines.next()) as IteratorResult<string, undefined>;
      if (done === true) throw new Error('the connection has ended');
      if (/^\d{3}(?: |$)/.test(value)) return { code: Number(value.slice(0, 3)), text: value.slice(4) };
    }
  };
  const say = async (line: string) => {
    socket.write(`${line}\r\n`);
    return reply();
  };
  await reply();
  await say('EHLO localhost');
  await say(`XCLIENT ${STRANGER}`);
  await say('EHLO relaymap-check.example.net');
  for (let i = 0; i < addresses.length; i += AT_ONCE) {
    const some = addresses.slice(i, i + AT_ONCE);
    const utf8 = some.some((address) => /[^ -~]/.test(address));
    await say(`MAIL FROM:<>${utf8 ? ' SMTPUTF8' : ''}`);
    for (const address of some) {
      const { code, text } = await say(`RCPT TO:<${address}>`);
      found.set(address, { code, text: text.replace(/<[^>]*>:? ?/g, '') });
    }
    await say('RSET');
  }
  await say('QUIT');
}
