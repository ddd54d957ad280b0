// `node delay.mjs FROM:TO ...`: carries TCP from each port FROM of 127.0.0.1 to the port TO of 127.0.0.1. Each line
// of its standard input is `FROM STATE MS`; it prints the line again when that is so. Ends with its standard input.
//   up      each piece of data arrives MS milliseconds later, in both directions
//   down    connections are refused, and those that stood are cut
//   silent  connections are accepted, and nothing arrives until the state changes
// A connection itself is made without delay.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';

/** Timers come up to a millisecond late; what is due within half of one is sent. */
const EARLY = 0.5;

class Way {
  state = 'up';
  ms = 0;
  #pumps = new Set();
  #sockets = new Set();
  #server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.#carry(socket));

  constructor(from, to) {
    this.from = from;
    this.to = to;
  }

  async set(state, ms) {
    [this.state, this.ms] = [state, ms];
    if (state === 'down' && this.#server.listening) {
      const closed = once(this.#server, 'close');
      this.#server.close();
      for (const socket of this.#sockets) socket.destroy();
      await closed;
    } else if (state !== 'down' && !this.#server.listening) {
      this.#server.listen(this.from, '127.0.0.1');
      await once(this.#server, 'listening');
    }
    for (const pump of this.#pumps) pump();
  }

  #carry(near) {
    const far = connect({ port: this.to, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    const both = [near, far];
    for (const socket of both) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        for (const each of both) each.destroy();
      });
    }
    this.#direction(near, far);
    this.#direction(far, near);
  }

  #direction(source, target) {
    /** Due time and data, in order; null is the end. */
    const waiting = [];
    let timer;
    const pump = () => {
      clearTimeout(timer);
      if (this.state !== 'up') return;
      while (waiting.length > 0 && waiting[0][0] <= performance.now() + EARLY) {
        const [, data] = waiting.shift();
        if (data === null) target.end();
        else target.write(data);
      }
      if (waiting.length > 0) timer = setTimeout(pump, Math.max(0, waiting[0][0] - performance.now()));
    };
    const take = (data) => {
      waiting.push([performance.now() + this.ms, data]);
      pump();
    };
    this.#pumps.add(pump);
    source.on('data', take).once('end', () => take(null));
    source.once('close', () => {
      clearTimeout(timer);
      this.#pumps.delete(pump);
    });
  }
}

const ways = process.argv.slice(2).map((pair) => new Way(...pair.split(':').map(Number)));
for (const way of ways) await way.set('up', 0);
process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  const [from, state, ms] = line.split(' ');
  await ways.find((way) => way.from === Number(from)).set(state, Number(ms));
  process.stdout.write(`${line}\n`);
}
process.exit(0);
