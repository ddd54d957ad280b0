// Runs `relaymap run` as its service does, for what is measured of it: polls on demand, memory and CPU from /proc,
// and a server that gives each poll a connection of its own. Loopback only.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const TICK = 1 / Number(process.env.CLK_TCK ?? 100);
/**
 * As the service's unit has it: a nursery of 1 MiB and early collections; without them V8 lets 40 MiB of garbage
 * lie about.
 */
const FLAGS = ['--max-semi-space-size=1', '--initial-heap-size=16', '--heap-growing-percent=20'];
/** No cycle of its own accord, for as long as anything here takes. */
const WHEN_TOLD = '[schedule]\ncron = "0 0 1 1 *"\njitter = "0s"\n';

const status = (pid, name) =>
  Number(new RegExp(`^${name}:\\s+([0-9]+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);

/** CPU seconds of the process and of its children that have ended. */
function cpu(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /, '')
    .split(' ')
    .map(Number);
  return { own: (fields[11] + fields[12]) * TICK, ended: (fields[13] + fields[14]) * TICK };
}

/**
 * `{ url, close }`: the published files, each over a connection of its own: with a minute between two polls none
 * lasts.
 */
export async function serveAlone(site) {
  const tls = { key: readFileSync(site.at('tls.key')), cert: readFileSync(site.at('tls.pem')) };
  const server = createServer(tls, (request, response) => {
    const body = readFileSync(path.join(site.at('public'), path.posix.normalize(request.url)));
    const etag = `"${site.manifest().version}"`;
    const fresh = request.headers['if-none-match'] === etag;
    response.writeHead(fresh ? 304 : 200, { etag, connection: 'close' }).end(fresh ? undefined : body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `https://127.0.0.1:${server.address().port}/`, close };
}

export class Daemon {
  #child;
  #state;
  /** The end of its log. */
  #said = '';

  /**
   * Starts it, and comes back when its first cycle has ended.
   * @param url where it asks. @param schedule when, else never by itself. @param more lines of its `[health]`.
   * @param name of its state and its maps; else the site's own.
   * @param under a command that runs it.
   */
  static async start(site, { url, schedule = WHEN_TOLD, more = '', name = '', under = [] }) {
    const config = site.at(`daemon${name}.toml`);
    let toml = readFileSync(site.at('relaymap.toml'), 'utf8').replace(site.url, url);
    if (name !== '') toml = toml.replace(site.at('state'), site.at(`state${name}`));
    if (name !== '') toml = toml.replace(site.at('maps'), site.at(`maps${name}`));
    writeFileSync(config, `${toml}${schedule}[health]\n${more}`);
    const [program, ...args] = site.relaymap('run', '--config', config);
    const daemon = new Daemon(site, [...under, program, ...FLAGS, ...args], site.at(`state${name}/status.json`));
    const before = daemon.reported();
    try {
      await daemon.#until(() => daemon.reported() > before);
    } catch (error) {
      await daemon.stop();
      throw error;
    }
    return daemon;
  }

  constructor(site, [program, ...args], state) {
    this.#state = state;
    this.#child = spawn(program, args, { env: { ...process.env, ...site.env }, stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child.stderr.setEncoding('utf8').on('data', (text) => (this.#said = (this.#said + text).slice(-4096)));
  }

  get pid() {
    return this.#child.pid;
  }

  get resident() {
    return status(this.pid, 'VmRSS') / 1024;
  }

  /** The most that it had resident so far, MiB. */
  get peak() {
    return status(this.pid, 'VmHWM') / 1024;
  }

  /** CPU seconds of the process, and those of all its children, living or ended. */
  usage() {
    const { own, ended } = cpu(this.pid);
    const children = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean);
    const living = children.map(cpu).reduce((sum, c) => sum + c.own + c.ended, 0);
    return { own, children: ended + living };
  }

  /** Asks for `polls` cycles, one after the other. @param each called before each. @returns CPU seconds a poll. */
  async poll(polls, each = () => undefined) {
    const first = this.reported();
    const before = this.usage();
    let asked = 0;
    for (let done = 0; done < polls; done = this.reported() - first) {
      // A signal during a cycle means one more after it: never more than one ahead.
      if (asked <= done) {
        each(done);
        this.#child.kill('SIGUSR2');
        asked = done + 1;
      }
      await this.#living();
    }
    const after = this.usage();
    return { own: (after.own - before.own) / polls, children: (after.children - before.children) / polls };
  }

  /** Ends it, and waits for it. */
  async stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.kill('SIGTERM');
    await closed;
  }

  /** Cycles that are on record, ever. */
  reported() {
    try {
      const { counters } = JSON.parse(readFileSync(this.#state, 'utf8'));
      return counters.cycles.reduce((sum, c) => sum + c.count, 0);
    } catch (error) {
      if (error.code === 'ENOENT') return 0;
      throw error;
    }
  }

  async #until(so) {
    while (!so()) await this.#living();
  }

  async #living() {
    if (this.#child.exitCode !== null) throw new Error(`the daemon ended with ${this.#child.exitCode}: ${this.#said}`);
    await sleep(3);
  }
}
