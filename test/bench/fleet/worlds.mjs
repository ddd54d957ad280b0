// The two worlds in which the fleet plays: one of simulated time, over in a moment, whose central side is a line of
// arithmetic; and the real one, with nginx and a TLS connection for each poll.
import { readFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls, createSecureContext } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'undici';

/** Milliseconds that a poll takes there. */
const ANSWER = 20;

/**
 * Plays events in the order of their times. `versionAt(ms)` is what is published then; null is a central side that
 * is down.
 */
export class SimulatedWorld {
  #events = [];
  #now = 0;
  #versionAt;

  constructor(versionAt) {
    this.#versionAt = versionAt;
  }

  now = () => this.#now;

  at = (ms, run) => void this.#events.push({ ms, run });

  ask = (gateway) => {
    const version = this.#versionAt(this.#now);
    const answer = version === null ? 'failed' : version === gateway.version ? 'unchanged' : version;
    this.#now += ANSWER;
    return answer; // at once: simulated time has no one to wait for
  };

  async play() {
    this.#events.sort((a, b) => a.ms - b.ms);
    for (const { ms, run } of this.#events) {
      this.#now = ms;
      await run();
    }
  }
}

/** Real time, real requests to nginx. */
export class RealWorld {
  #events = [];
  #start = 0;
  #origin;
  #context;
  #port;
  #deltas = new Map();
  /** Milliseconds that each answered poll took. */
  polls = [];
  /**
   * Bytes on the wire with TLS, without TCP's own, `{ count, up, down }`: of polls that brought nothing, with a
   * whole TLS handshake and with the session of the last time, and of those that brought a version.
   */
  wire = { greeted: counter(), unchanged: counter(), changed: counter() };
  largestDelay = 0;
  /** Why the last poll that failed did. */
  lastError = new Error('nobody asked');

  constructor(site, port) {
    this.#port = port;
    this.#origin = `https://127.0.0.1:${port}`;
    this.#context = createSecureContext({ ca: readFileSync(site.at('tls.pem')) });
  }

  now = () => performance.now() - this.#start;

  at = (ms, run) => void this.#events.push({ ms, run });

  /**
   * One poll as a gateway makes it: a connection of its own, the TLS session of the last one, If-None-Match, and a
   * delta over the same.
   */
  ask = async (gateway) => {
    const started = performance.now();
    let socket = null;
    let raw = null;
    const connect = (_, done) => {
      raw = connectTcp({ host: '127.0.0.1', port: this.#port, noDelay: true });
      raw.once('error', (error) => done(error, null));
      socket = connectTls({
        host: '127.0.0.1',
        socket: raw,
        secureContext: this.#context,
        session: gateway.session ?? undefined,
      });
      socket.on('session', (session) => (gateway.session = session));
      socket.once('secureConnect', () => done(null, socket)).once('error', (error) => done(error, null));
    };
    const client = new Client(this.#origin, { connect, pipelining: 1 });
    try {
      const headers = gateway.etag === null ? {} : { 'if-none-match': gateway.etag };
      const answer = await get(client, '/manifest.json', headers);
      let version = 'unchanged';
      if (answer.status === 200) {
        version = await this.#take(client, answer, gateway);
      } else if (answer.status !== 304) throw new Error(`status ${answer.status}`);
      const kind = version !== 'unchanged' ? 'changed' : socket.isSessionReused() ? 'unchanged' : 'greeted';
      const wire = this.wire[kind];
      wire.count++;
      wire.up += raw.bytesWritten;
      wire.down += raw.bytesRead;
      this.polls.push(performance.now() - started);
      return version;
    } catch (error) {
      this.lastError = error;
      return 'failed';
    } finally {
      await client.destroy();
      raw?.destroy();
    }
  };

  async #take(client, { body, etag }, gateway) {
    if (!this.#deltas.has(etag)) this.#deltas.set(etag, manifestOf(body));
    const { version, table, from } = this.#deltas.get(etag);
    if (!from.includes(gateway.table)) throw new Error('no delta');
    const delta = await get(client, `/recipients/${gateway.table}-${table}.delta.gz`, {});
    if (delta.status !== 200) throw new Error(`status ${delta.status}`);
    Object.assign(gateway, { etag, table });
    return version;
  }

  /** What a gateway has that is up to date now. */
  async current() {
    const client = new Client(this.#origin, { connect: { secureContext: this.#context } });
    const { etag, body } = await get(client, '/manifest.json', {});
    await client.close();
    const { version, table } = manifestOf(body);
    return { version, etag, table };
  }

  /** Plays for `ms`; `script` is `[{ ms, run }]`, of the central side. */
  async play(ms, script = []) {
    const all = [...this.#events, ...script].sort((a, b) => a.ms - b.ms);
    this.#start = performance.now();
    const running = new Set();
    for (const { ms: due, run } of all) {
      if (due > ms) break;
      const wait = due - this.now();
      if (wait > 1) await sleep(wait);
      else if (running.size > 0) await new Promise((resolve) => setImmediate(resolve));
      this.largestDelay = Math.max(this.largestDelay, this.now() - due);
      const done = Promise.resolve(run()).finally(() => running.delete(done));
      running.add(done);
    }
    await Promise.all(running);
  }
}

const counter = () => ({ count: 0, up: 0, down: 0 });

async function get(client, path, headers) {
  const {
    statusCode,
    headers: given,
    body,
  } = await client.request({
    path,
    method: 'GET',
    headers: { 'accept-encoding': 'identity', 'user-agent': 'relaymap', ...headers },
    headersTimeout: 20_000,
    bodyTimeout: 20_000,
  });
  return { status: statusCode, etag: given.etag, body: Buffer.from(await body.arrayBuffer()) };
}

/** Version, hash of the table, and those from which a delta leads there. */
function manifestOf(body) {
  const { version, tables } = JSON.parse(Buffer.from(JSON.parse(body).payload, 'base64'));
  const { sha256: table, deltas = [] } = tables.recipients;
  return { version, table, from: deltas.map((delta) => delta.from) };
}
