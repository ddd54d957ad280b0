// A small SMTP client for tests: one connection kept open, one command at a time, the server's reply as a value. It
// judges nothing: a 4xx or 5xx is a reply like any other; only a broken connection or a silent server is an error.
import { once } from 'node:events';
import { connect as open, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export type SmtpReply = { code: number; text: string };

/** Milliseconds without a word, after which a server is given up. */
const SILENCE = 120_000;
/** Recipients of one transaction: below smtpd_recipient_limit. */
const atOnce = 200;

export class SmtpClient {
  readonly greeting: SmtpReply;
  readonly #socket: Socket;
  readonly #replies: AsyncIterator<SmtpReply>;

  private constructor(socket: Socket, replies: AsyncIterator<SmtpReply>, greeting: SmtpReply) {
    this.#socket = socket;
    this.#replies = replies;
    this.greeting = greeting;
  }

  /** Connects to a port of 127.0.0.1, or a socket by its path, and says EHLO; all but 220 and 250 is an error here. */
  static async connect(port: number | string, silence = SILENCE): Promise<SmtpClient> {
    const socket = typeof port === 'string' ? open(port) : open({ port, host: '127.0.0.1', noDelay: true });
    socket.setTimeout(silence, () => socket.destroy(new Error(`the SMTP server on port ${port} is silent`)));
    await once(socket, 'connect');
    const replies = repliesOf(socket);
    const client = new SmtpClient(socket, replies, await nextOf(replies));
    const ehlo = client.greeting.code === 220 ? await client.command('EHLO client.test.invalid') : client.greeting;
    if (ehlo.code === 250) return client;
    socket.destroy();
    throw new Error(`no welcome: ${ehlo.code} ${ehlo.text}`);
  }

  async command(line: string): Promise<SmtpReply> {
    this.#socket.write(`${line}\r\n`);
    return await nextOf(this.#replies);
  }

  mail(sender: string, options: { utf8?: boolean } = {}): Promise<SmtpReply> {
    return this.command(`MAIL FROM:<${sender}>${options.utf8 ? ' SMTPUTF8' : ''}`);
  }

  /** `recipient` as it stands between `<` and `>`: a local part that needs quotes must bring them. */
  rcpt(recipient: string): Promise<SmtpReply> {
    return this.command(`RCPT TO:<${recipient}>`);
  }

  rset(): Promise<SmtpReply> {
    return this.command('RSET');
  }

  /** DATA, the message, and the final dot; the reply is the last one given. */
  async data(message: string): Promise<SmtpReply> {
    const go = await this.command('DATA');
    if (go.code !== 354) return go;
    const body = message.split(/\r?\n/).map((line) => (line.startsWith('.') ? `.${line}` : line));
    return await this.command(`${body.join('\r\n')}\r\n.`);
  }

  /** The reply to RCPT in a transaction of its own, which is taken back afterwards. */
  async ask(recipient: string, options: { utf8?: boolean } = {}): Promise<SmtpReply> {
    const mail = await this.mail('stranger@sender.invalid', options);
    if (mail.code !== 250) return mail;
    const reply = await this.rcpt(recipient);
    await this.rset();
    return reply;
  }

  /**
   * The replies to many RCPTs, each line of a transaction sent before its first reply is read, and all of it taken
   * back.
   */
  async askMany(recipients: readonly string[], options: { utf8?: boolean } = {}): Promise<SmtpReply[]> {
    const replies: SmtpReply[] = [];
    for (let from = 0; from < recipients.length; from += atOnce) {
      const some = recipients.slice(from, from + atOnce);
      const mail = `MAIL FROM:<stranger@sender.invalid>${options.utf8 ? ' SMTPUTF8' : ''}`;
      this.#socket.write([mail, ...some.map((recipient) => `RCPT TO:<${recipient}>`), 'RSET', ''].join('\r\n'));
      const first = await nextOf(this.#replies);
      if (first.code !== 250) throw new Error(`the sender was refused: ${first.code} ${first.text}`);
      for (let i = 0; i < some.length; i++) replies.push(await nextOf(this.#replies));
      await nextOf(this.#replies);
    }
    return replies;
  }

  async quit(): Promise<void> {
    await this.command('QUIT');
    this.#socket.destroy();
  }

  /** For afterAll: hangs up without a word. */
  destroy(): void {
    this.#socket.destroy();
  }
}

/** The replies to several recipients, asked over one new connection, in order. */
export async function askOnce(
  port: number | string,
  recipients: string[],
  options: { utf8?: boolean; silence?: number } = {},
): Promise<SmtpReply[]> {
  const client = await SmtpClient.connect(port, options.silence);
  const replies: SmtpReply[] = [];
  for (const recipient of recipients) replies.push(await client.ask(recipient, options));
  await client.quit();
  return replies;
}

/**
 * Waits until the answers to these recipients are these: after a reload a process of before may take one more
 * connection, or hang up on it.
 * @throws with the last answers seen.
 */
export async function answersSo(port: number | string, codes: readonly number[], recipients: string[]): Promise<void> {
  for (const end = performance.now() + 60_000; ;) {
    const seen = await askOnce(port, recipients).then(
      (replies) => replies.map(({ code }) => code),
      (error: unknown) => [String(error)],
    );
    if (JSON.stringify(seen) === JSON.stringify(codes)) return;
    if (performance.now() > end) throw new Error(`${recipients.join(', ')}: not ${codes.join()}, but ${seen.join()}`);
    await delay(50);
  }
}

async function nextOf(replies: AsyncIterator<SmtpReply>): Promise<SmtpReply> {
  const next = await replies.next();
  if (next.done) throw new Error('the SMTP server hung up');
  return next.value;
}

async function* repliesOf(socket: Socket): AsyncGenerator<SmtpReply> {
  let rest = '';
  let texts: string[] = [];
  for await (const chunk of socket.setEncoding('utf8')) {
    const lines = (rest + String(chunk)).split('\r\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const match = /^(\d{3})([ -])(.*)$/.exec(line);
      if (match === null) throw new Error(`not an SMTP reply: ${line}`);
      texts.push(match[3] ?? '');
      if (match[2] === '-') continue;
      yield { code: Number(match[1]), text: texts.join('\n') };
      texts = [];
    }
  }
}
