// `node ask.mjs JSON`: SMTP clients that ask a server on 127.0.0.1 for recipients, each RCPT after the answer to the
// one before, in transactions that are taken back. They begin when all have been greeted. Prints JSON: what was
// answered, and in what time. Of the JSON:
//   port, clients         where, and how many connections at once
//   known, unknown        files with an address a line; with both, each client asks them in turns
//   seconds, most         ends after this time, or after so many RCPTs of each client
//   patience              milliseconds; a client that waits longer for an answer gives up
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';

const PER_TRANSACTION = 20;

const { port, clients, known, unknown, seconds, most = 1e6, patience = 300_000 } = JSON.parse(process.argv[2]);
const kinds = Object.entries({ known, unknown })
  .filter(([, file]) => file !== undefined)
  .map(([name, file]) => ({ name, keys: readFileSync(file, 'latin1').trim().split('\n'), times: [], codes: {} }));

class GaveUp extends Error {}

class Session {
  #rest = '';
  #settle = null;

  constructor() {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const broken = (error) => this.#settle?.reject(error ?? new Error('the server hung up'));
    this.socket.on('error', broken).once('close', () => broken());
    this.socket.setEncoding('latin1').on('data', (text) => {
      const lines = (this.#rest + text).split('\r\n');
      this.#rest = lines.pop();
      const last = lines.findLast((line) => line[3] !== '-');
      if (last !== undefined) this.#settle?.resolve(last.slice(0, 3));
    });
  }

  /** @returns the code of the answer. */
  async say(line) {
    const answer = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    const timer = setTimeout(() => this.#settle.reject(new GaveUp()), patience);
    if (line !== null) this.socket.write(`${line}\r\n`);
    try {
      return await answer;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Resolves when all clients have been greeted, with the time at which they begin. */
let greeted = 0;
let allGreeted;
const together = new Promise((resolve) => (allGreeted = resolve));

async function client(index) {
  const session = new Session();
  let asked = 0;
  try {
    await session.say(null);
    await session.say('EHLO client.test.invalid');
    if (++greeted === clients) allGreeted(performance.now());
    const end = (await together) + seconds * 1000;
    while (performance.now() < end && asked < most) {
      await session.say('MAIL FROM:<stranger@sender.invalid>');
      for (let i = 0; i < PER_TRANSACTION && performance.now() < end && asked < most; i++, asked++) {
        const { keys, times, codes } = kinds[asked % kinds.length];
        // Each client begins at a place of its own.
        const key =
          keys[(Math.floor(asked / kinds.length) + Math.floor((index * keys.length) / clients)) % keys.length];
        const from = performance.now();
        const code = await session.say(`RCPT TO:<${key}>`).catch((error) => {
          if (!(error instanceof GaveUp)) throw error;
          return null;
        });
        times.push(performance.now() - from);
        const name = code ?? 'none';
        codes[name] = (codes[name] ?? 0) + 1;
        if (code === null) return;
      }
      await session.say('RSET');
    }
    await session.say('QUIT');
  } finally {
    session.socket.destroy();
  }
}

/** The time within which this part of the answers came. */
function within(times, part) {
  const sorted = Float64Array.from(times).sort();
  return Number((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0).toFixed(3));
}
const summary = (times) => ({ median: within(times, 0.5), hundredth: within(times, 0.99), slowest: within(times, 1) });

const connected = performance.now();
await Promise.all(Array.from({ length: clients }, (_, i) => client(i)));
const from = await together;
const took = (performance.now() - from) / 1000;
const all = kinds.flatMap(({ times }) => times);
const answers = kinds.map(({ name, times, codes }) => [name, { codes, ...summary(times) }]);
const waited = (from - connected) / 1000;
const result = { rcpts: all.length, seconds: took, greeted: waited, ...summary(all), ...Object.fromEntries(answers) };
process.stdout.write(`${JSON.stringify(result)}\n`);
