// The site that all jobs measure: a list of recipients, published and served over HTTPS on loopback, and a
// gateway's configuration. All of it lies in one temporary folder and goes with it.
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { changedLines, domainsOf, writeList } from './list.mjs';
import { run } from './measure.mjs';

const dist = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../dist/bin');

export class Site {
  folder = mkdtempSync(path.join(os.tmpdir(), 'relaymap-bench-'));
  rows = 0;
  kind = 'organisation';
  domains = [];
  url = '';
  #updates = 0;
  #server = null;

  /** A path in the site's folder. */
  at = (...names) => path.join(this.folder, ...names);
  relaymap = (...args) => [process.execPath, path.join(dist, 'relaymap.cjs'), ...args];
  publish = (...args) => [process.execPath, path.join(dist, 'relaymap-publish.js'), ...args];

  /** Both contenders use the same private Postfix configuration: the machine's own may be missing or in use. */
  get env() {
    return { MAIL_CONFIG: this.at('postfix') };
  }

  /** Makes, publishes and serves the list. */
  async open(rows, kind = 'organisation') {
    this.rows = rows;
    this.kind = kind;
    this.domains = domainsOf(rows, kind);
    for (const name of ['postfix', 'queue', 'data', 'public', 'keys']) mkdirSync(this.at(name));
    writeFileSync(
      this.at('postfix/main.cf'),
      `compatibility_level = 3.6\nqueue_directory = ${this.at('queue')}\ndata_directory = ${this.at('data')}\n`,
    );
    writeFileSync(this.at('postfix/master.cf'), '');
    writeList(this.at('recipients'), rows, kind);
    await this.#certificate();
    await run(this.publish('keygen', '--out', this.at('secret'), '--name', 'bench'));
    copyFileSync(this.at('secret/bench.pub'), this.at('keys/bench.pub'));
    writeFileSync(this.at('publish.toml'), this.#publisherConfig());
    await this.#publish();
    await this.#serve();
    writeFileSync(this.at('relaymap.toml'), this.#gatewayConfig());
  }

  /** The payload of the published manifest. */
  manifest() {
    const envelope = JSON.parse(readFileSync(this.at('public/manifest.json'), 'utf8'));
    return JSON.parse(Buffer.from(envelope.payload, 'base64').toString());
  }

  /** Forgets all that the gateway has. */
  emptyGateway() {
    for (const name of ['state', 'maps']) rmSync(this.at(name), { recursive: true, force: true });
  }

  /** Publishes a list in which `rows` rows differ from the one before: half of them gone, half of them new. */
  async change(rows) {
    const lines = readFileSync(this.at('recipients'), 'latin1').split('\n').slice(0, -1);
    const next = changedLines(lines, this.domains, rows, ++this.#updates);
    writeFileSync(this.at('recipients'), `${next.join('\n')}\n`, 'latin1');
    await this.#publish();
  }

  /** Publishes the same list once more: a version that only renews. */
  renew() {
    return this.#publish('--next-version', String(this.manifest().version + 1));
  }

  manifestBytes() {
    return readFileSync(this.at('public/manifest.json')).length;
  }

  async close() {
    const server = this.#server;
    if (server !== null) {
      const closed = new Promise((resolve) => server.once('close', resolve));
      server.stdin.end();
      await closed;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #publish(...options) {
    await run(this.publish('publish', '--config', this.at('publish.toml'), ...options));
  }

  async #certificate() {
    const subject = ['-subj', '/CN=relaymap bench', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
    const files = ['-keyout', this.at('tls.key'), '-out', this.at('tls.pem')];
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    await run(['openssl', 'req', '-x509', ...key, ...subject, ...files]);
  }

  /** The server ends with its standard input, and so with us, however we end. */
  async #serve() {
    const argv = this.publish('serve', '--config', this.at('publish.toml'));
    const guard = ['-c', '"$@" & server=$!; read -r _; kill "$server"; wait "$server"', 'serve', ...argv];
    const server = spawn('sh', guard, { stdio: ['pipe', 'pipe', 'inherit'], env: { PATH: process.env.PATH } });
    this.#server = server;
    server.stdin.on('error', () => undefined);
    this.url = await new Promise((resolve, reject) => {
      server.once('error', reject).once('close', () => reject(new Error('the server ended')));
      server.stdout.setEncoding('utf8').once('data', (line) => resolve(/https:\S+/.exec(line)?.[0]));
    });
  }

  #publisherConfig() {
    return `name = "bench"
output = "${this.at('public')}"
state_dir = "${this.at('publisher')}"
keys = ["${this.at('secret/bench.key')}"]
[[source]]
type = "file"
path = "${this.at('recipients')}"
[serve]
listen = "127.0.0.1:0"
cert = "${this.at('tls.pem')}"
key = "${this.at('tls.key')}"
public = true
`;
  }

  #gatewayConfig() {
    return `state_dir = "${this.at('state')}"
map_dir = "${this.at('maps')}"
[[bundle]]
name = "bench"
urls = ["${this.url}"]
keys = "${this.at('keys')}"
ca_file = "${this.at('tls.pem')}"
`;
  }
}
