// An SMTP client that asks one RCPT at a time over one connection, for the time that an answer takes. Connects to
// 127.0.0.1 only.
import { once } from 'node:events';
import { connect } from 'node:net';

export class Stranger {
  #socket;
  #rest = '';
  #answered = () => undefined;

  static async connect(port) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const stranger = new Stranger(socket);
    const greeting = stranger.#next();
    await once(socket, 'connect');
    await greeting;
    await stranger.#say('EHLO client.test.invalid');
    await stranger.#say('MAIL FROM:<stranger@sender.invalid>');
    return stranger;
  }

  constructor(socket) {
    this.#socket = socket;
    socket.setEncoding('latin1').on('data', (text) => {
      const lines = (this.#rest + text).split('\r\n');
      this.#rest = lines.pop();
      for (const line of lines) if (line[3] !== '-') this.#answered(line);
    });
  }

  /** @returns the whole reply to RCPT, which must not be a temporary failure. */
  async ask(address) {
    let reply = await this.#say(`RCPT TO:<${address}>`);
    if (reply.startsWith('452') || reply.startsWith('503')) {
      // The transaction is full, or gone with a restart of the server: another.
      await this.#say('RSET');
      await this.#say('MAIL FROM:<stranger@sender.invalid>');
      reply = await this.#say(`RCPT TO:<${address}>`);
    }
    if (reply.startsWith('4')) throw new Error(`RCPT: ${reply}`);
    return reply;
  }

  end() {
    this.#socket.destroy();
  }

  #say(line) {
    const reply = this.#next();
    this.#socket.write(`${line}\r\n`);
    return reply;
  }

  #next() {
    return new Promise((resolve) => (this.#answered = resolve));
  }
}
